"""STEL and TWA: minutes, gaps, sessions, and what they may not do."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors._minutes import (
    MINUTE,
    SHORT,
    STEL,
    STEL_COVERAGE,
    SUM_COVERAGE,
    TWA_MOVING,
    TWA_SUM,
)
from detectors.admission import BAD, FENCED, GOOD, SECOND, UNCERTAIN, UNTIMED
from detectors.exposure import ExposureParams, Mode
from detectors.reason import MISSING, SHIFT
from tests.detectors.exposing import HOUR, START, feed, one, steady, told


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 100 * SECOND), st.floats(0, 500, allow_nan=False)),
        min_size=2,
        max_size=120,
    )
)
def test_a_stel_is_the_mean_over_time(moves: list[tuple[int, float]]) -> None:
    """An exact sum over every reading, for as long as it holds, gives each STEL and its cover."""
    hold = 40 * SECOND
    time, batch = START, [(0, START, START, 1.0, GOOD)]
    for span, value in moves:
        time += span
        batch.append((0, time, time, value, GOOD))
    means: dict[int, Fraction] = {}
    cover: dict[int, int] = {}
    for minute in range(START // MINUTE, time // MINUTE):
        first, last = minute * MINUTE, (minute + 1) * MINUTE
        spans = [
            (Fraction(was[3]), min(last, now[1], was[1] + hold) - max(first, was[1]))
            for was, now in pairwise(batch)
        ]
        stood = [(value, span) for value, span in spans if span > 0]
        if stood:
            cover[minute] = sum(span for _, span in stood)
            means[minute] = sum(value * span for value, span in stood) / cover[minute]
    found = feed(one(hold_ns=hold), batch)
    stels = [(row[1], np.frombuffer(row[3])[0]) for _, row in found if row[0] == 1 + STEL]
    covers = [np.frombuffer(row[3])[0] for _, row in found if row[0] == 1 + STEL_COVERAGE]
    assert [end // MINUTE - 1 for end, _ in stels] == list(means)
    for (end, stel), covered in zip(stels, covers, strict=True):
        window = range(end // MINUTE - SHORT, end // MINUTE)
        known = [means[minute] for minute in window if minute in means]
        exact = sum(known) / len(known)
        assert stel == pytest.approx(float(exact), rel=1e-12, abs=1e-12)
        held = sum(cover.get(minute, 0) for minute in window) / (SHORT * MINUTE)
        assert covered == pytest.approx(100 * held, abs=0.01)


@pytest.mark.parametrize("value", [0.3, 20.0, 29.9, 1e-7])
def test_a_level_that_does_not_move_is_told_exactly(value: float) -> None:
    """A concentration that stands at its limit has a mean at its limit, and not just below."""
    exposures = one()
    batch = steady(value, 0, 481, every=7 * SECOND + 1)
    assert {stel for stel, _ in told(one(hold_ns=8 * SECOND), batch, STEL)} == {value}
    assert {twa for twa, _ in told(exposures, batch, TWA_MOVING)} == {value}


def test_a_missing_minute_is_neither_zero_nor_interpolated() -> None:
    """After three silent minutes the mean is that of the twelve that are known, with 80 % cover."""
    exposures = one(hold_ns=SECOND)
    feed(exposures, steady(10.0, 0, 6))
    feed(exposures, steady(40.0, 9, 15))
    last = [(0, START + 15 * MINUTE, START + 15 * MINUTE, 0.0, GOOD)]
    rows = {row[0]: (np.frombuffer(row[3])[0], row[4]) for _, row in feed(exposures, last)}
    assert rows[1 + STEL] == (25.0, GOOD)
    assert rows[1 + STEL_COVERAGE] == (80.0, GOOD)


@pytest.mark.parametrize(("missing", "grade"), [(3, GOOD), (4, UNCERTAIN)])
def test_too_little_cover_is_uncertain(missing: int, grade: int) -> None:
    """Twelve minutes of fifteen are 80 % and clear; eleven are 73 % and only raise."""
    exposures = one(hold_ns=SECOND)
    feed(exposures, steady(50.0, 0, 5))
    found = told(exposures, steady(50.0, 5 + missing, 16), STEL)
    assert found[15 - 5 - missing] == (50.0, grade)


@pytest.mark.parametrize(("output", "enough"), [(STEL, 12), (TWA_MOVING, 360)])
def test_at_first_the_mean_of_what_was_seen_only_raises(output: int, enough: int) -> None:
    """A fixed point's value is told from the first minute, and may clear from three quarters on."""
    found = told(one(hold_ns=8 * SECOND), steady(50.0, 0, enough + 3, every=7 * SECOND), output)
    assert {value for value, _ in found} == {50.0}
    assert [grade for _, grade in found[: enough + 1]] == [UNCERTAIN] * (enough - 1) + [GOOD] * 2


