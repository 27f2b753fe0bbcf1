"""The exposures of a site against a plain twin, and what changes nothing in what they tell."""

from __future__ import annotations

import math
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors._minutes import EXPOSURE, LONG, MINUTE, MOVING_COVERAGE, STEL, TWA_SUM
from detectors.admission import BAD, FENCED, GOOD, SECOND, UNCERTAIN, UNTIMED
from detectors.exposure import ExposureParams, Mode
from detectors.exposures import ROWS, Exposures
from detectors.reason import MISSING, SHIFT
from tests.detectors.exposing import ALL, HOUR, START, Reading, Row, feed, one, steady
from tests.detectors.naive_exposure import Naive

BASE, WORN, BADGED, BADGE, OTHER = range(5)
BASES = (BASE, WORN, BADGED)
POINTS = 40
PARAMS = (
    ExposureParams(
        base=BASE, mode=Mode.FIXED, hold_ns=30 * SECOND, marker=BADGE,
        derived={output: 10 + output for output in ALL},
    ),
    ExposureParams(
        base=WORN, mode=Mode.INSTRUMENT, hold_ns=40 * MINUTE, off_after_ns=2 * HOUR,
        derived={output: 20 + output for output in ALL},
    ),
    ExposureParams(
        base=BADGED, mode=Mode.INSTRUMENT, hold_ns=5 * MINUTE, marker=BADGE,
        derived={STEL: 30, TWA_SUM: 31, MOVING_COVERAGE: 32},
    ),
)  # fmt: skip


numbers = st.one_of(
    st.floats(-30, 30, allow_nan=False),
    st.sampled_from([math.nan, math.inf, 0.0, -0.0, 0.3, 20.0, 1e308, -1.7e308]),
)
steps = st.one_of(
    st.integers(-5 * SECOND, 70 * SECOND),
    st.sampled_from([0, 1, SECOND, 20 * SECOND, MINUTE, -MINUTE, 9 * MINUTE, 50 * MINUTE]),
    st.sampled_from([HOUR, 2 * HOUR, 9 * HOUR, 72 * HOUR]),
)
reading = st.tuples(
    st.sampled_from([BASE, WORN, BADGED, BADGE, OTHER, BASE, WORN, BADGED]),
    steps,
    st.sampled_from([0, 1, SECOND, 90 * SECOND]),
    numbers,
    st.sampled_from([GOOD] * 6 + [UNCERTAIN, UNTIMED, BAD, FENCED, BAD | MISSING << SHIFT]),
)
actions = st.lists(
    st.one_of(reading, reading, st.just("restart"), st.just("set back")), min_size=1, max_size=80
)


def timeline(entries: list[Reading | str]) -> list[Reading | str]:
    """Turn steps into instants; at the end all bases are read again, so that minutes close."""
    now = START
    found: list[Reading | str] = []
    for entry in entries:
        if entry == "set back":
            now = max(now - HOUR, START)
        elif isinstance(entry, str):
            found.append(entry)
        else:
            point, step, delay, value, grade = entry
            time = max(now + step, START)
            now = max(now, time)
            # A badge has few values: most of its readings change nothing.
            value = float(value > 0) if point == BADGE else value
            found.append((point, time, time + delay, value, grade))
    return [*found, *((base, now + HOUR, now + HOUR, 1.0, GOOD) for base in BASES)]


def run(entries: list[Reading | str], *, size: int = 1000) -> tuple[list[Row], Exposures]:
    """Run a timeline in batches of at most `size` readings, restarts in between."""
    exposures = Exposures(POINTS, PARAMS)
    found: list[Row] = []
    waiting: list[Reading] = []
    for entry in [*entries, "restart"]:
        if not isinstance(entry, str):
            waiting.append(entry)
            continue
        for begin in range(0, len(waiting), size):
            found += [row for _, row in feed(exposures, waiting[begin : begin + size])]
        waiting.clear()
        before = exposures.state
        exposures = Exposures(POINTS, PARAMS)
        exposures.state[:] = np.frombuffer(before.tobytes(), EXPOSURE)
    return found, exposures


def plain(entries: list[Reading | str]) -> list[Row]:
    """What the twin tells."""
    twins = [Naive(params) for params in PARAMS]
    found: list[Row] = []
    for entry in entries:
        if isinstance(entry, str):
            continue
        point, time, received, value, grade = entry
        for twin in twins:
            if twin.params.marker == point:
                twin.mark(time, received, value, grade)
            if twin.params.base != point:
                continue
            for told in twin.take(time, received, value, grade):
                found += [
                    (
                        twin.params.derived[output],
                        told.end,
                        received,
                        np.float64(told.values[output]).tobytes(),
                        told.grades[output],
                    )
                    for output in ALL
                    if output in twin.params.derived
                ]
    return found


