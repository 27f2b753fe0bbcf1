"""A vote agrees with counting, degrades towards action, and refuses members that are not alike."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from detectors.admission import BAD, GOOD, UNCERTAIN
from detectors.bank import Bank
from detectors.derived import Derivation, Derivations, Member
from detectors.limit import LimitParams
from detectors.reason import ABOVE, BELOW, FAULT, SHIFT, ReasonParams
from detectors.reference import judge_limit
from detectors.rules import Rule
from detectors.vote import MemberFacts, VoteParams, fewer_than, vote_problems
from tests.detectors.naive_derived import Reading
from tests.detectors.test_derived import feed, newest, rows, second

SECOND = 1_000_000_000
STALE = 10 * SECOND
RANGE = 100.0
OVER, UNDER = BAD | ABOVE << SHIFT, BAD | BELOW << SHIFT
LOST = (math.nan, BAD)

values = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-RANGE, RANGE),
    st.sampled_from([0.0, -0.0, 5e-324, -RANGE, RANGE]),
)
Said = tuple[float, int]


def derivation(params: VoteParams) -> Derivation:
    """A vote of as many members as there are base points, with a counter."""
    members = tuple(Member(point, STALE) for point in range(params.of))
    return Derivation(params.of, params, members, params.of + 1)


def judge(params: VoteParams, said: list[Said]) -> Said:
    """What a vote says once every member has said this."""
    derived = feed(
        Derivations(params.of, [derivation(params)]),
        [second(point, 1, value, grade) for point, (value, grade) in enumerate(said)],
    )
    return newest(derived, params.of)


def vote(needed: int, of: int, *, high: bool = True) -> VoteParams:
    return VoteParams(needed, of, high=high, beyond=RANGE if high else -RANGE)


HIGH, LOW = vote(2, 3), vote(2, 3, high=False)


@st.composite
def votes(draw: st.DrawFn, members: int | None = None) -> VoteParams:
    of = members or draw(st.integers(1, 8))
    return vote(draw(st.integers(1, of)), of, high=draw(st.booleans()))


@given(votes(), st.data())
def test_a_limit_on_the_voted_value_is_a_count_of_members(
    params: VoteParams, data: st.DataObject
) -> None:
    """It begins exactly when at least M of N are beyond the limit, strict or not, high or low."""
    said = data.draw(st.lists(values, min_size=params.of, max_size=params.of))
    limit = LimitParams(data.draw(values), high=params.high, strict=data.draw(st.booleans()))
    value, grade = judge(params, [(each, GOOD) for each in said])
    agreeing = sum(judge_limit(limit, each)[0] for each in said)
    assert judge_limit(limit, value)[0] == (agreeing >= params.needed)
    assert grade == GOOD


@pytest.mark.parametrize(
    ("needed", "of", "bad", "result"),
    [
        (1, 2, 0, 20.0),
        (2, 2, 0, 10.0),
        (2, 3, 0, 20.0),
        (2, 3, 1, 30.0),
        (2, 3, 2, 30.0),
        (2, 2, 1, 20.0),
        (1, 2, 1, 20.0),
        (1, 1, 0, 10.0),
        (3, 4, 1, 30.0),
        (3, 4, 2, 40.0),
        (2, 4, 1, 40.0),
        (2, 4, 3, 40.0),
    ],
)
def test_a_lost_member_counts_as_a_vote_for_action(
    needed: int, of: int, bad: int, result: float
) -> None:
    """2oo3 becomes 1oo2 and then 1oo1, 2oo2 and 1oo2 become 1oo1; each stays GOOD."""
    said = [LOST] * bad + [(10.0 * (point + 1), GOOD) for point in range(bad, of)]
    assert judge(vote(needed, of), said) == (result, GOOD)


@given(votes(), st.data())
def test_a_degraded_vote_is_calm_only_if_the_full_one_is(
    params: VoteParams, data: st.DataObject
) -> None:
    """With fewer than M lost, it is never calmer than a vote in which the lost said anything."""
    lost = data.draw(st.integers(0, params.needed - 1))
    assume(lost < params.of)
    truth = data.draw(st.lists(values, min_size=params.of, max_size=params.of))
    degraded, grade = judge(params, [LOST] * lost + [(each, GOOD) for each in truth[lost:]])
    full, _ = judge(params, [(each, GOOD) for each in truth])
    assert degraded >= full if params.high else degraded <= full
    assert grade == GOOD


@pytest.mark.parametrize(("needed", "of"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_with_all_members_lost_there_is_no_vote(needed: int, of: int) -> None:
    """It is BAD, so that it holds what stands."""
    value, grade = judge(vote(needed, of), [LOST] * of)
    assert math.isnan(value)
    assert grade == BAD


@pytest.mark.parametrize(("params", "grade"), [(HIGH, OVER), (LOW, UNDER)])
def test_members_beyond_their_range_vote_for_action(params: VoteParams, grade: int) -> None:
    """A gas that floods two of three sensors is an alarm, though neither has a value."""
    calm, flooded = (0.0, GOOD), (math.nan, grade)
    assert judge(params, [calm, calm, flooded]) == (0.0, GOOD)
    assert judge(params, [calm, flooded, flooded]) == (params.beyond, UNCERTAIN)
    assert judge(params, [LOST, calm, flooded]) == (params.beyond, UNCERTAIN)
    assert judge(params, [flooded] * 3) == (params.beyond, UNCERTAIN)


@pytest.mark.parametrize(("params", "grade"), [(HIGH, UNDER), (LOW, OVER)])
def test_a_member_beyond_the_other_end_is_lost(params: VoteParams, grade: int) -> None:
    """What failed away from the limits neither votes for calm nor has a value."""
    sign = 1.0 if params.high else -1.0
    said = [(sign, GOOD), (2 * sign, GOOD), (math.nan, grade)]
    assert judge(params, said) == (2 * sign, GOOD)
    assert judge(params, [(math.nan, grade)] * 3)[1] == BAD


def test_an_uncertain_member_makes_the_vote_uncertain() -> None:
    """It votes with its value, as it raises alone, and no vote clears on its word."""
    assert judge(vote(2, 3), [(1.0, GOOD), (3.0, UNCERTAIN), (2.0, GOOD)]) == (2.0, UNCERTAIN)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 20),
            values,
            st.sampled_from([GOOD, GOOD, GOOD, UNCERTAIN, BAD, OVER, UNDER]),
        ),
        max_size=20,
    ),
    st.permutations(range(4)),
    votes(4),
)
def test_the_order_of_members_is_no_matter(
    said: list[tuple[int, int, float, int]], order: list[int], params: VoteParams
) -> None:
    """Members named in any order make the same vote from the same readings, bit for bit."""
    members = derivation(params).members
    shuffled = tuple(members[place] for place in order)
    readings = [second(point, n, value, grade) for point, n, value, grade in said]
    one = Derivations(4, [derivation(params)])
    other = Derivations(4, [dataclasses.replace(derivation(params), members=shuffled)])
    assert rows(feed(one, readings)) == rows(feed(other, readings))


class Plant:
    """A 2oo3 vote and its counter in a bank, with the rules a site gives them."""

    def __init__(self) -> None:
        sets: list[list[Rule]] = [
            [],
            [Rule(LimitParams(20.0, high=True, deadband=1.0)), Rule(ReasonParams((FAULT,)))],
            [Rule(fewer_than(3))],
        ]
        self.bank = Bank([0] * 5, [60 * SECOND] * 5, sets, [0, 0, 0, 1, 2])
        self.derivations = Derivations(3, [derivation(vote(2, 3))])

    def say(self, *readings: Reading) -> list[tuple[int, bool]]:
        """Return which rules began or ended: 0 the vote, 1 nobody left to vote, 2 degraded."""
        edges, _ = self.bank.take(*feed(self.derivations, list(readings))[1:])
        return [(edge.row, edge.began) for edge in edges]


def test_a_vote_that_lost_a_member_still_clears() -> None:
    """With one of three failed for months, the other two raise, clear and raise again."""
    plant = Plant()
    plant.say(*(second(point, 0, 0.0) for point in range(3)))
    assert plant.say(second(2, 1, *LOST)) == [(2, True)]
    for n in (10, 10_000_000):
        assert plant.say(second(0, n, 25.0), second(1, n, 1.0), second(2, n, *LOST)) == [(0, True)]
        assert plant.say(second(0, n + 1, 1.0), second(1, n + 1, 1.0)) == [(0, False)]


def test_a_vote_that_lost_all_holds_its_alarm_and_can_trip() -> None:
    """Nobody left clears nothing; the rule that trips on it begins, and ends when they are back."""
    plant = Plant()
    assert plant.say(*(second(point, 0, 25.0) for point in range(3))) == [(0, True)]
    gone = plant.say(*(second(point, 1, *LOST) for point in range(3)))
    assert gone == [(2, True), (1, True)]
    assert plant.say(*(second(point, 2, 1.0) for point in range(3))) == [
        (0, False), (1, False), (2, False),
    ]  # fmt: skip


def test_a_start_trips_nothing() -> None:
    """One sensor that has failed high is no vote before the others have spoken."""
    plant = Plant()
    first = [second(point, n, (99.0, 0.0, 0.0)[point]) for n in range(9) for point in range(3)]
    assert plant.say(*first) == []


def facts(tag: str, **other: object) -> MemberFacts:
    common = {"quantity": "combustible", "unit": "%LEL", "low": 0.0, "high": 100.0}
    common |= {"hazard": "metallurgy", "basis": "LEL 5 %vol"}
    return MemberFacts(tag=tag, **(common | other))  # type: ignore[arg-type]


def test_members_that_are_alike_may_vote() -> None:
    """The same quantity, unit and its basis, hazard and range: nothing to complain of."""
    assert vote_problems([facts("A"), facts("B"), facts("C")]) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"quantity": "nh3"}, "B has quantity 'nh3', A 'combustible'; a vote compares like with"),
        ({"basis": "LEL 1.7 %vol"}, "B has basis 'LEL 1.7 %vol', A 'LEL 5 %vol'"),
        ({"hazard": "spray_painting"}, "B has hazard 'spray_painting', A 'metallurgy'"),
        ({"unit": "ppm"}, "B has unit 'ppm', A '%LEL'"),
        ({"high": 10.0}, "B measures 0 to 10 %LEL, A 0 to 100 %LEL; members of a vote have one"),
        ({"low": None}, "B measures ? to 100 %LEL"),
    ],
)
def test_members_that_are_not_alike_are_refused(other: dict[str, object], words: str) -> None:
    """Another gas, unit or range than the first member's: refused by name, and only that one."""
    problems = vote_problems([facts("A"), facts("B", **other), facts("C")])
    assert len(problems) == 1
    assert words in problems[0]
    assert all(text.startswith("B ") for text in problems)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_vote_has_two_to_eight_members(count: int) -> None:
    """One sensor votes with nobody, and more than eight are no redundant measurement."""
    problems = vote_problems([facts(f"T{n}") for n in range(count)])
    assert problems == [f"a vote has 2 to 8 members, not {count}; name that many tags"]


