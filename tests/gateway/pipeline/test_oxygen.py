"""A catalytic sensor and the oxygen beside it: who is whose, and what becomes of its readings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.companion import Ward
from device_profiles.quality import Quality
from gateway.model import Priority
from gateway.observe import Metrics
from gateway.pipeline.engine import GRADES, Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import load_site
from gateway.roles.replay import replay_file, shares_of
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.ingest import Ingest
from tests.gateway.pipeline.derived import SECOND, START, starts_anew
from tests.gateway.pipeline.needing import GAS, OXYGEN, device, plant, write
from tests.gateway.pipeline.test_bad_site import problems
from tests.gateway.pipeline.test_engine import run, shown

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "deploy" / "edge" / "site.toml"
DEMO = ROOT / "gateway" / "simulation" / "site.toml"
NAMED = 'oxygen = "OT-2"'
AREA = '[[area]]\nid = "CS9"\nname = "Pit"\nhazard = "confined_space"\n'


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """One device with gas and oxygen, and one whose oxygen is the first one's."""
    return plant(
        tmp_path_factory.mktemp("site"),
        device(1, GAS, OXYGEN),
        device(2, GAS, more='oxygen = "OT-1"'),
    )


def at(plant: Plant, second: float, tag: str, value: float, quality: Quality = Quality.GOOD) -> Row:
    """A reading that came at once."""
    now = START + int(second * SECOND)
    return (plant.points.numbers[tag], now, now, value, int(quality))


def told(engine: Engine, rows: list[Row]) -> list[tuple[str, bool, str]]:
    """What rises and returns with each reading, and the quality of that."""
    found = []
    for row in rows:
        edges = engine.process(ReadingBatch.from_rows([row]))[0] + engine.tick(row[1])
        found += [
            (
                engine.plant.definitions.alarm(edge.row).partition("/")[2],
                edge.active,
                Quality(edge.quality).name,
            )
            for edge in edges
        ]
    return found


def test_the_oxygen_of_the_same_device_is_the_companion(bound: Plant) -> None:
    """Where a device has one oxygen point nothing needs to be said; another is named."""
    number = bound.points.numbers
    assert bound.wards == (
        Ward(number["GT-1"], number["OT-1"], 10.0, 3 * SECOND, 25.0),
        Ward(number["GT-2"], number["OT-1"], 10.0, 3 * SECOND, 25.0),
    )
    low = bound.definitions.get("gw/GT-1/low_oxygen")
    assert low is not None
    assert (low.priority, low.sounds, low.title_zh) == (
        Priority.HIGH,
        False,
        "氧气不足，读数不可信",
    )
    assert bound.definitions.get("gw/OT-1/low_oxygen") is None


def test_gas_in_too_little_oxygen_is_not_believed(bound: Plant) -> None:
    """An alarm at once; what stands is held; at its limit the gas rises all the same."""
    engine = Engine(bound)
    rows = [at(bound, 0, "OT-1", 20.9), at(bound, 0, "GT-1", 30.0)]
    assert told(engine, rows) == [("GT-1/h", True, "GOOD")]
    rows = [at(bound, 1, "OT-1", 9.9), at(bound, 1, "GT-1", 0.0), at(bound, 2, "GT-1", 0.0)]
    assert told(engine, rows) == [
        ("OT-1/l", True, "GOOD"),
        ("GT-1/low_oxygen", True, "LOW_OXYGEN"),
    ]
    assert told(engine, [at(bound, 3, "GT-1", 60.0)]) == [("GT-1/hh", True, "ALARM_IN_LOW_OXYGEN")]
    assert engine.judged is not None
    assert engine.judged.quality.tolist() == [Quality.ALARM_IN_LOW_OXYGEN]
    rows = [at(bound, 3.5, "OT-1", 20.9), at(bound, 4, "GT-1", 1.0)]
    assert told(engine, rows) == [
        ("OT-1/l", False, "GOOD"),
        ("GT-1/hh", False, "GOOD"),
        ("GT-1/h", False, "GOOD"),
    ]
    well = [at(bound, second, tag, 20.9 if tag == "OT-1" else 1.0)
            for second in (5, 6, 7, 8) for tag in ("OT-1", "GT-1")]  # fmt: skip
    assert told(engine, well) == [("GT-1/low_oxygen", False, "GOOD")]


