"""At the edge of a limit: what alarms, when, and that nothing chatters within its delays."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from detectors.limit import LimitParams
from detectors.rules import Rule
from tests.detectors.twins import SECOND, START, agree, at_once, feed, one, read, told

PERIODS = range(2, 41)
DELAYS = (0, 1, 3, 7)


def square(period: int, high: int, *, length: int = 240) -> list[float]:
    """A square wave between 9 and 11, `high` readings of each period above."""
    return [11.0 if n % period < high else 9.0 for n in range(length)]


@pytest.mark.parametrize("on_s", DELAYS)
@pytest.mark.parametrize("off_s", DELAYS)
@pytest.mark.parametrize("deadband", [0.0, 0.5, 1.5])
def test_a_square_wave_across_a_limit_alarms_as_the_plain_form_says(
    on_s: int, off_s: int, deadband: float
) -> None:
    """At every period and share of it: the twin's alarms, one per both delays, and none twice."""
    params = LimitParams(10.0, high=True, deadband=deadband)
    rule = Rule(params, on_delay=on_s * SECOND, off_delay=off_s * SECOND)
    for period in PERIODS:
        for high in {1, period // 2, period - 1}:
            events = [("read", reading) for reading in at_once(square(period, high))]
            found = agree(one(rule), events)
            edges = [(bool(began), int(time)) for _, began, _, time, *_ in found]  # type: ignore[call-overload]
            assert all(first[0] != second[0] for first, second in pairwise(edges))
            begins = [time for began, time in edges if began]
            least = max(on_s + off_s, 1) * SECOND
            assert all(after - before >= least for before, after in pairwise(begins))
            # With a reading each second, `high` of them hold the condition for one less.
            holds, ends = high > on_s, deadband <= 1.0 and period - high > off_s
            assert bool(begins) == holds
            assert (len(edges) > 1) == (holds and ends)


@pytest.mark.parametrize(
    ("params", "at", "inside"),
    [
        (LimitParams(10.0, high=True), 10.0, 9.999999999999998),
        (LimitParams(10.0, high=False), 10.0, 10.000000000000002),
        (LimitParams(10.0, high=True, strict=True), 10.000000000000002, 10.0),
        (LimitParams(10.0, high=False, strict=True), 9.999999999999998, 10.0),
        (LimitParams(0.0, high=True), -0.0, -5e-324),
        (LimitParams(0.1, high=True), 0.1, 0.09999999999999999),
    ],
)
def test_the_limit_itself_belongs_to_the_side_it_should(
    params: LimitParams, at: float, inside: float
) -> None:
    """At the limit it begins, or does not where it is strict; the next number inside ends it."""
    found = feed(one(Rule(params)).bank(), at_once([inside, at, at, inside, at]))
    assert [(edge.at, edge.began) for edge in found] == [(1, True), (3, False), (4, True)]


def test_inside_the_deadband_nothing_turns() -> None:
    """From the limit down to the deadband's end an alarm stands, and one that ended stays ended."""
    rule = Rule(LimitParams(10.0, high=True, deadband=1.0))
    found = feed(one(rule).bank(), at_once([9.5, 10.0, 9.5, 9.0, 8.999, 9.5, 9.999, 10.0]))
    assert [(edge.at, edge.began) for edge in found] == [(1, True), (4, False), (7, True)]


def test_a_delay_is_over_at_its_end_and_not_before() -> None:
    """The reading at exactly the delay's end turns the rule; one a nanosecond earlier does not."""
    rule = Rule(LimitParams(10.0, high=True), on_delay=3 * SECOND, off_delay=2 * SECOND)
    bank = one(rule).bank()
    assert (
        feed(bank, [read(0, 11.0), (0, START + 3 * SECOND - 1, START + 3 * SECOND, 11.0, 0)]) == []
    )
    assert told(feed(bank, [read(3, 11.0)])) == [(0, True, 3)]
    assert (
        feed(bank, [read(10, 9.0), (0, START + 12 * SECOND - 1, START + 12 * SECOND, 9.0, 0)]) == []
    )
    assert told(feed(bank, [read(12, 9.0)])) == [(0, False, 12)]


@pytest.mark.parametrize(("on_s", "off_s"), list(product((0, 2, 5), repeat=2)))
def test_readings_once_in_a_minute_meet_the_same_delays(on_s: int, off_s: int) -> None:
    """Between sparse readings an on-delay runs out by itself, an off-delay never does."""
    rule = Rule(LimitParams(10.0, high=True), on_delay=on_s * SECOND, off_delay=off_s * SECOND)
    found = feed(one(rule).bank(), at_once([11.0, 9.0, 9.0, 11.0, 9.0], every=60 * SECOND))
    first = 60.0 if off_s == 0 else 120.0
    expected = [(0, True, float(on_s)), (0, False, first), (0, True, 180.0 + on_s)]
    # The on-delay that ran out before the last reading is told with it, and ended with it.
    assert told(found) == expected + ([(0, False, 240.0)] if off_s == 0 else [])
