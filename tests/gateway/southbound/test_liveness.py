"""Silence: three expected intervals without usable data are an alarm, and nothing else is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from device_profiles.quality import Quality
from gateway.model import NANOSECONDS, Detection
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import load_site
from gateway.southbound.liveness import Liveness

START = 1_790_000_000 * NANOSECONDS
HEAD = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1"
[[area]]
id = "A1"
name = "Room"
hazard = "ammonia_refrigeration"
"""
DEVICE = """[[device]]
id = "d{n}"
profile = "generic/json"
area = "A1"
topic = "p/{n}"
[[device.point]]
channel = "x"
pointer = "/x"
tag = "T{n}"
unit = "ppm"
interval = "{interval}"
limits = {{ h = 100 }}
"""


def plant_of(folder: Path, *intervals: str) -> Plant:
    path = folder / "site.toml"
    devices = "".join(DEVICE.format(n=n, interval=each) for n, each in enumerate(intervals))
    path.write_text(HEAD + devices, encoding="utf-8")
    return load_site(path).plant


class Watch:
    """An engine and its liveness, driven second by second."""

    def __init__(
        self, plant: Plant, silent: tuple[str, ...] = (), *, most: int | None = None
    ) -> None:
        self.plant, self.engine = plant, Engine(plant)
        self.liveness = Liveness(plant, silent, most=most)

    def hear(self, *rows: Row) -> None:
        self.engine.process(ReadingBatch.from_rows(rows))

    def tick(self, second: float) -> list[tuple[str, bool]]:
        now = START + int(second * NANOSECONDS)
        return [self.told(each) for each in self.liveness.tick(now, self.engine.heard)]

    def detections(self, second: int) -> list[tuple[int, bool, int]]:
        """Return (row, active, time) of each edge that a tick hands out."""
        found = self.liveness.tick(START + second * NANOSECONDS, self.engine.heard)
        return [(each.row, each.active, each.time_ns) for each in found]

    def told(self, detection: Detection) -> tuple[str, bool]:
        definition = self.plant.definitions[detection.row]
        assert definition.rule == "no_data"
        assert math.isnan(detection.value)
        return definition.tag, detection.active

    def good(self, second: float, point: int = 0, value: float = 1.0, quality: int = 0) -> None:
        now = START + int(second * NANOSECONDS)
        self.hear((point, now, now, value, quality))


def test_three_intervals_without_data_are_silence(tmp_path: Path) -> None:
    """Not a second before the third interval is over, once, and over with the next good reading."""
    watch = Watch(plant_of(tmp_path, "10s"))
    watch.liveness.begin(START)
    watch.good(5)
    assert [watch.tick(second) for second in range(35)] == [[]] * 35
    assert [watch.tick(second) for second in range(35, 40)] == [[("T0", True)], [], [], [], []]
    watch.good(41)
    assert watch.tick(41) == [("T0", False)]
    assert watch.tick(42) == []


def test_it_counts_anew_from_each_subscription(tmp_path: Path) -> None:
    """While the broker was away nobody is blamed; what stood silent before stands."""
    watch = Watch(plant_of(tmp_path, "1s", "1s"), silent=("T1",))
    assert watch.tick(0) == []
    watch.liveness.begin(START)
    watch.liveness.begin(START + 100 * NANOSECONDS)
    assert [watch.tick(100 + second) for second in range(3)] == [[]] * 3
    assert watch.tick(103) == [("T0", True)]
    assert watch.liveness.silent.tolist() == [True, True]
    # Heard before the subscription does not end it; heard after it does.
    watch.liveness.begin(START + 200 * NANOSECONDS)
    watch.good(199.5)
    assert watch.tick(200) == []
    watch.good(200.5)
    watch.good(200.5, point=1)
    assert watch.tick(201) == [("T0", False), ("T1", False)]


@pytest.mark.parametrize("quality", [q for q in Quality if q.verdict == 2], ids=lambda q: q.name)
def test_bad_readings_are_not_heard(tmp_path: Path, quality: Quality) -> None:
    """A device that speaks nonsense is as blind as one that is silent."""
    watch = Watch(plant_of(tmp_path, "1s"))
    watch.liveness.begin(START)
    found = []
    for second in range(5):
        watch.good(second, value=math.nan, quality=int(quality))
        found += watch.tick(second)
    assert found == [("T0", True)]