def test_the_alarm_of_gas_does_not_clear_in_oxygen_that_nobody_knows(bound: Plant) -> None:
    """An oxygen sensor that fails: gas may rise, never returns, and after a while that is told."""
    engine = Engine(bound)
    told(engine, [at(bound, 0, "OT-1", 20.9), at(bound, 0, "GT-1", 30.0)])
    rows = [at(bound, 1, "OT-1", np.nan, Quality.DEVICE_FAULT)]
    rows += [at(bound, second, "GT-1", 1.0) for second in (1, 2, 3)]
    assert told(engine, rows) == [("OT-1/fault", True, "DEVICE_FAULT")]
    assert ("GT-1/oxygen_unknown", True) in [
        edge[:2] for edge in told(engine, [at(bound, second, "GT-1", 1.0) for second in (4, 5)])
    ]
    assert told(engine, [at(bound, 6, "GT-1", 55.0)]) == [("GT-1/hh", True, "OXYGEN_UNKNOWN")]


def test_a_fault_of_the_sensor_itself_is_no_matter_of_oxygen(bound: Plant) -> None:
    """It keeps its own reason, and its own alarm."""
    rows = [at(bound, 0, "OT-1", 5.0), at(bound, 0, "GT-1", np.nan, Quality.SENTINEL)]
    assert told(Engine(bound), rows)[1:] == [("GT-1/fault", True, "SENTINEL")]


def test_oxygen_of_the_same_message_counts(bound: Plant) -> None:
    """Gas stands first in the file and the oxygen with it is low: not the one before counts."""
    ingest, engine = Ingest(bound, Metrics()), Engine(bound)
    qualities = []
    for second, oxygen in enumerate((20.9, 5.0, 20.9)):
        said = f'{{"ts": {START // SECOND + second}, "gas": 1.0, "o2": {oxygen}}}'.encode()
        arrivals = Arrivals.of(
            [Message("plant/d1", said)], received_ns=START + second * SECOND + SECOND // 4
        )
        engine.process(ingest.take(arrivals).batch)
        assert engine.judged is not None
        qualities.append(engine.judged.quality[-1])
    assert qualities == [Quality.GOOD, Quality.LOW_OXYGEN, Quality.GOOD]


def test_each_quality_says_what_the_kernel_gave() -> None:
    """A quality that is judged by again would be judged the same: reset and confirmation ask it."""
    assert GRADES[Quality.LOW_OXYGEN] & 7 == 2
    assert GRADES[Quality.ALARM_IN_LOW_OXYGEN] & 7 == GRADES[Quality.OXYGEN_UNKNOWN] & 7 == 1


STEPS = st.lists(
    st.none()
    | st.tuples(
        st.integers(0, 2),
        st.integers(0, 1500),
        st.sampled_from([0, 0, 0, 200, 90_000]),
        st.sampled_from([0.0, 5.0, 9.9, 10.0, 20.9, 24.9, 25.0, 60.0]),
        st.sampled_from([Quality.GOOD] * 5 + [Quality.FENCED, Quality.MISSING, Quality.SENTINEL]),
    ),
    max_size=50,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.sets(st.integers(0, 50)), st.integers(0, 50))
