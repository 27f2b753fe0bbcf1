"""A device whose clock is wrong is one alarm, and a message that was held up is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.quality import Quality
from gateway.alarms.definitions import Level
from gateway.observe import Metrics
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import load_site
from gateway.roles.replay import replay_file
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.clocks import Clocks
from gateway.southbound.ingest import Ingest
from tests.gateway.southbound.test_liveness import HEAD, START

SECOND = 1_000_000_000
DEVICE = """[[device]]
id = "d{n}"
profile = "generic/json"
area = "A1"
topic = "p/{n}"
{time}
[[device.point]]
channel = "x"
pointer = "/x"
tag = "T{n}"
unit = "ppm"
interval = "1s"
limits = {{ h = 100 }}
[[device.point]]
channel = "y"
pointer = "/y"
tag = "S{n}"
unit = "ppm"
interval = "{interval}"
"""
STATED = 'time = "/ts"'


def plant_of(folder: Path, *times: str, interval: str = "1s") -> Plant:
    path = folder / "site.toml"
    devices = (DEVICE.format(n=n, time=time, interval=interval) for n, time in enumerate(times))
    path.write_text(HEAD + "".join(devices), encoding="utf-8")
    return load_site(path).plant


class Watch:
    """The clocks of a plant, driven second by second."""

    def __init__(
        self, plant: Plant, standing: tuple[str, ...] = (), most: int | None = None
    ) -> None:
        self.plant, self.clocks = plant, Clocks(plant, standing, most=most)
        self.told: list[tuple[str, bool, int]] = []

    def hear(self, second: float, quality: Quality, point: int = 0, late: float = 0.0) -> None:
        now = START + int(second * SECOND)
        row: Row = (point, now - int(late * SECOND), now, 1.0, int(quality))
        self.clocks.take(ReadingBatch.from_rows([row]))

    def tick(self, second: int) -> None:
        for each in self.clocks.tick(START + second * SECOND):
            alarm = self.plant.definitions.alarm(each.row)
            self.told.append((alarm, each.active, (each.time_ns - START) // SECOND))

    def run(self, seconds: range, quality: Quality, **what: float) -> None:
        for second in seconds:
            self.hear(second, quality, **what)  # type: ignore[arg-type]
            self.tick(second)


@pytest.mark.parametrize(
    "quality", [Quality.TIME_FUTURE, Quality.TIME_IMPLAUSIBLE, Quality.TIME_MISSING]
)
def test_impossible_times_for_a_minute_are_an_alarm_until_a_minute_was_right(
    tmp_path: Path, quality: Quality
) -> None:
    """Once for the device, at the first of its points, whichever of them said so."""
    watch = Watch(plant_of(tmp_path, STATED))
    watch.run(range(100), quality, point=1)
    watch.run(range(100, 200), Quality.GOOD)
    assert watch.told == [("gw/T0/clock", True, 60), ("gw/T0/clock", False, 160)]
    definition = watch.plant.definitions.get("gw/T0/clock")
    assert definition is not None
    assert (definition.sounds, definition.level, definition.area) == (False, Level.FAULT, "A1")
    assert definition.title_zh == "设备时钟异常"
    assert watch.plant.definitions.get("gw/S0/clock") is None


def test_a_device_that_sets_its_clock_at_start_is_no_alarm(tmp_path: Path) -> None:
    """Fifty seconds of 1970 after each start, then the right time: nobody is told."""
    watch = Watch(plant_of(tmp_path, STATED))
    for start in range(0, 600, 60):
        watch.run(range(start, start + 50), Quality.TIME_IMPLAUSIBLE)
        watch.run(range(start + 50, start + 60), Quality.GOOD)
    assert watch.told == []


def test_a_wrong_time_now_and_then_keeps_it_standing(tmp_path: Path) -> None:
    """A clock that is right for half a minute at a time is not right."""
    watch = Watch(plant_of(tmp_path, STATED))
    watch.run(range(70), Quality.TIME_FUTURE)
    for start in range(70, 400, 40):
        watch.run(range(start, start + 39), Quality.GOOD)
        watch.hear(start + 39, Quality.TIME_FUTURE)
        watch.tick(start + 39)
    assert watch.told == [("gw/T0/clock", True, 60)]


def test_a_rare_device_has_more_time(tmp_path: Path) -> None:
    """Three intervals of its slowest point where they are longer than a minute."""
    watch = Watch(plant_of(tmp_path, STATED, interval="10min"))
    for n in range(5):
        watch.hear(600 * n, Quality.TIME_MISSING)
        watch.tick(600 * n)
    assert watch.told == [("gw/T0/clock", True, 1800)]


def test_a_slow_clock_is_an_alarm_after_ten_minutes(tmp_path: Path) -> None:
    """Late by as much with each reading; its readings are GOOD, and nobody else would tell."""
    watch = Watch(plant_of(tmp_path, STATED))
    watch.run(range(700), Quality.GOOD, late=61.0)
    watch.run(range(700, 800), Quality.GOOD)
    assert watch.told == [("gw/T0/clock", True, 600), ("gw/T0/clock", False, 760)]


@pytest.mark.parametrize(
    ("time", "late"), [(STATED, 59.0), (f'{STATED}\nusual_delay = "5min"', 290.0)]
)
def test_what_its_transport_needs_is_no_slow_clock(tmp_path: Path, time: str, late: float) -> None:
    """A minute, from which data are late at all, or what the site states of the device."""
    watch = Watch(plant_of(tmp_path, time))
    watch.run(range(1000), Quality.GOOD, late=late)
    assert watch.told == []


def test_a_backlog_is_no_slow_clock(tmp_path: Path) -> None:
    """A device hands over what it kept for two hours, at twice the pace, then is on time."""
    watch = Watch(plant_of(tmp_path, STATED))
    for second in range(7300):
        watch.hear(second, Quality.GOOD, late=max(0.0, 7200.0 - second))
        watch.tick(second)
    assert watch.told == []


def test_what_waited_behind_a_fence_says_nothing(tmp_path: Path) -> None:
    """FENCED readings for minutes: no clock is blamed for a broker's queue."""
    watch = Watch(plant_of(tmp_path, STATED))
    watch.run(range(300), Quality.FENCED)
    assert watch.told == []