@pytest.mark.parametrize("quality", [Quality.FENCED, Quality.RETAINED])
def test_old_readings_are_not_heard(tmp_path: Path, quality: Quality) -> None:
    """What waited in a queue says nothing of now; nor does what comes a minute late."""
    watch = Watch(plant_of(tmp_path, "1s"))
    watch.liveness.begin(START)
    found = []
    for second in range(5):
        watch.good(second, quality=int(quality))
        now = START + second * NANOSECONDS
        watch.hear((0, now - 100 * NANOSECONDS, now, 1.0, 0))
        found += watch.tick(second)
    assert found == [("T0", True)]


def test_uncertain_readings_are_heard(tmp_path: Path) -> None:
    """A device without a clock is no blind spot."""
    watch = Watch(plant_of(tmp_path, "1s"))
    watch.liveness.begin(START)
    for second in range(20):
        watch.good(second, quality=int(Quality.TIME_MISSING))
        assert watch.tick(second) == []


@pytest.mark.more
def test_a_quiet_day_has_no_false_silence(tmp_path: Path) -> None:
    """From one second to a quarter of an hour: each message on time, within jitter, for 24 h."""
    intervals = (1, 10, 60, 900)
    watch = Watch(plant_of(tmp_path, *(f"{each}s" for each in intervals)))
    watch.liveness.begin(START)
    jitter = np.random.default_rng(7)
    for second in range(86_400):
        for point, interval in enumerate(intervals):
            if second % interval == 0:
                now = START + second * NANOSECONDS
                delay = int(jitter.uniform(0, 0.9 * NANOSECONDS))
                watch.hear((point, now, now + delay, 1.0, 0))
        assert watch.tick(second + 1) == []
    # The same day would have told a device that stopped.
    assert watch.tick(86_400 + 3 * 900) == [(f"T{n}", True) for n in range(4)]


def test_the_next_instant_is_never_too_late(tmp_path: Path) -> None:
    """What replay skips holds nothing: between now and `next_due` no tick tells anything."""
    watch = Watch(plant_of(tmp_path, "1s", "7s"))
    assert watch.liveness.next_due(watch.engine.heard) > START + 10**18
    watch.liveness.begin(START)
    chance = np.random.default_rng(3)
    for second in range(200):
        if chance.random() < 0.4:
            watch.good(second + 0.3, point=int(chance.integers(2)))
        due = watch.liveness.next_due(watch.engine.heard)
        told = watch.tick(second + 1)
        assert not told or due <= START + (second + 1) * NANOSECONDS


def test_a_plant_that_falls_silent_is_told_in_parts(tmp_path: Path) -> None:
    """So many a tick, the oldest first, each with the second in which it was judged; none lost."""
    plant = plant_of(tmp_path, *["1s"] * 50, *["2s"] * 50)
    whole, parts = Watch(plant), Watch(plant, most=7)
    for watch in (whole, parts):
        watch.liveness.begin(START)
    expected = [each for second in range(40) for each in whole.detections(second)]
    assert len(expected) == 100
    told = []
    for second in range(40):
        found = parts.detections(second)
        assert len(found) <= 7
        told += found
        # While something waits, the next second is never passed over.
        assert bool(parts.liveness.waiting) == (parts.liveness.next_due(parts.engine.heard) == 0)
    assert told == expected
    assert parts.liveness.waiting == 0


def test_who_speaks_before_its_silence_was_told_is_not_told(tmp_path: Path) -> None:
    """What is over before its turn came is no news; the truth is known at once."""
    watch = Watch(plant_of(tmp_path, *["1s"] * 5), most=2)
    watch.liveness.begin(START)
    assert watch.tick(3) == [("T0", True), ("T1", True)]
    assert watch.liveness.is_silent("T4")
    watch.good(3.5, point=4)
    watch.good(3.5, point=0)
    assert watch.tick(4) == [("T2", True), ("T3", True)]
    assert not watch.liveness.is_silent("T4")
    assert watch.tick(5) == [("T0", False)]
    assert watch.liveness.waiting == 0


def test_points_that_come_and_go_are_no_endless_queue(tmp_path: Path) -> None:
    """What waits while a plant flaps is bounded, and what was told of it comes true."""
    count = 60
    watch = Watch(plant_of(tmp_path, *["1s"] * count), most=3)
    watch.liveness.begin(START)
    told: dict[str, bool] = {}
    for second in range(300):
        if second % 10 < 5:
            for point in range(count):
                watch.good(second + 0.5, point=point)
        for tag, active in watch.tick(second + 1):
            assert told.get(tag, False) is not active
            told[tag] = active
        assert watch.liveness.waiting <= count
    for second in range(300, 400):
        told.update(watch.tick(second + 1))
    assert watch.liveness.waiting == 0
    assert told == {f"T{point}": True for point in range(count)}