def test_cut_anywhere_and_stopped_anywhere_it_finds_the_same(
    bound: Plant,
    steps: list[tuple[int, int, int, float, Quality] | None],
    cuts: set[int],
    stop: int,
) -> None:
    """One by one, all at once, or through a snapshot: the same edges and the same state."""
    now, script = START, []
    for step in steps:
        if step is None:
            now += SECOND
            script.append(now // SECOND * SECOND)
            continue
        point, after, late, value, quality = step
        now += after * 1_000_000
        script.append((point, now - late * 1_000_000, now, value, int(quality)))
    one, cut = Engine(bound), Engine(bound)
    expected = run(one, script, range(51))
    assert shown(run(cut, script, tuple(cuts))) == shown(expected)
    assert cut.snapshot() == one.snapshot()
    whole, again = Engine(bound), Engine(bound)
    found = run(whole, script[:stop], ())
    again.restore(whole.snapshot())
    assert shown(found + run(again, script[stop:], ())) == shown(expected)
    assert again.snapshot() == one.snapshot()


def test_a_snapshot_without_oxygen_is_taken_up(bound: Plant, tmp_path: Path) -> None:
    """One of a gateway that knew none, or of a site without it: the oxygen is not known yet."""
    alone = plant(tmp_path, device(1, GAS, OXYGEN, more='oxygen = "none"'))
    before, after = Engine(alone), Engine(bound)
    told(before, [at(alone, 0, "OT-1", 5.0), at(alone, 0, "GT-1", 1.0)])
    after.restore(before.snapshot())
    after.process(ReadingBatch.from_rows([at(bound, 1, "GT-1", 1.0)]))
    assert after.judged is not None
    assert after.judged.quality.tolist() == [Quality.OXYGEN_UNKNOWN]


@pytest.mark.parametrize("short", ["oxygen/OT-1", "oxygen/GT-2"])
def test_a_record_of_another_size_starts_anew_alone(bound: Plant, short: str) -> None:
    """It takes nothing from the rest of the snapshot, which is taken up whole."""
    before = Engine(bound)
    for tag in ("OT-1", "GT-1", "GT-2"):
        told(before, [at(bound, 0, tag, 15.0)])
    starts_anew(before, Engine(bound), short, anew={short})


def test_a_device_of_its_own_is_no_reason_to_share_a_worker(bound: Plant, tmp_path: Path) -> None:
    """Two devices that belong together are one worker's, one device is anybody's."""
    assert set(shares_of(bound, 2).tolist()) == {0}
    apart = plant(tmp_path, device(1, GAS, OXYGEN), device(2, GAS, OXYGEN))
    assert set(shares_of(apart, 2).tolist()) == {0, 1}


def test_replay_finds_the_same_in_any_batch_on_any_number_of_workers(tmp_path: Path) -> None:
    """Byte for byte, with companions within a device and across two."""
    path = write(tmp_path, device(1, GAS, OXYGEN), device(2, GAS, OXYGEN),
                 device(3, GAS, more=NAMED))  # fmt: skip
    lines = ["time,GT-1,OT-1,GT-2,OT-2,GT-3"]
    for n in range(60):
        low = 5.0 if 20 <= n < 30 else 20.9
        lines.append(f"{START // SECOND + n},{30 if n % 20 > 8 else 1},{low},1,{low},{n}")
    source = tmp_path / "r.csv"
    source.write_text("\n".join(lines), encoding="utf-8")
    site, events = load_site(path), []
    for batch, workers in ((4096, 1), (1, 1), (7, 1), (64, 2)):
        out = tmp_path / f"{batch}.{workers}.jsonl"
        replay_file(site, source, out, batch=batch, workers=workers)
        events.append(out.read_bytes())
    assert events[1:] == events[:1] * 3
    assert events[0].count(b'"rule":"low_oxygen"') == 6


@pytest.mark.parametrize(
    ("devices", "key", "words"),
    [
        ((device(1, GAS),), "device[0].point[0]", "no oxygen point: name it"),
        ((device(1, GAS, OXYGEN, OXYGEN.replace("OT-", "OX-")),), "device[0].point[0]", "two oxy"),
        ((device(1, GAS, more='oxygen = "OT-9"'),), "point[0].oxygen", "'OT-9' is no point"),
        (
            (device(1, GAS, more=NAMED), device(2, OXYGEN.replace('"o2"', '"co"', 1)
                                                .replace("19.5", "1"))),
            "device[0].point[0].oxygen",
            "OT-2 measures co; name a point of oxygen in %vol",
        ),
        (
            (device(1, GAS, more=NAMED),
             device(2, OXYGEN + 'unit = "%"\nscale = 1.0\nrange = [0, 30]\n')),
            "device[0].point[0].oxygen",
            "OT-2 is in %",
        ),
        ((device(1, GAS, OXYGEN, more='oxygen = "GT-1"'),), "oxygen", "GT-1 measures combustible"),
        ((device(1, OXYGEN + 'oxygen = "OT-1"\n'),), "point[0].oxygen", "states no min_oxygen"),
        ((device(1, OXYGEN + 'oxygen = "none"\n'),), "point[0].oxygen", "states no min_oxygen"),
    ],
    ids=["none", "two", "unknown", "quantity", "unit", "itself", "needs none", "none at all"],
)  # fmt: skip
def test_a_companion_that_is_none_is_refused(
    tmp_path: Path, devices: tuple[str, ...], key: str, words: str
) -> None:
    """Each at its key, with what to do."""
    found = problems(write(tmp_path, *devices))
    assert any(key in each and words in each for each in found), found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("devices", "key", "words"),
    [
        (
            (device(1, GAS, OXYGEN + 'interval = "21s"\n'),),
            "device[0].point[0]: ",
            "its device's oxygen may be 63s old, and 1min is the most here",
        ),
        (
            (device(1, GAS, more=NAMED), device(2, OXYGEN + 'interval = "1d"\n')),
            "device[0].point[0].oxygen: ",
            "OT-2 may be 3d old",
        ),
        (
            (device(1, GAS, more=NAMED + '\ninterval = "1h"'),
             device(2, OXYGEN + 'interval = "61min"\n')),
            "device[0].point[0].oxygen: ",
            "OT-2 may be 183min old, and 3h is the most here",
        ),
        (
            (device(1, GAS, more=NAMED), AREA, device(2, OXYGEN).replace("CS1", "CS9")),
            "device[0].point[0].oxygen: ",
            "OT-2 stands in area CS9, not in CS1",
        ),
        (
            (device(1, GAS, OXYGEN.replace("19.5", "5") + "range = [0, 9]\n"),),
            "device[0].point[0]: ",
            "its device's oxygen measures to 9 %vol and it needs 10",
        ),
    ],
    ids=["old", "older", "slow", "elsewhere", "narrow"],
)  # fmt: skip
def test_oxygen_that_tells_nothing_of_the_air_there_is_refused(
    tmp_path: Path, devices: tuple[str, ...], key: str, words: str
) -> None:
    """Too seldom, in another room, or with a range that never shows enough: at its key."""
    (found,) = problems(write(tmp_path, *devices))
    assert key in found
    assert words in found


