"""A catalytic sensor is believed only with the oxygen it needs beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.admission import BAD, FENCED, GOOD, UNCERTAIN, UNTIMED
from detectors.companion import Companions, Ward
from detectors.reason import ABOVE, BELOW, CLOCK, LOW_OXYGEN, MISSING, OXYGEN_UNKNOWN, SHIFT
from tests.detectors.naive_companion import Naive
from tests.detectors.naive_derived import Reading

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
OXYGEN, WARD, FAR, PLAIN = range(4)
#: One oxygen point for a sensor of its own device and for one without a limit elsewhere.
WARDS = [
    Ward(WARD, OXYGEN, 10.0, 3 * SECOND, 25.0),
    Ward(FAR, OXYGEN, 10.0, 3 * SECOND, -math.inf),
]
LOW, UNKNOWN = LOW_OXYGEN << SHIFT, OXYGEN_UNKNOWN << SHIFT


def feed(companions: Companions, readings: Sequence[Reading]) -> list[int]:
    """Judge readings in one go; return their grades."""
    columns = list(zip(*readings, strict=True)) or [()] * 5
    grade = np.array(columns[4], np.uint8)
    changed = companions.judge(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        grade,
    )
    assert changed == np.count_nonzero(grade != np.array(columns[4], np.uint8))
    found: list[int] = grade.tolist()
    return found


def at(second: float, point: int, value: float, grade: int = GOOD) -> Reading:
    """A reading that came at once."""
    now = START + int(second * SECOND)
    return (point, now, now, value, grade)


@pytest.mark.parametrize(
    ("oxygen", "value", "expected"),
    [
        (20.9, 3.0, GOOD),
        (10.0, 3.0, GOOD),
        (9.9, 0.0, BAD | LOW),
        (9.9, 24.9, BAD | LOW),
        (9.9, 25.0, UNCERTAIN | LOW),
        (0.0, 100.0, UNCERTAIN | LOW),
    ],
)
def test_without_oxygen_a_low_number_says_nothing_and_a_high_one_still_alarms(
    oxygen: float, value: float, expected: int
) -> None:
    """Below the least it is BAD, at its limit UNCERTAIN, which raises; with enough it is GOOD."""
    readings = [at(0, OXYGEN, oxygen), at(0, WARD, value)]
    assert feed(Companions(4, WARDS), readings) == [GOOD, expected]


@pytest.mark.parametrize("value", [-1.0, 0.0, 99.0])
def test_a_ward_without_a_high_limit_raises_whatever_it_reads(value: float) -> None:
    """What watches it is no limit of its own: it is told all, and nothing of it clears."""
    readings = [at(0, OXYGEN, 5.0), at(0, FAR, value)]
    assert feed(Companions(4, WARDS), readings)[1] == UNCERTAIN | LOW


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [at(0, OXYGEN, 20.9, UNCERTAIN)],
        [at(-1, OXYGEN, 20.9), at(0, OXYGEN, math.nan, BAD | BELOW << SHIFT)],
        [at(-1, OXYGEN, 20.9), at(0, OXYGEN, 31.0, BAD | ABOVE << SHIFT)],
        [at(-3.5, OXYGEN, 20.9)],
        [at(-3.5, OXYGEN, 5.0)],
        [at(0, OXYGEN, 20.9, FENCED)],
        [(OXYGEN, START - 90 * SECOND, START, 20.9, GOOD)],
        [(OXYGEN, START + 60 * SECOND, START + 60 * SECOND, 20.9, GOOD)],
    ],
    ids=["never", "doubtful", "below", "above", "old", "old and low", "fenced", "late", "ahead"],
)
def test_oxygen_that_nobody_knows_makes_a_reading_uncertain(readings: list[Reading]) -> None:
    """It may raise and never clears, whatever the oxygen was when it was last known."""
    assert feed(Companions(4, WARDS), [*readings, at(0, WARD, 3.0)])[-1] == UNCERTAIN | UNKNOWN


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (at(0, OXYGEN, 20.9), GOOD),
        (at(0, OXYGEN, 20.8), GOOD),
        (at(0, OXYGEN, 5.0), BAD | LOW),
        (at(0, OXYGEN, 5.0, UNCERTAIN), UNCERTAIN | UNKNOWN),
        (at(0, OXYGEN, 20.9, UNCERTAIN), UNCERTAIN | UNKNOWN),
        (at(0, OXYGEN, 5.0, UNTIMED), GOOD),
        (at(0, OXYGEN, 5.0, FENCED), GOOD),
    ],
)
def test_of_one_instant_the_least_oxygen_counts(second: Reading, expected: int) -> None:
    """A clock of whole seconds: whichever came last, too little of it makes a low number BAD."""
    (point, _, _, value, grade), first = second, at(0, OXYGEN, 20.9)
    later = (point, START, START + SECOND // 2, value, grade)
    assert feed(Companions(4, WARDS), [first, later, at(1, WARD, 0.0)])[-1] == expected
    if grade in {GOOD, UNCERTAIN}:
        assert feed(Companions(4, WARDS), [second, first, at(1, WARD, 0.0)])[-1] == expected
    anew = [first, later, at(1, OXYGEN, 20.9), at(1, WARD, 0.0)]
    assert feed(Companions(4, WARDS), anew)[-1] == GOOD


def test_oxygen_that_was_bad_is_unknown_for_the_rest_of_its_instant() -> None:
    """What follows a fault within the second does not bring the sensor back; the next does."""
    readings = [at(0, OXYGEN, 20.9), at(0, OXYGEN, math.nan, BAD), at(0, OXYGEN, 20.9)]
    assert feed(Companions(4, WARDS), [*readings, at(0, WARD, 0.0)])[-1] == UNCERTAIN | UNKNOWN
    readings += [at(1, OXYGEN, 20.9), at(1, WARD, 0.0)]
    assert feed(Companions(4, WARDS), readings)[-1] == GOOD


def test_a_message_that_does_not_speak_of_oxygen_changes_nothing() -> None:
    """A device that reports what changed: its last oxygen counts for as long as it may."""
    known = [at(0, OXYGEN, 5.0), at(1, OXYGEN, math.nan, BAD | MISSING << SHIFT)]
    assert feed(Companions(4, WARDS), [*known, at(2, WARD, 3.0)])[-1] == BAD | LOW
    assert feed(Companions(4, WARDS), [*known, at(4, WARD, 3.0)])[-1] == UNCERTAIN | UNKNOWN


@pytest.mark.parametrize("grade", [BAD | ABOVE << SHIFT, FENCED])
def test_what_is_no_reading_of_now_stays_what_it_is(grade: int) -> None:
    """Oxygen makes nothing better, and hides no fault of the sensor's own."""
    assert feed(Companions(4, WARDS), [at(0, OXYGEN, 5.0), at(0, WARD, 50.0, grade)])[1] == grade


