"""A spread is highest minus lowest of the members that can be used."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.admission import BAD, GOOD, UNCERTAIN
from detectors.derived import Derivation, Derivations, Member
from detectors.reason import ABOVE, SHIFT
from detectors.spread import SpreadParams, spread_problems
from detectors.vote import MemberFacts
from tests.detectors.test_derived import feed, newest, second

STALE = 10_000_000_000
LOST = (math.nan, BAD)


def judge(said: list[tuple[float, int]]) -> tuple[float, int]:
    """What the spread says once every member has said this."""
    count = len(said)
    members = tuple(Member(point, STALE) for point in range(count))
    derived = feed(
        Derivations(count, [Derivation(count, SpreadParams(count), members)]),
        [second(point, 1, value, grade) for point, (value, grade) in enumerate(said)],
    )
    return newest(derived, count)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8), st.randoms())
def test_it_is_the_largest_difference_of_any_two(values: list[float], order: object) -> None:
    """Whatever their order, no two members are further apart, and two are just as far."""
    shuffled = values.copy()
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    spread, grade = judge([(value, GOOD) for value in shuffled])
    assert spread == max(one - other for one in values for other in values)
    assert grade == GOOD


def test_a_lost_member_is_left_out() -> None:
    """BAD or beyond its range, a member is compared with nobody; the rest are."""
    assert judge([(1.0, GOOD), (4.0, GOOD), LOST]) == (3.0, GOOD)
    assert judge([(1.0, GOOD), (4.0, GOOD), (math.nan, BAD | ABOVE << SHIFT)]) == (3.0, GOOD)


def test_an_uncertain_member_makes_it_uncertain() -> None:
    """It may raise and clears nothing."""
    assert judge([(1.0, GOOD), (4.0, UNCERTAIN)]) == (3.0, UNCERTAIN)


@pytest.mark.parametrize("said", [[(1.0, GOOD), LOST], [LOST, LOST]])
def test_one_alone_has_no_spread(said: list[tuple[float, int]]) -> None:
    """With fewer than two usable members it is BAD, not zero."""
    assert judge(said)[1] == BAD


def test_a_difference_that_no_double_holds_is_bad() -> None:
    """It is no infinite alarm."""
    value, grade = judge([(1.7e308, GOOD), (-1.7e308, GOOD)])
    assert math.isnan(value)
    assert grade == BAD


@pytest.mark.parametrize("of", [1, 0, 9])
def test_a_spread_of_one_or_of_a_crowd_is_refused(of: int) -> None:
    """Two to eight members, says the refusal, and why."""
    with pytest.raises(ValueError, match="2 to 8; one alone disagrees with nobody"):
        SpreadParams(of)


def test_members_may_differ_in_range_and_in_nothing_else() -> None:
    """A wide and a narrow sensor of one gas agree or not; another gas is no comparison."""
    one = MemberFacts("A", "nh3", "ppm", 0.0, 100.0)
    assert spread_problems([one, MemberFacts("B", "nh3", "ppm", 0.0, 1000.0)]) == []
    (problem,) = spread_problems([one, MemberFacts("B", "ch4", "ppm", 0.0, 100.0)])
    assert "a spread compares like with like" in problem