def test_a_device_without_a_clock_has_no_alarm(tmp_path: Path) -> None:
    """By its own statement or its profile's: there is nothing that could be wrong."""
    plant = plant_of(tmp_path, 'time = "received"', STATED)
    assert plant.definitions.get("gw/T0/clock") is None
    assert plant.definitions.get("gw/T1/clock") is not None
    ingest, watch = Ingest(plant, Metrics()), Watch(plant)
    for second in range(100):
        now = START + second * SECOND
        said = [Message(f"p/{n}", b'{"x": 1, "y": 1}') for n in (0, 1)]
        watch.clocks.take(ingest.take(Arrivals.of(said, received_ns=now)).batch)
        watch.tick(second)
    assert watch.told == [("gw/T1/clock", True, 60)]


def test_a_step_of_the_gateways_clock_counts_anew(tmp_path: Path) -> None:
    """What was counted by a clock that was false is forgotten; what stands stands."""
    watch = Watch(plant_of(tmp_path, STATED, STATED))
    watch.run(range(70), Quality.TIME_FUTURE)
    watch.run(range(50), Quality.TIME_FUTURE, point=2)
    watch.clocks.begin()
    watch.run(range(50, 100), Quality.TIME_FUTURE, point=2)
    assert watch.told == [("gw/T0/clock", True, 60)]
    watch.run(range(100, 170), Quality.GOOD)
    assert watch.told[1:] == [("gw/T0/clock", False, 160)]


def test_what_stood_at_a_start_is_not_raised_again_and_ends_when_it_was_right(
    tmp_path: Path,
) -> None:
    """The store knows what stands; alarms of other rules are no matter of the clock."""
    watch = Watch(plant_of(tmp_path, STATED, STATED), ("gw/T0/clock", "gw/T1/h", "gw/@node/x"))
    watch.run(range(100), Quality.TIME_FUTURE)
    watch.run(range(100, 200), Quality.GOOD)
    assert watch.told == [("gw/T0/clock", False, 160)]


def test_a_whole_plant_is_told_in_turn(tmp_path: Path) -> None:
    """This machine's clock is wrong: every device is told, so many a second, with its second."""
    watch = Watch(plant_of(tmp_path, *[STATED] * 10), most=3)
    for second in range(70):
        for device in range(10):
            watch.hear(second, Quality.TIME_FUTURE, point=2 * device)
        before = len(watch.told)
        watch.tick(second)
        assert len(watch.told) - before <= 3
    assert watch.told == [(f"gw/T{n}/clock", True, 60) for n in range(10)]


def test_a_replay_tells_the_same_in_any_batch_on_any_number_of_workers(tmp_path: Path) -> None:
    """A long recording states the qualities that were; the edges bear whole seconds."""
    plant_of(tmp_path, STATED, STATED, STATED)
    lines = ["time,tag,value,quality"]
    for second in range(300):
        for n in range(3):
            quality = "TIME_FUTURE" if 20 * n <= second < 100 else "GOOD"
            lines.append(f"{START // SECOND + second + n / 10},T{n},1,{quality}")
    source = tmp_path / "r.csv"
    source.write_text("\n".join(lines), encoding="utf-8")
    site, found = load_site(tmp_path / "site.toml"), []
    for batch, workers in ((4096, 1), (1, 1), (64, 2)):
        out = tmp_path / f"{batch}.{workers}.jsonl"
        summary = replay_file(site, source, out, batch=batch, workers=workers)
        found.append(out.read_bytes())
    assert found[1:] == found[:1] * 2
    begin = START // SECOND
    moves = {a: [m // SECOND - begin for m in each] for a, each in summary.moves.items()}
    assert {alarm: each for alarm, each in moves.items() if alarm.endswith("clock")} == {
        "gw/T0/clock": [60, 160], "gw/T1/clock": [80, 160],
    }  # fmt: skip
