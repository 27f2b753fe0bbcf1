"""A deviation is a point minus another, or minus what a curve makes of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.admission import BAD, GOOD, UNCERTAIN
from detectors.derived import Derivation, Derivations, Member
from detectors.deviation import DeviationParams, deviation_problems
from detectors.vote import MemberFacts
from tests.detectors.test_derived import feed, newest, second

STALE = 10_000_000_000
#: Allowed pressure difference over a collector, Pa, by the air flow, m3/h.
ALLOWED = ((1000.0, 400.0), (2000.0, 900.0), (4000.0, 1400.0))


def judge(
    params: DeviationParams, point: float, other: float, grades: tuple[int, int] = (GOOD, GOOD)
) -> tuple[float, int]:
    """What the deviation says once both points have said this."""
    members = (Member(0, STALE), Member(1, STALE))
    derived = feed(
        Derivations(2, [Derivation(2, params, members)]),
        [second(0, 1, point, grades[0]), second(1, 1, other, grades[1])],
    )
    return newest(derived, 2)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_without_a_curve_it_is_the_difference(point: float, other: float) -> None:
    """The point minus the other, in that order."""
    assert judge(DeviationParams(), point, other) == (point - other, GOOD)


@pytest.mark.parametrize(
    ("flow", "allowed"),
    [(1000, 400), (1500, 650), (2000, 900), (2500, 1025), (3999.5, 1399.875), (4000, 1400)],
)
def test_a_curve_is_straight_between_its_knots(flow: float, allowed: float) -> None:
    """At the knots, at both ends and between them, the set-point is what the table says."""
    assert judge(DeviationParams(ALLOWED), 1000.0, flow) == (1000.0 - allowed, GOOD)
    percent = judge(DeviationParams(ALLOWED, percent=True), 1.2 * allowed, flow)
    assert percent == (pytest.approx(20.0), GOOD)


@pytest.mark.parametrize("flow", [999.999, 4000.001, -1e300, 1e300])
def test_outside_its_curve_nothing_is_judged(flow: float) -> None:
    """There is no set-point that anybody measured: BAD, which holds the alarm it finds."""
    value, grade = judge(DeviationParams(ALLOWED), 1000.0, flow)
    assert math.isnan(value)
    assert grade == BAD


def test_an_end_is_held_by_one_more_knot() -> None:
    """Who wants the end value further out writes it down."""
    longer = DeviationParams((*ALLOWED, (9000.0, 1400.0)))
    assert judge(longer, 1500.0, 7000.0) == (100.0, GOOD)


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
        min_size=2,
        max_size=40,
        unique_by=lambda knot: knot[0],
    ),
    st.floats(0, 1),
)
def test_a_set_point_lies_between_its_neighbours(
    knots: list[tuple[float, float]], share: float
) -> None:
    """Whatever the curve, the set-point is no higher and no lower than its ends there."""
    curve = tuple(sorted(knots))
    at = min(curve[0][0] + share * (curve[-1][0] - curve[0][0]), curve[-1][0])
    value, grade = judge(DeviationParams(curve), 0.0, at)
    left = max((knot for knot in curve if knot[0] <= at), key=lambda knot: knot[0])
    right = min((knot for knot in curve if knot[0] >= at), key=lambda knot: knot[0])
    room = 1e-9 * (abs(left[1]) + abs(right[1]))
    assert min(left[1], right[1]) - room <= -value <= max(left[1], right[1]) + room
    assert grade == GOOD


@pytest.mark.parametrize("other", [0.0, -5.0])
def test_there_is_no_percentage_of_nothing(other: float) -> None:
    """A set-point at or below zero makes a deviation in percent BAD."""
    assert judge(DeviationParams(percent=True), 10.0, other)[1] == BAD
    assert judge(DeviationParams(percent=True), 10.0, 8.0) == (25.0, GOOD)


@pytest.mark.parametrize("grades", [(BAD, GOOD), (GOOD, BAD), (BAD, BAD)])
def test_it_needs_both_points(grades: tuple[int, int]) -> None:
    """With either point BAD the deviation is, however the other looks."""
    assert judge(DeviationParams(), 3.0, 1.0, grades)[1] == BAD


@pytest.mark.parametrize("grades", [(UNCERTAIN, GOOD), (GOOD, UNCERTAIN)])
def test_it_is_as_uncertain_as_the_less_certain_point(grades: tuple[int, int]) -> None:
    """It may raise and clears nothing."""
    assert judge(DeviationParams(), 3.0, 1.0, grades) == (2.0, UNCERTAIN)


def test_a_deviation_that_no_double_holds_is_bad() -> None:
    """It is no infinite alarm."""
    assert judge(DeviationParams(), 1.7e308, -1.7e308)[1] == BAD
    assert judge(DeviationParams(percent=True), 1e300, 1e-300)[1] == BAD


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (((0.0, 1.0),), "two knots or more"),
        (((0.0, 1.0), (0.0, 2.0)), "0 follows 0; the first numbers increase"),
        (((1.0, 1.0), (0.0, 2.0)), "0 follows 1"),
        (((0.0, 1.0), (math.nan, 2.0)), "finite"),
        (((0.0, 1.0), (math.inf, 2.0)), "finite"),
        (((0.0, math.inf), (1.0, 2.0)), "finite"),
        (((-1e308, 0.0), (1e308, 2.0)), "finite"),
        (((0.0, -1e308), (1.0, 1e308)), "finite"),
    ],
)
def test_a_curve_that_is_none_is_refused(
    curve: tuple[tuple[float, float], ...], words: str
) -> None:
    """One knot, knots out of order, numbers that are none: refused with what is allowed."""
    with pytest.raises(ValueError, match=words):
        DeviationParams(curve)


def test_a_curve_of_percentages_is_above_zero() -> None:
    """A set-point that could make the percentage infinite is refused; without percent it may."""
    curve = ((0.0, 0.0), (1.0, 2.0))
    assert DeviationParams(curve).pack() == (0.0,)
    with pytest.raises(ValueError, match="in percent every set-point is above zero"):
        DeviationParams(curve, percent=True)


SUPPLY = MemberFacts("TT-1", "temperature", "Cel", 0.0, 200.0)
RETURN = MemberFacts("TT-2", "return_temperature", "Cel", 0.0, 200.0)
FLOW = MemberFacts("FT-1", "flow", "m3/h", 0.0, 4000.0)


def test_points_that_can_be_compared_are_accepted() -> None:
    """One unit and no curve, or a curve that covers all that the other point measures."""
    assert deviation_problems(DeviationParams(), SUPPLY, RETURN) == []
    whole = DeviationParams(((0.0, 20.0), (4000.0, 80.0)))
    assert deviation_problems(whole, SUPPLY, FLOW) == []


@pytest.mark.parametrize(
    ("params", "other", "words"),
    [
        (DeviationParams(), FLOW, "TT-1 is in Cel, FT-1 in m3/h; a difference needs one unit"),
        (DeviationParams(), SUPPLY, "TT-1 cannot be compared with itself"),
        (
            DeviationParams(ALLOWED),
            FLOW,
            "the curve covers 1000 to 4000, FT-1 measures 0 to 4000 m3/h; outside it nothing is",
        ),
        (
            DeviationParams(ALLOWED),
            MemberFacts("FT-1", "flow", "m3/h", None, None),
            "FT-1 states no range; give it",
        ),
    ],
)
def test_points_that_cannot_be_compared_are_refused(
    params: DeviationParams, other: MemberFacts, words: str
) -> None:
    """Another unit without a curve, a curve too short: refused with what to do."""
    (problem,) = deviation_problems(params, SUPPLY, other)
    assert problem.startswith(words)