def test_a_tag_named_twice_is_refused() -> None:
    """A sensor does not confirm itself."""
    assert vote_problems([facts("A"), facts("B"), facts("A")]) == [
        "A is named twice; one sensor is one member"
    ]


@pytest.mark.parametrize(("needed", "of"), [(0, 2), (3, 2), (1, 9), (1, 0), (-1, 3)])
def test_an_impossible_vote_is_refused(needed: int, of: int) -> None:
    """None, or more than all: refused with what is allowed."""
    with pytest.raises(ValueError, match="need 1 <= needed <= members <= 8"):
        VoteParams(needed, of, high=True, beyond=1.0)


@pytest.mark.parametrize("beyond", [math.nan, math.inf, -math.inf])
def test_the_end_of_a_range_is_finite(beyond: float) -> None:
    """A vote that reads infinite would be BAD, and raise nothing."""
    with pytest.raises(ValueError, match="finite end of the members' range"):
        VoteParams(1, 2, high=True, beyond=beyond)


def test_every_degradation_of_every_vote_is_at_least_as_ready_to_act() -> None:
    """For each vote of up to four, each further lost member never takes the alarm away."""
    for of in range(1, 5):
        for needed, beyond in itertools.product(range(1, of + 1), range(of + 1)):
            said = [(1.0, GOOD)] * beyond + [(0.0, GOOD)] * (of - beyond)
            acts = [
                judge(vote(needed, of), said[: of - lost] + [LOST] * lost)[0] == 1.0
                for lost in range(min(of - beyond, of - 1) + 1)
            ]
            assert acts == sorted(acts)
