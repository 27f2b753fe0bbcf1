"""A sensor that cannot see raises at once, and only a good reading ends that."""

from __future__ import annotations

import math

import pytest

from detectors.admission import BAD, FENCED, GOOD, UNCERTAIN, UNTIMED
from detectors.bank import Bank
from detectors.limit import LimitParams
from detectors.reason import ABOVE, BELOW, CLOCK, FAULT, MISSING, NONE, SHIFT, WARMING, ReasonParams
from detectors.rules import Rule
from tests.detectors.twins import LATE, SECOND, START, Reading, at_once, feed, one, read, told

HIGH, LOST, OVER = 0, 1, 2
RULES = (
    Rule(LimitParams(10.0, high=True)),
    Rule(ReasonParams((FAULT, BELOW, ABOVE))),
    Rule(ReasonParams((ABOVE,))),
)
WARM = Rule(ReasonParams((WARMING,)), on_delay=5 * SECOND)


def graded(verdict: int, reason: int) -> int:
    return verdict | reason << SHIFT


def bank() -> Bank:
    return one(*RULES).bank()


@pytest.mark.parametrize(
    ("value", "grade"),
    [
        (math.nan, GOOD),
        (math.inf, GOOD),
        (-math.inf, UNCERTAIN),
        (math.nan, graded(UNCERTAIN, WARMING)),
        (-9999.0, BAD),
        (65535.0, graded(BAD, FAULT)),
        (-0.5, graded(BAD, BELOW)),
        (5.0, graded(BAD, FAULT)),
    ],
)
def test_a_lost_sensor_is_an_alarm_with_its_first_reading(value: float, grade: int) -> None:
    """What tells no value raises the fault with that very reading, live and of its time."""
    for before in ([], [read(0, 5.0)]):
        edges = feed(bank(), [*before, read(1, value, grade)])
        assert told(edges) == [(LOST, True, 1.0)]
        assert (edges[0].at, edges[0].historical) == (len(before), False)


def test_a_value_above_the_range_is_two_alarms_one_of_which_may_be_latched() -> None:
    """Over range is a fault, and an alarm of its own that other faults do not raise."""
    edges = feed(bank(), [read(0, 130.0, graded(BAD, ABOVE)), read(1, 1.0)])
    assert told(edges) == [(LOST, True, 0), (OVER, True, 0), (LOST, False, 1), (OVER, False, 1)]
    assert told(feed(bank(), [read(0, -5.0, graded(BAD, BELOW))])) == [(LOST, True, 0)]


@pytest.mark.parametrize(
    "after",
    [
        read(10, 1.0, graded(UNCERTAIN, NONE)),
        read(10, 1.0, graded(UNCERTAIN, WARMING)),
        read(10, 1.0, graded(UNTIMED, CLOCK)),
        read(10, 1.0, FENCED),
        read(10, 1.0, delay=90 * SECOND),
        read(-10, 1.0, delay=20 * SECOND),
        read(0, 1.0),
        read(10, math.nan),
        read(10, 1.0, graded(BAD, MISSING)),
    ],
)
def test_nothing_but_a_good_reading_on_time_ends_a_fault(after: Reading) -> None:
    """UNCERTAIN, late, fenced, out of order, repeated, and BAD for another reason end nothing."""
    made = bank()
    feed(made, [read(0, 1.0), read(1, math.nan, BAD)])
    assert feed(made, [after]) == []
    assert told(feed(made, [read(100, 1.0)])) == [(LOST, False, 100)]


def test_a_fault_holds_what_stands_and_raises_nothing_else() -> None:
    """While a sensor is lost, a level that stands stands, and no level begins."""
    made = bank()
    feed(made, [read(0, 50.0)])
    assert told(feed(made, [read(1, 0.0, BAD), read(2, 5000.0, BAD)])) == [(LOST, True, 1)]
    assert made.is_active(HIGH)
    assert told(feed(made, [read(3, 0.0)])) == [(HIGH, False, 3), (LOST, False, 3)]