@pytest.mark.parametrize("verdict", [UNCERTAIN, UNTIMED])
def test_a_doubtful_reading_keeps_its_doubt(verdict: int) -> None:
    """Of unknown oxygen its own reason counts; in low oxygen it is BAD, or raises as it did."""
    grade = verdict | CLOCK << SHIFT
    assert feed(Companions(4, WARDS), [at(0, WARD, 3.0, grade)]) == [grade]
    low = [at(0, OXYGEN, 5.0), at(0, WARD, 3.0, grade), at(1, WARD, 30.0, grade)]
    assert feed(Companions(4, WARDS), low)[1:] == [BAD | LOW, verdict | LOW]


@pytest.mark.parametrize(("oxygen_s", "ward_s"), [(600, 0), (0, 600), (600, 600), (600, 1200)])
def test_a_slow_clock_of_either_device_is_set_right(oxygen_s: int, ward_s: int) -> None:
    """Clocks minutes behind: what was taken at one instant belongs together."""
    companions, grades = Companions(4, WARDS), []
    for minute in range(40):
        now = START + minute * 60 * SECOND
        oxygen = (OXYGEN, now - oxygen_s * SECOND, now, 5.0, GOOD)
        ward = (WARD, now - ward_s * SECOND, now, 3.0, GOOD)
        grades.append(feed(companions, [oxygen, ward])[1])
    assert grades[-1] == BAD | LOW


