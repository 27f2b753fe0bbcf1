"""The engine is a function of what it is given: cut, stopped and started, it finds the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.admission import NEVER
from device_profiles.quality import Quality
from gateway.model import NANOSECONDS, Detection
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import load_site

START = 1_790_000_000 * NANOSECONDS
SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1"
[[area]]
id = "A1"
name = "Room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "A1"
topic = "p/1"
[[device.point]]
channel = "x"
pointer = "/x"
tag = "A"
unit = "ppm"
interval = "1s"
limits = { hh = 115, h = 100, l = 10, deadband = 5, on_delay = "1500ms", off_delay = "2s" }
trend = { horizon = "60s", tau = "1s" }
rate = { limit = 30, tau = "2s" }
[[device.point]]
channel = "x"
pointer = "/y"
tag = "B"
unit = "ppm"
interval = "1s"
limits = { h = 100 }
[[device]]
id = "d2"
profile = "generic/json"
area = "A1"
topic = "p/2"
[[device.point]]
channel = "x"
pointer = "/z"
tag = "C"
unit = "ppm"
interval = "1s"
limits = { h = 100, latch = true }
"""
QUALITIES = [Quality.GOOD] * 6 + [Quality.TIME_MISSING, Quality.FENCED, Quality.MISSING]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    return plant_of(tmp_path_factory.mktemp("site"), SITE)


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """The same site, its devices, and the first one's points, in the opposite order."""
    head, first, second = SITE.split("[[device]]")
    device, *points = first.split("[[device.point]]")
    first = "[[device.point]]".join((device, *reversed(points)))
    text = f"{head}[[device]]{second}[[device]]{first}"
    return plant_of(tmp_path_factory.mktemp("turned"), text)


def named(plant: Plant, found: Sequence[Detection]) -> list[tuple[str, str]]:
    """Detections by alarm id, apart from their numbers."""
    return [(plant.definitions[d.row].alarm, repr(replace(d, row=0))) for d in found]


def plant_of(folder: Path, text: str) -> Plant:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_site(path).plant