def test_a_message_that_says_nothing_of_a_point_is_no_fault_of_its_own() -> None:
    """MISSING is a reason apart: a device that reports what changed is not faulty."""
    assert feed(bank(), [read(0, math.nan, graded(BAD, MISSING))]) == []
    rule = Rule(ReasonParams((FAULT, MISSING)))
    assert told(feed(one(rule).bank(), [read(0, math.nan, graded(BAD, MISSING))])) == [(0, True, 0)]


def test_a_warm_up_that_does_not_end_is_a_fault() -> None:
    """A device that warms up for longer than it should raises, by a reading or by the clock."""
    warming = graded(UNCERTAIN, WARMING)
    made = one(WARM).bank()
    assert feed(made, at_once([1.0] * 5, grade=warming)) == []
    assert told(feed(made, [read(5, 1.0, warming)])) == [(0, True, 5)]
    assert told(feed(made, [read(6, 1.0)])) == [(0, False, 6)]
    feed(made, [read(10.5, 1.0, warming)])
    assert made.next_due() == START + 16 * SECOND
    assert made.tick(START + 15 * SECOND) == []
    assert told(made.tick(START + 16 * SECOND)) == [(0, True, 16)]


def test_a_warm_up_that_ends_in_time_is_none() -> None:
    """One good reading before the delay has run out ends it; the next warm-up counts anew."""
    warming = graded(UNCERTAIN, WARMING)
    made = one(WARM).bank()
    feed(made, [*at_once([1.0] * 4, grade=warming), read(4, 1.0), read(5, 1.0, warming)])
    assert made.tick(START + 9 * SECOND) == []
    assert told(made.tick(START + 10 * SECOND)) == [(0, True, 10)]


def test_a_fault_with_a_delay_begins_by_the_clock_alone() -> None:
    """A sensor that said "fault" once and fell silent is an alarm when the delay has run out."""
    made = one(Rule(ReasonParams((FAULT,)), on_delay=3 * SECOND)).bank()
    assert feed(made, [read(0, math.nan, BAD)]) == []
    (edge,) = made.tick(START + 3 * SECOND)
    assert (edge.at, edge.row, edge.began, edge.historical) == (-1, 0, True, False)


@pytest.mark.parametrize("delay", [0, 2 * SECOND])
def test_a_late_bad_reading_raises_as_history(delay: int) -> None:
    """A fault out of a backlog is raised and marked; the point is not live before it is drained."""
    made = one(Rule(ReasonParams((FAULT,)), on_delay=delay)).bank()
    feed(made, [read(0, 1.0)])
    found = feed(made, [read(s, math.nan, BAD, delay=90 * SECOND) for s in (1, 2, 3)])
    assert [(edge.began, edge.historical) for edge in found] == [(True, True)]
    assert made.newest(0).quiet == START + 93 * SECOND
    assert told(feed(made, [read(95, 1.0)])) == [(0, False, 95)]


def test_an_old_bad_reading_proves_an_instant() -> None:
    """Not newer than the last: it raises what has no delay, as history, and starts no delay."""
    made = one(Rule(ReasonParams((FAULT,))), Rule(ReasonParams((FAULT,)), on_delay=SECOND)).bank()
    feed(made, [read(10, 1.0)])
    (edge,) = feed(made, [read(9, math.nan, BAD)])
    assert (edge.row, edge.began, edge.historical) == (0, True, True)
    assert made.tick(START + 60 * SECOND) == []
    assert told(feed(made, [read(11, 1.0)])) == [(0, False, 11)]


def test_a_bad_reading_says_nothing_of_the_usual_delay() -> None:
    """A payload that could not be read, stamped with our clock, does not make good data late."""
    made = Bank([0], [LATE], [RULES], [0])
    slow = 600 * SECOND
    feed(made, [read(n, 1.0, delay=slow) for n in range(0, 1800, 10)])
    feed(made, [read(2400, math.nan, BAD)])
    assert told(feed(made, [read(1810, 1.0, delay=slow)])) == [(LOST, False, 1810)]


@pytest.mark.parametrize("reasons", [(), (0,), (FAULT, 32), (-1,)])
def test_reasons_that_cannot_be_are_refused(reasons: tuple[int, ...]) -> None:
    """No reason, the reason of a good reading, or one that no grade holds: each is refused."""
    with pytest.raises(ValueError, match="name one or more of 1 to 31"):
        ReasonParams(reasons)