def test_a_backlog_is_judged_by_its_own_oxygen() -> None:
    """What a device kept for an hour is told with the oxygen of that hour."""
    companions, hour = Companions(4, WARDS), 3600 * SECOND
    feed(companions, [at(-4000, OXYGEN, 20.9), at(-4000, WARD, 1.0)])
    old = [
        (point, START - hour + n * SECOND, START, value, GOOD)
        for n, oxygen in enumerate([20.9, 5.0, 20.9])
        for point, value in ((OXYGEN, oxygen), (WARD, 1.0))
    ]
    assert feed(companions, old)[1::2] == [GOOD, BAD | LOW, GOOD]


def test_a_clock_that_is_set_back_makes_the_oxygen_unknown_until_it_speaks() -> None:
    """Oxygen from before the jump lies ahead: it is not taken for the newest."""
    companions = Companions(4, WARDS)
    feed(companions, [at(0, OXYGEN, 20.9), at(0, WARD, 1.0)])
    assert feed(companions, [at(-3600, WARD, 1.0)]) == [UNCERTAIN | UNKNOWN]
    assert feed(companions, [at(-3599, OXYGEN, 20.9), at(-3599, WARD, 1.0)]) == [GOOD, GOOD]


def test_points_beside_it_are_left_alone() -> None:
    """No grade changes but a ward's."""
    readings = [at(0, OXYGEN, 5.0), at(0, PLAIN, 3.0)]
    assert feed(Companions(4, WARDS), readings) == [GOOD, GOOD]


@pytest.mark.parametrize(
    "wards",
    [
        [WARDS[0], WARDS[0]],
        [Ward(1, 1, 10.0, 1, 1.0)],
        [Ward(1, 0, 10.0, 1, 1.0), Ward(2, 1, 10.0, 1, 1.0)],
        [Ward(4, 0, 10.0, 1, 1.0)],
    ],
)
def test_a_point_has_one_part(wards: list[Ward]) -> None:
    """Twice a ward, its own oxygen, both at once, or no point of a device: refused."""
    with pytest.raises(ValueError, match=r"part|need 0 to 3"):
        Companions(4, wards)


GRADES = [GOOD] * 6 + [UNCERTAIN, FENCED, UNTIMED | CLOCK << SHIFT, BAD | MISSING << SHIFT, BAD]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 0, 200, 1500, 3500, 700_000]),
        st.sampled_from([0, 0, 0, 200, 2000, 90_000, -3000]),
        st.sampled_from([0.0, 9.9, 10.0, 20.9, 24.9, 25.0, 60.0, math.nan, math.inf]),
        st.sampled_from(GRADES),
    ),
    max_size=60,
)


@given(STEPS, st.sets(st.integers(0, 60)))
def test_the_kernel_and_plain_python_agree_however_readings_are_cut(
    steps: list[tuple[int, int, int, float, int]], cuts: set[int]
) -> None:
    """Every grade, one by one, all at once or cut at random."""
    now, readings = START, []
    for point, after, late, value, grade in steps:
        now += after * 1_000_000
        readings.append((point, now - late * 1_000_000, now, value, grade))
    naive = Naive(WARDS)
    expected = [naive.take(reading) for reading in readings]
    assert feed(Companions(4, WARDS), readings) == expected
    companions, found, begin = Companions(4, WARDS), [], 0
    for end in (*sorted(cut for cut in cuts if cut < len(readings)), len(readings)):
        found += feed(companions, readings[begin:end])
        begin = end
    assert found == expected