#: Steps: a reading of some point some time later, some of it late, or a tick of the clock.
READING = st.tuples(
    st.integers(0, 2),
    st.integers(0, 1500),
    st.sampled_from([0, 0, 0, 0, 200, 90_000]),
    st.sampled_from([5.0, 20.0, 50.0, 99.0, 100.0, 108.0, 114.9, 120.0, float("nan")]),
    st.sampled_from(QUALITIES),
)
STEPS = st.lists(st.none() | READING, max_size=60)
Step = tuple[int, list[Row]]
#: What had been read when `snapshot_v1.msgpack` was written, by the gateway of that time.
SPOKEN_BEFORE: list[Row] = [
    row
    for n in range(12)
    for at in [START + n * NANOSECONDS + NANOSECONDS // 4]
    for row in [
        (0, at, at, 50.0 + 4.0 * n + n % 2 * 0.5, 0),
        (1, at, at, 120.0 if n > 3 else 20.0, 0),
        (2, at + 1, at + NANOSECONDS // 2, 130.0 if n == 5 else 60.0, 0),
    ]
] + [(0, START + 12 * NANOSECONDS, START + 12 * NANOSECONDS, 101.0, 0)]


def timed(steps: Sequence[tuple[int, int, int, float, Quality] | None]) -> list[Step | Row]:
    """Readings with their instants; a step of the clock is an instant alone."""
    now, found = START, []
    for step in steps:
        if step is None:
            now += NANOSECONDS
            found.append(now // NANOSECONDS * NANOSECONDS)
            continue
        point, after_ms, late_ms, value, quality = step
        now += after_ms * 1_000_000
        found.append((point, now - late_ms * 1_000_000, now, value, int(quality)))
    return found


def run(engine: Engine, steps: Sequence[object], cuts: Sequence[int]) -> list[Detection]:
    """Run steps, readings between two cuts or ticks as one batch."""
    found: list[Detection] = []
    waiting: list[Row] = []

    def flush() -> None:
        if waiting:
            found.extend(engine.process(ReadingBatch.from_rows(waiting))[0])
            waiting.clear()

    for number, step in enumerate(steps):
        if number in cuts:
            flush()
        if isinstance(step, int):
            flush()
            found.extend(engine.tick(step))
        else:
            waiting.append(step)  # type: ignore[arg-type]
    flush()
    return found


def shown(found: Sequence[Detection]) -> list[str]:
    """Detections so that two NaN are the same."""
    return [repr(each) for each in found]


@given(STEPS, st.sets(st.integers(0, 60)))
def test_batches_may_be_cut_anywhere(
    plant: Plant, steps: list[tuple[int, int, int, float, Quality] | None], cuts: set[int]
) -> None:
    """One by one, all at once, or cut at random: the same edges in the same order and state."""
    told = timed(steps)
    engines = [Engine(plant) for _ in range(3)]
    one = run(engines[0], told, range(61))
    assert shown(run(engines[1], told, ())) == shown(one)
    assert shown(run(engines[2], told, tuple(cuts))) == shown(one)
    assert engines[0].snapshot() == engines[1].snapshot() == engines[2].snapshot()


@given(STEPS, st.integers(0, 60))
def test_a_restored_snapshot_goes_on_as_if_nothing_had_been(
    plant: Plant, steps: list[tuple[int, int, int, float, Quality] | None], at: int
) -> None:
    """Stopped anywhere and started on its snapshot, it finds what the uninterrupted run finds."""
    told = timed(steps)
    whole = Engine(plant)
    run(whole, told[:at], ())
    body = whole.snapshot()
    expected = run(whole, told[at:], ())
    other = Engine(plant)
    other.restore(body)
    assert other.snapshot() == body
    assert shown(run(other, told[at:], ())) == shown(expected)
    assert other.snapshot() == whole.snapshot()


def test_only_the_very_same_rule_is_taken_up_again(plant: Plant, tmp_path: Path) -> None:
    """A changed limit starts anew; the rules beside it, and the points, keep their state."""
    engine = Engine(plant)
    rows = [(p, START, START, 150.0, 0) for p in range(3)]
    assert len(engine.process(ReadingBatch.from_rows(rows))[0]) == 2
    body = engine.snapshot()
    text = SITE.replace("{ h = 100 }", "{ h = 110 }").replace(
        "hh = 115, h = 100", "hh = 115, h = 101"
    )
    changed = plant_of(tmp_path, text)
    other = Engine(changed)
    other.restore(body)
    standing = {changed.definitions[each.row].alarm for each in other.standing()}
    assert standing == {"gw/C/h"}
    assert [other.bank.newest(point).value for point in range(3)] == [150.0] * 3
    # A's HH goes on in its on-delay, its H begins a new one.
    later = [(0, START + 1_600_000_000, START + 1_600_000_000, 150.0, 0)]
    edges = other.process(ReadingBatch.from_rows(later))[0]
    assert {changed.definitions[each.row].alarm for each in edges if each.active} >= {"gw/A/hh"}
    assert "gw/A/h" not in {changed.definitions[each.row].alarm for each in edges}


def test_a_limit_that_is_added_moves_the_rules_behind_it_and_nothing_else(
    plant: Plant, tmp_path: Path
) -> None:
    """With one level more, rate and trend go on from what they had learnt; the level begins."""
    engine = Engine(plant)
    rising = [(0, START + n * NANOSECONDS, START + n * NANOSECONDS, 2.0 * n, 0) for n in range(30)]
    engine.process(ReadingBatch.from_rows(rising))
    text = SITE.replace("l = 10, deadband = 5", "l = 10, ll = 5, deadband = 5")
    more = Engine(plant_of(tmp_path, text))
    more.restore(engine.snapshot())
    assert len(more.plant.definitions) == len(plant.definitions) + 1
    steep = [(0, at, at, 99.0, 0) for at in [START + 30 * NANOSECONDS]]
    expected = named(plant, engine.process(ReadingBatch.from_rows(steep))[0])
    assert named(more.plant, more.process(ReadingBatch.from_rows(steep))[0]) == expected
    assert sorted(each.time_ns for each in more.standing()) == sorted(
        each.time_ns for each in engine.standing()
    )
    kept = {tuple(memory["kept"]) for memory in engine.bank.state.memory}
    assert {tuple(memory["kept"]) for memory in more.bank.state.memory} == kept


def test_a_snapshot_is_keyed_by_names(plant: Plant, tmp_path: Path) -> None:
    """Points in another order find their own state: no number of one site file is kept."""
    engine = Engine(plant)
    rows = [(p, START, START, 10.0 * (p + 2), 0) for p in range(3)]
    engine.process(ReadingBatch.from_rows(rows))
    head, *devices = SITE.split("[[device]]")
    moved = Engine(plant_of(tmp_path, "[[device]]".join((head, *reversed(devices)))))
    moved.restore(engine.snapshot())
    values = {p.tag: moved.bank.newest(p.index).value for p in moved.plant.points}
    assert values == {"A": 20.0, "B": 30.0, "C": 40.0}


@given(STEPS, st.integers(0, 60))
def test_points_and_devices_in_another_order_go_on_as_if_nothing_had_been(
    plant: Plant,
    turned: Plant,
    steps: list[tuple[int, int, int, float, Quality] | None],
    at: int,
) -> None:
    """Every point, device, delay and memory finds its place by name, whatever its number was."""
    told = timed(steps)
    place = {point.tag: point.index for point in turned.points}
    moved = [
        step if isinstance(step, int) else (place["ABC"[step[0]]], *step[1:])  # type: ignore[index]
        for step in told
    ]
    whole = Engine(plant)
    run(whole, told[:at], ())
    other = Engine(turned)
    other.restore(whole.snapshot())
    expected = named(plant, run(whole, told[at:], tuple(range(61))))
    assert named(turned, run(other, moved[at:], tuple(range(61)))) == expected


def test_a_snapshot_of_the_first_version_is_taken_up(plant: Plant) -> None:
    """What an earlier gateway left in the store goes on where it stood; a trend is another now."""
    body = (Path(__file__).parent / "snapshot_v1.msgpack").read_bytes()
    whole, other = Engine(plant), Engine(plant)
    whole.process(ReadingBatch.from_rows(SPOKEN_BEFORE))
    other.restore(body)
    names = [plant.definitions.alarm(row) for row in range(plant.silence_row)]
    foretold = next(row for row, name in enumerate(names) if name.endswith("/trend"))
    (stands,) = (d.row for d in other.standing())
    assert [d.row for d in whole.standing()] == [foretold, stands]
    assert other.next_due() == whole.next_due() == START + 14 * NANOSECONDS
    assert other.heard.tolist() == whole.heard.tolist()
    stepped = [engine.bank.state.points["stepped"][0] for engine in (other, whole)]
    assert stepped == [SPOKEN_BEFORE[-1][1]] * 2
    trend, rate = 0, 1
    kept, now = other.bank.state.memory, whole.bank.state.memory
    assert kept["since"][trend] == NEVER
    assert np.array_equal(kept["since"][rate:], now["since"][rate:])
    # The first gateway had a rate without a median.
    assert kept["kept"][rate, 0] == now["kept"][rate, 2]
    later: list[Step | Row] = [START + 14 * NANOSECONDS]
    later += [
        (p, START + n * NANOSECONDS, START + n * NANOSECONDS, 20.0 if n > 20 else 200.0, 0)
        for n in range(15, 30)
        for p in range(3)
    ]
    found, expected = run(other, later, ()), run(whole, later, ())
    assert len(expected) > 6
    assert [(d.row, d.active, d.time_ns) for d in found if d.row != foretold] == [
        (d.row, d.active, d.time_ns) for d in expected if d.row != foretold
    ]


@pytest.mark.parametrize(
    "spoil", [lambda body: body[:-9], lambda body: body.replace(b"v\x02", b"v\x03", 1)]
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(
    plant: Plant, spoil: Callable[[bytes], bytes]
) -> None:
    """A torn body, or one of a later gateway, is told as such; the engine has seen nothing."""
    engine = Engine(plant)
    engine.process(ReadingBatch.from_rows(SPOKEN_BEFORE))
    other = Engine(plant)
    fresh = other.snapshot()
    with pytest.raises((ValueError, msgspec.DecodeError), match=r"truncated|version 3"):
        other.restore(spoil(engine.snapshot()))
    assert other.snapshot() == fresh


def test_a_tick_says_when_it_is_due(plant: Plant) -> None:
    """A running delay names its second; no tick before it fires, the one at it does."""
    engine = Engine(plant)
    assert engine.next_due() > START + 10**18
    at = START + NANOSECONDS // 4
    engine.process(ReadingBatch.from_rows([(0, at, at, 105.0, 0)]))
    due = engine.next_due()
    assert due == START + 2 * NANOSECONDS
    assert engine.tick(due - NANOSECONDS) == []
    (edge,) = engine.tick(due)
    assert (plant.definitions[edge.row].alarm, edge.active) == ("gw/A/h", True)
    assert (edge.time_ns, edge.value) == (due, 105.0)
    assert engine.tick(due + NANOSECONDS) == []