@pytest.mark.parametrize(("ward", "oxygen"), [("1s", "20s"), ("1h", "1h"), ("10min", "1min")])
def test_oxygen_may_be_a_minute_old_or_as_old_as_the_sensor_s_readings(
    tmp_path: Path, ward: str, oxygen: str
) -> None:
    """Whichever is longer, and the range may end at what is needed."""
    gas = device(1, GAS, more=f'{NAMED}\ninterval = "{ward}"')
    narrow = OXYGEN.replace("19.5", "5") + f'interval = "{oxygen}"\nrange = [0, 10]\n'
    assert len(plant(tmp_path, gas, device(2, narrow)).wards) == 1


@pytest.mark.parametrize("path", [EXAMPLE, DEMO], ids=["example", "demonstration"])
def test_the_shipped_sites_judge_their_catalytic_sensors(path: Path) -> None:
    """The shipped detector states what its sensor needs; its own oxygen point is beside it."""
    site = load_site(path).plant
    tags = site.points.tags
    pairs = {(tags[each.point], tags[each.oxygen], each.least, each.limit) for each in site.wards}
    assert pairs == {("CS2-AT-202", "CS2-AT-201", 10.0, 10.0)}


@pytest.mark.parametrize(("mistake", "key"), [("l = 99", "limits.l"), ("colour = 1", "colour")])
def test_a_mistake_elsewhere_hides_no_oxygen(tmp_path: Path, mistake: str, key: str) -> None:
    """A broken oxygen point is told for itself; that the gas then has none is no second problem."""
    broken = OXYGEN.replace("l = 19.5", mistake)
    found = problems(write(tmp_path, device(1, GAS, broken)))
    assert len(found) == 1
    assert key in found[0]


def test_who_says_none_answers_for_it(tmp_path: Path) -> None:
    """Where oxygen never runs short the sensor is believed as it is, without the alarms."""
    alone = plant(tmp_path, device(1, GAS, more='oxygen = "none"'))
    assert alone.wards == ()
    assert alone.definitions.get("gw/GT-1/low_oxygen") is None
    engine = Engine(alone)
    engine.process(ReadingBatch.from_rows([at(alone, 0, "GT-1", 1.0)]))
    assert engine.judged is not None
    assert engine.judged.quality.tolist() == [Quality.GOOD]


def test_devices_that_share_a_table_each_have_their_own_oxygen(tmp_path: Path) -> None:
    """{device} in the name of a companion stands for the id of the device, as in a tag."""
    (tmp_path / "unit.csv").write_text(
        "channel,tag,oxygen\ngas,{device}-GT,{device}-OT\no2,{device}-OT,\n", encoding="utf-8"
    )
    both = [device(n) + 'points = "unit.csv"\n' for n in (1, 2)]
    shared = plant(tmp_path, *both)
    tags = shared.points.tags
    assert [(tags[each.point], tags[each.oxygen]) for each in shared.wards] == [
        ("d1-GT", "d1-OT"), ("d2-GT", "d2-OT"),
    ]  # fmt: skip
