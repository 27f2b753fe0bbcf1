"""The kernels against the plain Python reference, and the promises every detector keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bank import Bank, Edge, Rule
from detectors.limit import LimitParams
from detectors.rate import RateParams
from detectors.reference import Device, Point, Reference, Row
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
LATE = 60 * SECOND

RULES = [
    Rule(0, LimitParams(10.0, high=True, deadband=1.0), on_delay=3 * SECOND),
    Rule(0, LimitParams(20.0, high=True), off_delay=2 * SECOND),
    Rule(0, LimitParams(-5.0, high=False, deadband=0.5)),
    Rule(0, RateParams(2.0, direction=0, deadband=0.5, tau_s=2.0, gap_s=30.0)),
    Rule(0, TrendParams(20.0, high=True, tau_s=2.0, horizon_s=30.0, gap_s=30.0)),
    Rule(1, TrendParams(-20.0, high=False, tau_s=3.0, horizon_s=60.0), on_delay=2 * SECOND),
    Rule(1, StuckParams(0.1, 10.0, zero_band=0.5)),
    Rule(1, LimitParams(10.0, high=True, strict=True)),
    Rule(2, LimitParams(10.0, high=True), on_delay=1),
]
DEVICES = [0, 0, 1]

Reading = tuple[int, int, int, float, int]
numbers = st.one_of(
    st.floats(-30, 30, allow_nan=False),
    st.sampled_from(
        [math.nan, math.inf, -math.inf, 0.0, -0.0, 10.0, 9.0, 20.0, -5.0, 1e308, -1.7e308]
    ),
)
steps = st.one_of(
    st.integers(-5 * SECOND, 5 * SECOND),
    st.sampled_from([0, SECOND, SECOND // 2, 40 * SECOND, 700 * SECOND, 2000 * SECOND]),
)
reading = st.tuples(
    st.integers(0, 2), steps, st.sampled_from([0, 1, SECOND, 90 * SECOND]), numbers,
    st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
)  # fmt: skip
action = st.one_of(reading, st.just("tick"), st.just("restart"), st.just("set back"))


def plain() -> Reference:
    """The reference with the same rules, in the bank's order."""
    devices = [Device(), Device()]
    points = [Point(devices[index], LATE) for index in DEVICES]
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    rows = [RULES[index] for index in bank.order]
    return Reference(
        points,
        [(r.point, Row(r.params, on_delay=r.on_delay, off_delay=r.off_delay)) for r in rows],
    )