@settings(max_examples=300, deadline=None)
@given(actions)
def test_the_kernels_agree_with_the_twin_to_the_last_bit(entries: list[Reading | str]) -> None:
    """Gaps, restarts, markers, doubtful and bad readings, a clock set back: the same bits."""
    events = timeline(entries)
    assert run(events)[0] == plain(events)


@settings(max_examples=100, deadline=None)
@given(actions, st.integers(1, 7))
def test_the_batch_size_changes_nothing(entries: list[Reading | str], size: int) -> None:
    """Readings cut into any batches tell the same and leave the same state."""
    events = timeline(entries)
    whole, after_whole = run(events)
    parts, after_parts = run(events, size=size)
    assert whole == parts
    assert after_whole.state.tobytes() == after_parts.state.tobytes()


@settings(max_examples=100, deadline=None)
@given(actions, st.integers(1, 3_000_000))
def test_a_shift_by_whole_minutes_shifts_what_is_told(
    entries: list[Reading | str], minutes: int
) -> None:
    """Nothing but the times of the derived readings depends on the date."""
    events = timeline(entries)
    shift = minutes * MINUTE
    later = [
        each if isinstance(each, str) else (each[0], each[1] + shift, each[2] + shift, *each[3:])
        for each in events
    ]
    assert run(later)[0] == [
        (point, time + shift, received + shift, *rest)
        for point, time, received, *rest in run(events)[0]
    ]


@settings(max_examples=100, deadline=None)
@given(actions, st.permutations(range(POINTS)), st.permutations(range(len(PARAMS))))
def test_other_numbers_of_points_and_exposures_change_nothing(
    entries: list[Reading | str], numbers: list[int], order: list[int]
) -> None:
    """Renumbered points tell under their new numbers what they told under the old."""
    events = [each for each in timeline(entries) if not isinstance(each, str)]
    renamed = [
        ExposureParams(
            base=numbers[each.base], mode=each.mode, hold_ns=each.hold_ns,
            off_after_ns=each.off_after_ns,
            marker=each.marker if each.marker < 0 else numbers[each.marker],
            derived={output: numbers[point] for output, point in each.derived.items()},
        )
        for each in (PARAMS[number] for number in order)
    ]  # fmt: skip
    found = feed(Exposures(POINTS, renamed), [(numbers[each[0]], *each[1:]) for each in events])
    expected = feed(Exposures(POINTS, PARAMS), events)
    assert found == [(origin, (numbers[row[0]], *row[1:])) for origin, row in expected]


def test_a_gap_of_a_century_costs_no_more_than_the_window() -> None:
    """A hundred years of 20 exposures pass at once: none walks through their minutes."""
    params = [
        ExposureParams(base=n, mode=Mode.FIXED, hold_ns=SECOND, derived={STEL: 20 + n})
        for n in range(20)
    ]
    exposures = Exposures(40, params)
    century = 100 * 365 * 24 * HOUR
    times = (START, START + MINUTE, START + century, START + century + MINUTE)
    exposures.warm_up()
    begin = perf_counter()
    found = feed(exposures, [(n, t, t, 7.0, GOOD) for t in times for n in range(20)])
    assert perf_counter() - begin < 2.0
    assert {(np.frombuffer(row[3])[0], row[4]) for _, row in found} == {(7.0, UNCERTAIN)}
    assert len(found) == 3 * 20


def test_more_than_one_call_can_hold_is_told_in_order() -> None:
    """Thousands of minutes that close in one batch are all told, each from its own reading."""
    exposures = one(hold_ns=8 * HOUR)
    batch = [(0, START + n * 8 * HOUR, START + n * 8 * HOUR, float(n), GOOD) for n in range(5)]
    found = feed(exposures, batch)
    assert len(found) == 4 * 4 * LONG > ROWS
    times = [row[1] for _, row in found if row[0] == 1 + STEL]
    assert times == [START + n * MINUTE for n in range(1, 4 * LONG + 1)]
    assert [origin for origin, _ in found] == sorted(origin for origin, _ in found)


def test_an_exposure_costs_six_kilobytes() -> None:
    """What one costs is known: 480 means with their cover, and no more."""
    assert EXPOSURE.itemsize * 1.0 == pytest.approx(6000, rel=0.05)


def test_exposures_that_feed_each_other_are_refused() -> None:
    """A derived point is fed by one exposure, and feeds none."""
    first = ExposureParams(base=0, mode=Mode.FIXED, hold_ns=SECOND, derived={STEL: 1})
    for base in (0, 1):
        second = ExposureParams(
            base=base, mode=Mode.FIXED, hold_ns=SECOND, derived={STEL: 1 + base}
        )
        with pytest.raises(ValueError, match="of its own"):
            Exposures(3, [first, second])


def test_a_site_without_exposures_tells_nothing() -> None:
    """No exposure, no reading: nothing, and no error."""
    assert feed(Exposures(1, []), steady(1.0, 0, 2)) == []
    assert feed(one(), []) == []