@pytest.mark.parametrize("doubtful", [UNCERTAIN, UNTIMED])
def test_doubtful_readings_count_but_do_not_make_it_certain(doubtful: int) -> None:
    """Their values are averaged and covered; a window that needs them to be 75 % is UNCERTAIN."""
    exposures = one()
    batch = [(*each[:4], doubtful if each[1] < START + 4 * MINUTE else GOOD) for each in
             steady(30.0, 0, 17)]  # fmt: skip
    found = feed(exposures, batch)
    stels = [(np.frombuffer(r[3])[0], r[4]) for _, r in found if r[0] == 1 + STEL]
    covers = [np.frombuffer(r[3])[0] for _, r in found if r[0] == 1 + STEL_COVERAGE]
    assert (stels[14], covers[14]) == ((30.0, UNCERTAIN), 100.0)
    assert (stels[15], covers[15]) == ((30.0, GOOD), 100.0)


def test_nothing_is_told_while_nothing_is_known() -> None:
    """A silent or bad hour tells nothing, so it clears nothing; the minute before it is told."""
    exposures = one()
    feed(exposures, steady(50.0, 0, 15))
    blind = [(0, t, t, math.nan, BAD) for _, t, *_ in steady(0.0, 15, 75)]
    assert feed(exposures, blind) == []
    back = [(0, START + 75 * MINUTE, START + 75 * MINUTE, 0.0, GOOD)]
    assert told(exposures, back, STEL) == [(50.0, GOOD)]


def test_a_bad_reading_ends_what_the_last_one_holds() -> None:
    """Half a minute of data is half a minute of cover, and its mean is that of the half."""
    exposures = one(hold_ns=10 * MINUTE)
    half = START + 30 * SECOND
    feed(exposures, [(0, START, START, 8.0, GOOD), (0, half, half, math.nan, BAD)])
    back = [(0, START + 2 * MINUTE, START + 2 * MINUTE, 0.0, GOOD)]
    rows = {row[0]: np.frombuffer(row[3])[0] for _, row in feed(exposures, back)}
    assert rows[1 + STEL] == 8.0
    assert rows[1 + STEL_COVERAGE] == pytest.approx(100 / 30)


def test_a_message_that_says_nothing_of_a_point_ends_nothing() -> None:
    """A device that reports on change holds the value that it does not name."""
    exposures = one(hold_ns=10 * MINUTE)
    half = START + 30 * SECOND
    silent = (0, half, half, math.nan, BAD | MISSING << SHIFT)
    feed(exposures, [(0, START, START, 8.0, GOOD), silent])
    back = [(0, START + 2 * MINUTE, START + 2 * MINUTE, 0.0, GOOD)]
    found = told(exposures, back, STEL_COVERAGE)
    assert found == [(pytest.approx(100 / 15), GOOD), (pytest.approx(200 / 15), GOOD)]