def timeline(actions: list[Reading | str]) -> list[tuple[str, Reading | int]]:
    """Turn steps into instants; the clock follows the latest time seen."""
    now = START
    result: list[tuple[str, Reading | int]] = []
    for entry in actions:
        if entry == "tick":
            result.append(("tick", (now + SECOND) // SECOND * SECOND))
        elif entry == "restart":
            result.append(("restart", 0))
        elif entry == "set back":
            now = max(now - 3600 * SECOND, START)
        else:
            point, step, delay, value, grade = entry
            time = max(now + step, START)
            now = max(now, time)
            result.append(("read", (point, time, time + delay, value, grade)))
    return result


def feed(bank: Bank, batch: list[Reading]) -> list[Edge]:
    """Give one batch to the kernels."""
    columns = list(zip(*batch, strict=True))
    edges, _ = bank.take(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.uint8),
    )
    return edges


def bits(edge: object) -> tuple[object, ...]:
    """An edge with its value as bits, so that NaN equals itself; the index apart."""
    row, began = edge.row, edge.began  # type: ignore[attr-defined]
    value = np.float64(edge.value).tobytes()  # type: ignore[attr-defined]
    rest = (edge.time, edge.predicted, edge.historical)  # type: ignore[attr-defined]
    return (row, began, value, *rest)


def run(
    actions: list[tuple[str, Reading | int]], *, size: int
) -> tuple[list[tuple[object, ...]], Bank]:
    """Run a timeline in batches of at most `size` readings."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    found: list[tuple[object, ...]] = []
    waiting: list[Reading] = []

    def flush() -> None:
        for begin in range(0, len(waiting), size):
            found.extend(bits(edge) for edge in feed(bank, waiting[begin : begin + size]))
        waiting.clear()

    for verb, value in actions:
        if verb == "read":
            waiting.append(value)  # type: ignore[arg-type]
            continue
        flush()
        if verb == "tick":
            found.extend(bits(edge) for edge in bank.tick(value))  # type: ignore[arg-type]
        else:
            bank = restarted(bank)
    flush()
    return found, bank


def restarted(bank: Bank) -> Bank:
    """Move a bank's state into a new one, as a restart does."""
    fresh = Bank(DEVICES, [LATE] * 3, RULES)
    for name in ("point_times", "point_values", "devices", "floats", "ints"):
        getattr(fresh, name)[:] = getattr(bank, name)
    return fresh


@settings(max_examples=300, deadline=None)
@given(st.lists(action, min_size=1, max_size=60))
def test_kernels_agree_with_the_reference_to_the_last_bit(actions: list[Reading | str]) -> None:
    """NaN, infinities, time going back, gaps, restarts: the kernels agree bit for bit."""
    events = timeline(actions)
    expected: list[tuple[object, ...]] = []
    reference = plain()
    for verb, value in events:
        if verb == "read":
            expected.extend(bits(edge) for edge in reference.take(0, *value))  # type: ignore[misc]
        elif verb == "tick":
            expected.extend(bits(edge) for edge in reference.tick(value))  # type: ignore[arg-type]
    found, bank = run(events, size=1000)
    assert found == expected
    heard = [point.heard for point in reference.points]
    assert [None if h < 0 else h for h in bank.point_times[:, 1].tolist()] == heard


@settings(max_examples=100, deadline=None)
@given(st.lists(action, min_size=1, max_size=60), st.integers(1, 7))
def test_the_batch_size_changes_nothing(actions: list[Reading | str], size: int) -> None:
    """Readings cut into any batches give the same edges and the same state."""
    events = timeline(actions)
    one, bank_one = run(events, size=1000)
    many, bank_many = run(events, size=size)
    assert one == many
    assert bank_one.ints.tobytes() == bank_many.ints.tobytes()
    assert bank_one.floats.tobytes() == bank_many.floats.tobytes()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_value_holds_what_stands(bad: float) -> None:
    """A value that is not finite never clears an alarm and never raises one."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    high = feed(bank, [(0, START, START, 25.0, 0)])
    assert [(edge.row, edge.began) for edge in high] == [(1, True)]
    later = START + 10 * SECOND
    assert feed(bank, [(2, later, later, bad, 0)]) == []
    assert feed(bank, [(0, later, later, bad, 0)]) == []
    # The on-delay of the level at 10 ran out meanwhile: bad data does not stop it.
    edges = bank.tick(later)
    assert [(edge.row, edge.began, edge.time) for edge in edges] == [(0, True, START + 3 * SECOND)]
    assert bank.ints[1, 0] == 1


def test_uncertain_raises_and_never_clears() -> None:
    """An UNCERTAIN reading raises like a GOOD one and never clears."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    assert feed(bank, [(1, START, START, 25.0, 1)])[0].began
    assert feed(bank, [(1, START + SECOND, START + SECOND, 0.0, 1)]) == []
    assert not feed(bank, [(1, START + 2 * SECOND, START + 2 * SECOND, 0.0, 0)])[0].began


def test_late_data_raises_as_historical_and_never_clears() -> None:
    """A reading later than its device's usual delay is evaluated, marked, and clears nothing."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    feed(bank, [(1, START, START, 0.0, 0)])
    late = feed(bank, [(1, START + SECOND, START + 120 * SECOND, 25.0, 0)])
    assert [(edge.began, edge.historical) for edge in late] == [(True, True)]
    assert feed(bank, [(1, START + 2 * SECOND, START + 121 * SECOND, 0.0, 0)]) == []
    on_time = START + 122 * SECOND
    assert not feed(bank, [(1, on_time, on_time, 0.0, 0)])[0].began


def test_an_on_delay_runs_out_by_the_clock_at_a_whole_second() -> None:
    """With no further reading, the tick at the delay's end raises, and names that second."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    begin = START + SECOND // 4
    assert [edge.row for edge in feed(bank, [(0, begin, begin, 15.0, 0)])] == []
    assert bank.tick(START + 3 * SECOND) == []
    (edge,) = bank.tick(START + 4 * SECOND)
    assert (edge.at, edge.row, edge.began, edge.time) == (-1, 0, True, START + 4 * SECOND)
    assert bank.tick(START + 5 * SECOND) == []


def test_out_of_order_readings_meet_fixed_limits_only() -> None:
    """An older reading beyond a limit without on-delay raises; no delay, no clearing."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    feed(bank, [(0, START + 9 * SECOND, START + 9 * SECOND, 0.0, 0)])
    edges = feed(bank, [(0, START, START + 9 * SECOND, 30.0, 0)])
    assert [(edge.row, edge.began, edge.historical) for edge in edges] == [(1, True, True)]
    assert bank.tick(START + 60 * SECOND) == []


def test_a_steady_rise_is_foretold_before_its_limit() -> None:
    """A trend alarm begins before the limit is reached and names about the right instant."""
    bank = Bank([0], [LATE], [Rule(0, TrendParams(100.0, high=True, tau_s=5.0, horizon_s=60.0))])
    batch = [(0, START + n * SECOND, START + n * SECOND, max(0.0, n - 30.0), 0) for n in range(131)]
    edges = feed(bank, batch)
    assert edges[0].began
    lead = START + 130 * SECOND - edges[0].time
    assert 40 * SECOND < lead <= 61 * SECOND
    assert abs(edges[0].predicted - (START + 130 * SECOND)) < 6 * SECOND


def test_more_edges_than_one_call_can_hold_are_all_reported() -> None:
    """A thousand points that all cross in one batch report every edge."""
    count = 3000
    rules = [Rule(p, LimitParams(1.0, high=True)) for p in range(count)]
    rules += [Rule(p, LimitParams(2.0, high=True)) for p in range(count)]
    bank = Bank([0] * count, [LATE] * count, rules)
    batch = [(p, START, START, 5.0, 0) for p in range(count)]
    assert len(feed(bank, batch)) == 2 * count


def test_a_bad_reading_does_not_make_the_next_good_one_look_old() -> None:
    """A payload stamped with our clock leaves a device with a slow clock as on time as it was."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    slow = 30 * SECOND
    feed(bank, [(1, START, START + slow, 0.0, 0)])
    feed(bank, [(1, START + slow + SECOND, START + slow + SECOND, math.nan, 2)])
    edges = feed(bank, [(1, START + 2 * SECOND, START + slow + 2 * SECOND, 25.0, 0)])
    assert [(edge.began, edge.historical) for edge in edges] == [(True, False)]


def test_a_clock_set_back_blinds_nobody() -> None:
    """After this machine's clock went back an hour, an on-delay runs and an alarm can clear."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    feed(bank, [(0, START + 3600 * SECOND, START + 3600 * SECOND, 0.0, 4)])
    second = [(0, START + n * SECOND, START + n * SECOND, 15.0, 4) for n in range(6)]
    began = [(edge.row, edge.began) for edge in feed(bank, second) if edge.row == 0]
    assert began == [(0, True)]
    normal = [(0, START + 7 * SECOND, START + 7 * SECOND, 0.0, 0)]
    assert (0, False) in [(edge.row, edge.began) for edge in feed(bank, normal)]


def test_a_device_far_ahead_is_no_clock_set_back() -> None:
    """A source time as far ahead as is accepted keeps its point's memory."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    feed(bank, [(0, START + 5 * SECOND, START, 15.0, 0)])
    feed(bank, [(0, START + 6 * SECOND, START + SECOND, 15.0, 0)])
    found = feed(bank, [(0, START + 8 * SECOND, START + 3 * SECOND, 15.0, 0)])
    assert [(edge.row, edge.began) for edge in found] == [(0, True)]


def test_a_slow_clock_does_not_hold_the_clock_of_rules_for_ever() -> None:
    """A device that is late for ever lets its on-delays run out two seconds after the first."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    delay = 65 * SECOND
    late = [(0, START + n * SECOND, START + n * SECOND + delay, 15.0, 0) for n in range(3)]
    feed(bank, late)
    now = START + 2 * SECOND + delay + SECOND
    assert [edge.row for edge in bank.tick(now)] == [0]


def test_numbers_too_far_apart_poison_nothing() -> None:
    """A difference that no double holds starts rate and trend anew; neither alarms for ever."""
    bank = Bank(DEVICES, [LATE] * 3, RULES)
    rows = [(0, START + n * SECOND, START + n * SECOND, 1.7e308 * (-1) ** n, 0) for n in range(20)]
    rows += [(0, START + n * SECOND, START + n * SECOND, 0.0, 0) for n in range(20, 60)]
    feed(bank, rows)
    watching = [bank.order.index(3), bank.order.index(4)]
    assert np.isfinite(bank.floats[watching]).all()
    feed(bank, [(0, START + n * SECOND, START + n * SECOND, 0.0, 0) for n in range(100, 120)])
    assert not bank.ints[watching, 0].any()