def test_a_reading_counts_for_an_instant_at_least() -> None:
    """A value after which the sensor failed at once is not lost: its minute has it."""
    exposures = one()
    feed(exposures, [(0, START, START, 90.0, GOOD), (0, START, START, math.nan, BAD)])
    back = [(0, START + MINUTE, START + MINUTE, 0.0, GOOD)]
    assert told(exposures, back, STEL) == [(90.0, UNCERTAIN)]


def test_how_often_a_device_reports_does_not_weigh() -> None:
    """A burst of readings in one second weighs one second, on change as well as at a fixed pace."""
    exposures = one(hold_ns=10 * MINUTE)
    burst = [(0, START + n * SECOND // 10, START + n * SECOND // 10, 60.0, GOOD) for n in range(11)]
    settled = START + 2 * SECOND
    feed(exposures, [*burst, (0, settled, settled, 0.0, GOOD)])
    back = [(0, START + MINUTE, START + MINUTE, 0.0, GOOD)]
    assert told(exposures, back, STEL) == [(pytest.approx(2.0), UNCERTAIN)]


def test_every_minute_that_a_value_holds_through_is_told() -> None:
    """A device that spoke after ten minutes closes ten: a STEL that stood between is not lost."""
    exposures = one(hold_ns=12 * MINUTE)
    feed(exposures, [*steady(100.0, 0, 15), *steady(0.0, 15, 16, every=MINUTE)])
    batch = [(0, START + 25 * MINUTE, START + 25 * MINUTE, 0.0, GOOD)]
    values = [value for value, _ in told(exposures, batch, STEL)]
    assert values == pytest.approx([100 * (14 - n) / 15 for n in range(10)])


def test_before_an_instrument_was_on_its_wearer_breathed_clean_air() -> None:
    """After one minute at 30 the STEL is 2 and the TWA 1/16, both certain, as the makers do."""
    exposures = one(Mode.INSTRUMENT)
    rows = {
        row[0]: (np.frombuffer(row[3])[0], row[4])
        for _, row in feed(exposures, [*steady(30.0, 0, 1), *steady(0.0, 1, 2, every=MINUTE)])
    }
    assert rows[1 + STEL] == (pytest.approx(2.0), GOOD)
    assert rows[1 + TWA_SUM] == (0.0625, GOOD)
    assert rows[1 + TWA_MOVING] == (pytest.approx(0.0625), GOOD)
    assert rows[1 + STEL_COVERAGE] == (100.0, GOOD)


def test_in_a_long_shift_the_sum_goes_on_and_the_window_moves() -> None:
    """Ten hours at 16 are a TWA of 20 by the sum, and of 16 by the moving mean."""
    exposures = one(Mode.INSTRUMENT, hold_ns=MINUTE)
    found = feed(exposures, steady(16.0, 0, 601, every=MINUTE))
    last = {row[0]: np.frombuffer(row[3])[0] for _, row in found[-6:]}
    assert (last[1 + TWA_SUM], last[1 + TWA_MOVING]) == (20.0, 16.0)


def test_a_gap_in_a_session_is_not_zero() -> None:
    """An instrument out of reach for an hour is missing that hour, and its TWA sum says so."""
    exposures = one(Mode.INSTRUMENT, hold_ns=SECOND)
    feed(exposures, steady(48.0, 0, 60))
    found = feed(exposures, steady(48.0, 120, 122))
    last = {row[0]: (np.frombuffer(row[3])[0], row[4]) for _, row in found[-6:]}
    assert last[1 + TWA_SUM] == (pytest.approx(6.1), UNCERTAIN)
    assert last[1 + SUM_COVERAGE][0] == pytest.approx(100 * 61 / 121, abs=0.1)
    assert last[1 + TWA_MOVING][0] == pytest.approx(48 * 61 / (480 - 60))


def test_a_session_begins_after_the_instrument_was_off() -> None:
    """Two hours of silence clear STEL and TWA; an hour and 59 minutes clear nothing."""
    for silence, kept in ((119, True), (120, False)):
        exposures = one(Mode.INSTRUMENT, hold_ns=MINUTE)
        feed(exposures, steady(48.0, 0, 60, every=MINUTE))
        found = told(exposures, steady(0.0, 59 + silence, 62 + silence, every=MINUTE), TWA_SUM)
        assert found[0][0] == 6.0
        assert found[-1][0] == (6.0 if kept else 0.0)


def test_an_instrument_that_reports_faults_is_not_off() -> None:
    """A sensor beyond its range for three hours keeps the session and what was breathed in."""
    exposures = one(Mode.INSTRUMENT, hold_ns=MINUTE)
    feed(exposures, steady(48.0, 0, 60, every=MINUTE))
    feed(exposures, [(0, t, t, math.nan, BAD) for _, t, *_ in steady(0, 60, 240, every=MINUTE)])
    found = told(exposures, steady(0.0, 240, 242, every=MINUTE), TWA_SUM)
    assert [value for value, _ in found][-1] == 6.0


def test_faults_while_warming_up_do_not_keep_the_last_session() -> None:
    """An instrument that was off over night and starts with BAD readings begins at zero."""
    exposures = one(Mode.INSTRUMENT, hold_ns=MINUTE)
    feed(exposures, steady(48.0, 0, 60, every=MINUTE))
    feed(exposures, [(0, t, t, math.nan, BAD) for _, t, *_ in steady(0, 600, 603, every=MINUTE)])
    found = told(exposures, steady(0.0, 603, 605, every=MINUTE), TWA_SUM)
    assert [value for value, _ in found][-1] == 0.0


def test_another_marker_begins_a_session_in_the_midst_of_a_minute() -> None:
    """The minute that it cuts short is told before it, and times still only increase."""
    exposures = one(Mode.INSTRUMENT, off_after_ns=0, marker=9)
    half = START + 10 * MINUTE + 30 * SECOND
    before = [(9, START, START, 1.0, GOOD), *steady(30.0, 0, 10)]
    tail = [(0, t, t, 30.0, GOOD) for t in range(START + 10 * MINUTE, half, SECOND)]
    after = [(0, t, t, 0.0, GOOD) for t in range(half, half + 2 * MINUTE, SECOND)]
    found = feed(exposures, [*before, *tail, (9, half, half, 2.0, GOOD), *after])
    rows = [(row[1] - START, np.frombuffer(row[3])[0]) for _, row in found if row[0] == 1 + STEL]
    times = [time for time, _ in rows]
    assert times == sorted(set(times))
    assert rows[-3:-1] == [(half - START, pytest.approx(22.0)), (11 * MINUTE, 0.0)]


def test_a_doubtful_marker_begins_nothing() -> None:
    """A bad, fenced, older or repeated reading of the marker is no power-on."""
    exposures = one(Mode.INSTRUMENT, off_after_ns=0, marker=9)
    feed(exposures, [(9, START + MINUTE, START, 1.0, GOOD), *steady(30.0, 0, 10)])
    now = START + 10 * MINUTE
    feed(exposures, [(9, now, now, math.nan, BAD), (9, now, now, 2.0, FENCED),
                     (9, START, now, 2.0, GOOD), (9, now, now, 1.0, GOOD)])  # fmt: skip
    found = told(exposures, steady(30.0, 10, 12), TWA_SUM)
    assert found[-1][0] == pytest.approx(30 * 11 / 480)


@pytest.mark.parametrize("mode", Mode)
def test_what_is_not_newer_changes_nothing(mode: Mode) -> None:
    """Duplicates, lower ones of an instant and what is older leave the state as it is."""
    exposures = one(mode)
    batch = steady(30.0, 0, 3)
    feed(exposures, batch)
    before = exposures.state.tobytes()
    now = batch[-1][1]
    again = [(0, time, now, value, GOOD) for _, time, _, value, _ in batch]
    again += [(0, time, now, value - 1.0, GOOD) for _, time, _, value, _ in batch]
    older = [(0, time - 1, now, 999.0, GOOD) for _, time, *_ in batch]
    assert feed(exposures, [*again, *older]) == []
    assert exposures.state.tobytes() == before


@pytest.mark.parametrize("pair", [(20.0, 80.0), (80.0, 20.0)])
def test_of_one_instant_the_highest_is_breathed_in(pair: tuple[float, float]) -> None:
    """A clock of whole seconds: the second of two may be the last word for long."""
    batch = [(0, START, START + n, value, GOOD) for n, value in enumerate(pair)]
    last = (0, START + MINUTE, START + MINUTE, 0.0, GOOD)
    found = told(one(hold_ns=2 * MINUTE), [*batch, last], STEL)
    assert [value for value, _ in found] == [80.0]
    doubtful = [batch[0], (*batch[1][:4], UNCERTAIN), last]
    covered = feed(one(hold_ns=2 * MINUTE), doubtful)
    assert [np.frombuffer(row[3])[0] for _, row in covered if row[0] == 1 + STEL] == [80.0]


@pytest.mark.parametrize("mode", Mode)
def test_a_clock_set_back_keeps_what_was_breathed_in(mode: Mode) -> None:
    """An hour back, the means go on behind those before, and the next minute is told at once."""
    exposures = one(mode)
    feed(exposures, steady(30.0, 120, 135))
    found = feed(exposures, steady(0.0, 60, 63))
    rows = [(row[1], np.frombuffer(row[3])[0]) for _, row in found if row[0] == 1 + STEL]
    assert [time for time, _ in rows] == [START + 61 * MINUTE, START + 62 * MINUTE]
    assert [value for _, value in rows] == pytest.approx([30 * 14 / 15, 30 * 13 / 15])


def test_a_clock_set_back_a_little_tells_no_minute_twice() -> None:
    """Twenty seconds back, times of what is told still only increase."""
    exposures = one()
    later = [*steady(30.0, 0, 2), *steady(30.0, 2, 3)[:10]]
    again = [(0, t - 20 * SECOND, t - 20 * SECOND, 10.0, GOOD) for _, t, *_ in steady(0, 2, 5)]
    times = [row[1] for _, row in feed(exposures, [*later, *again]) if row[0] == 1 + STEL]
    assert times == [START + n * MINUTE for n in range(1, 5)]


def test_numbers_too_far_apart_poison_nothing() -> None:
    """A minute whose mean no double holds is a minute without data; those after it count."""
    exposures = one()
    wild = [(*each[:3], 1.7e308 * (-1) ** n, GOOD) for n, each in enumerate(steady(0, 0, 1))]
    feed(exposures, wild)
    found = told(exposures, steady(5.0, 1, 3), STEL)
    assert math.isnan(found[0][0])
    assert found[1][0] == 5.0


@pytest.mark.parametrize(
    ("wrong", "told_of"),
    [
        ({"hold_ns": 0}, "hold"),
        ({"hold_ns": 8 * HOUR + 1}, "8 h"),
        ({"off_after_ns": HOUR}, "never off"),
        ({"mode": Mode.INSTRUMENT}, "needs off_after or a marker"),
        ({"mode": Mode.INSTRUMENT, "off_after_ns": SECOND}, "must be longer"),
        ({"derived": {TWA_SUM: 1}}, "without a marker"),
        ({"derived": {}}, "of its own"),
        ({"derived": {STEL: 0}}, "of its own"),
        ({"derived": {STEL: 1, TWA_MOVING: 1}}, "of its own"),
        ({"derived": {7: 1}}, "outputs 0 to 5"),
        ({"marker": 0}, "of its own"),
    ],
)
def test_an_exposure_that_cannot_be_is_refused(wrong: dict[str, object], told_of: str) -> None:
    """A session that never ends, a hold longer than a shift, outputs without a place."""
    right = {"base": 0, "mode": Mode.FIXED, "hold_ns": 3 * SECOND, "derived": {STEL: 1}}
    with pytest.raises(ValueError, match=told_of):
        ExposureParams(**{**right, **wrong})  # type: ignore[arg-type]
