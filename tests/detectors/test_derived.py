"""Derived points against plain Python, and the promises that every function of them keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.admission import BAD, FENCED, GOOD, NEVER, UNCERTAIN, UNTIMED
from detectors.bank import Bank
from detectors.derived import Derivation, Derivations, Derived, Member
from detectors.deviation import DeviationParams
from detectors.limit import LimitParams
from detectors.reason import ABOVE, BELOW, MISSING, SHIFT
from detectors.rules import Rule
from detectors.spread import SpreadParams
from detectors.vote import VoteParams, fewer_than
from tests.detectors.naive_derived import Made, Naive, Reading

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
STALE = 3 * SECOND
OVER, UNDER, ABSENT = (BAD | reason << SHIFT for reason in (ABOVE, BELOW, MISSING))

CURVE = ((-10.0, 2.0), (0.0, 4.0), (7.0, 1.5), (20.0, 50.0))
#: Base points 0 to 6; 6 is nobody's member.
COUNT = 7


def trio(params: VoteParams | SpreadParams, point: int, counter: int | None) -> Derivation:
    return Derivation(point, params, tuple(Member(p, STALE) for p in range(3)), counter)


SITE = [
    trio(VoteParams(2, 3, high=True, beyond=30.0), 7, 8),
    trio(VoteParams(2, 3, high=False, beyond=-30.0), 10, None),
    trio(SpreadParams(3), 9, 17),
    Derivation(
        11,
        VoteParams(3, 6, high=True, beyond=30.0),
        tuple(Member(p, (p + 1) * SECOND) for p in (5, 3, 1, 0, 2, 4)),
        12,
    ),
    Derivation(13, DeviationParams(), (Member(3, STALE), Member(0, 60 * SECOND))),
    Derivation(14, DeviationParams(CURVE), (Member(1, STALE), Member(4, STALE)), 15),
    Derivation(16, DeviationParams(CURVE, percent=True), (Member(4, STALE), Member(1, STALE))),
    Derivation(18, DeviationParams(percent=True), (Member(4, STALE), Member(5, STALE))),
]
OUTPUTS = 12

numbers = st.one_of(
    st.floats(-30, 30, allow_nan=False),
    st.sampled_from(
        [math.nan, math.inf, -math.inf, 0.0, -0.0, 7.0, 20.0, -10.0, 1e308, -1.7e308, 5e-324]
    ),
)
steps = st.one_of(
    st.integers(-5 * SECOND, 5 * SECOND),
    st.sampled_from([0, 0, SECOND, SECOND // 2, STALE, 40 * SECOND, 700 * SECOND, 2000 * SECOND]),
)
delays = st.sampled_from([0, 0, 1, SECOND - 1, SECOND, 30 * SECOND, 90 * SECOND, -4 * SECOND])
grades = st.sampled_from([GOOD] * 5 + [UNCERTAIN, BAD, FENCED, UNTIMED, OVER, UNDER, ABSENT])
entry = st.one_of(
    st.tuples(st.integers(0, COUNT - 1), steps, delays, numbers, grades), st.just("set back")
)
#: Sensors that speak each second, so that a vote has its members; ticks of one clock.
rounds = st.lists(
    st.tuples(st.integers(0, COUNT - 2), st.just(SECOND // 4), st.just(0), numbers, grades),
    max_size=40,
)
entries = st.one_of(st.lists(entry, max_size=60), rounds)


def timeline(drawn: list[tuple[int, int, int, float, int] | str]) -> list[Reading]:
    """Turn steps into instants; the clock follows the latest time seen."""
    now = START
    found: list[Reading] = []
    for each in drawn:
        if each == "set back":
            now = max(now - 3600 * SECOND, START)
            continue
        point, step, delay, value, grade = each
        time = max(now + step, START)
        now = max(now, time)
        received = time + delay
        found.append((point, received if grade == UNTIMED else time, received, value, grade))
    return found


def feed(derivations: Derivations, batch: list[Reading]) -> Derived:
    """Give one batch to the kernels."""
    columns = list(zip(*batch, strict=True)) or [()] * 5
    return derivations.take(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.uint8),
    )


def bits(made: Made) -> tuple[object, ...]:
    """A derived reading with its value as bits, so that NaN equals itself."""
    return (*made[:4], np.float64(made[4]).tobytes(), made[5])


def rows(derived: Derived, shift: int = 0) -> list[tuple[object, ...]]:
    """Readings of derived points, the batch that made them beginning at reading `shift`."""
    columns = zip(*(array.tolist() for array in derived), strict=True)
    return [bits((made[0] + shift, *made[1:])) for made in columns]


def second(point: int, n: float, value: float, grade: int = GOOD, late: float = 0.0) -> Reading:
    """A reading taken at second `n`."""
    time = START + int(n * SECOND)
    return (point, time, time + int(late * SECOND), value, grade)


def newest(derived: Derived, point: int) -> tuple[float, int]:
    """The last value and grade of a derived point."""
    place = np.flatnonzero(derived.point == point)[-1]
    return float(derived.value[place]), int(derived.grade[place])


@settings(max_examples=400)
@given(entries)
def test_kernels_agree_with_plain_python_to_the_last_bit(drawn: list[Reading | str]) -> None:
    """NaN, infinities, all members BAD, clocks that differ or go back: they agree bit for bit."""
    readings = timeline(drawn)
    naive = Naive(SITE)
    expected = [made for at, each in enumerate(readings) for made in naive.take(at, each)]
    derivations = Derivations(COUNT, SITE)
    assert rows(feed(derivations, readings)) == [bits(made) for made in expected]
    known = zip(derivations.members.tolist(), derivations.state.members.tolist(), strict=True)
    for point, (time, heard, value, _, lowest, before, grade) in known:
        sensor = naive.sensors[point]
        assert [None if n == NEVER else n for n in (time, heard)] == [sensor.time, sensor.heard]
        assert np.float64(value).tobytes() == np.float64(sensor.value).tobytes()
        assert (min(lowest, before), grade) == (sensor.clock.minimum, sensor.grade)


@given(entries, st.integers(1, 7), st.integers(0, 5))
def test_neither_cuts_nor_restarts_change_anything(
    drawn: list[Reading | str], size: int, restart: int
) -> None:
    """Readings in any batches, with state copied into a new process, make the same readings."""
    readings = timeline(drawn)
    whole = Derivations(COUNT, SITE)
    one = rows(feed(whole, readings))
    many: list[tuple[object, ...]] = []
    cut = Derivations(COUNT, SITE)
    for number, begin in enumerate(range(0, len(readings), size)):
        if number == restart:
            fresh = Derivations(COUNT, SITE)
            fresh.state.members[:] = cut.state.members
            fresh.state.speech[:] = cut.state.speech
            cut = fresh
        many += rows(feed(cut, readings[begin : begin + size]), begin)
    assert many == one
    assert cut.state.members.tobytes() == whole.state.members.tobytes()
    assert cut.state.speech.tobytes() == whole.state.speech.tobytes()


@given(entries, st.integers(-(10**17), 10**17))
def test_only_spans_of_time_count(drawn: list[Reading | str], shift: int) -> None:
    """The same readings at another time of the world make the same readings, as much later."""
    readings = timeline(drawn)
    moved = [(p, time + shift, received + shift, v, g) for p, time, received, v, g in readings]
    there = feed(Derivations(COUNT, SITE), moved)
    back = there._replace(time=there.time - shift, received=there.received - shift)
    assert rows(back) == rows(feed(Derivations(COUNT, SITE), readings))


@given(entries)
def test_times_only_increase(drawn: list[Reading | str]) -> None:
    """While our clock goes on, so does a derived point's: none of its readings counts as old."""
    readings: list[Reading] = []
    clock = START
    for point, time, received, value, grade in timeline(drawn):
        clock = max(clock, received)
        readings.append((point, time, clock, value, grade))
    derived = feed(Derivations(COUNT, SITE), readings)
    for point in set(derived.point.tolist()):
        assert (np.diff(derived.time[derived.point == point]) > 0).all()


@given(entries)
def test_the_bank_takes_them_in_any_cut(drawn: list[Reading | str]) -> None:
    """Edges of base and derived points, merged by their origin, do not depend on the batches."""
    readings = timeline(drawn)
    rules = [[Rule(LimitParams(5.0, high=True, deadband=1.0))]]
    count = COUNT + OUTPUTS

    def run(size: int) -> list[tuple[object, ...]]:
        bank = Bank(list(range(count)), [60 * SECOND] * count, rules, [0] * count)
        derivations = Derivations(COUNT, SITE)
        found: list[tuple[object, ...]] = []
        for begin in range(0, len(readings), size):
            batch = readings[begin : begin + size]
            base, _ = bank.take(*columns_of(batch))
            derived = feed(derivations, batch)
            made, _ = bank.take(*derived[1:])
            placed = [(edge.at, 0, n, edge) for n, edge in enumerate(base)]
            placed += [(int(derived.origin[e.at]), 1, n, e) for n, e in enumerate(made)]
            found += [(begin + at, *edge[1:]) for at, _, _, edge in sorted(placed)]
        return found

    assert run(3) == run(1000)


def columns_of(batch: list[Reading]) -> tuple[np.ndarray, ...]:
    kinds = (np.int32, np.int64, np.int64, np.float64, np.uint8)
    return tuple(
        np.array(column, kind) for column, kind in zip(zip(*batch, strict=True), kinds, strict=True)
    )


def test_nothing_derived_costs_nothing() -> None:
    """Readings of points that are nobody's members make no reading and touch no state."""
    derivations = Derivations(COUNT, SITE)
    before = derivations.state.members.tobytes()
    assert feed(derivations, [second(6, n, 1.0) for n in range(5)]).point.size == 0
    assert derivations.state.members.tobytes() == before
    assert feed(Derivations(COUNT, []), [second(0, 0, 1.0)]).point.size == 0


def test_a_counter_alarms_while_a_vote_is_degraded() -> None:
    """The alarm of a lost member begins when it is lost, and ends when all are back."""
    derivations = Derivations(COUNT, SITE[:1])
    nothing: list[Rule] = []
    sets = [nothing, [Rule(fewer_than(3))]]
    bank = Bank([0] * 9, [60 * SECOND] * 9, sets, [0] * 8 + [1])
    said = []
    for batch in (
        [second(p, 0, 1.0) for p in range(3)],
        [second(1, 1, math.nan, BAD)],
        [second(0, 1, 1.0)],
        [second(1, 2, 1.0)],
    ):
        edges, _ = bank.take(*feed(derivations, batch)[1:])
        said.append([edge.began for edge in edges])
    assert said == [[], [True], [], [False]]


def test_a_member_stands_on_one_cache_line() -> None:
    """A reading of a member finds all that is known of it on one line."""
    for count in (1, 6):
        members = Derivations(COUNT, SITE[:count]).state.members
        assert members.ctypes.data % 64 == 0
        assert members.strides == (64,)


VOTE = VoteParams(1, 2, high=True, beyond=1.0)
PAIR = (Member(0, 1), Member(1, 1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Derivation(3, VOTE, PAIR[:1]), "derived point 3: .* has 2 members, 1 are given"),
        (lambda: Derivation(3, VOTE, (PAIR[0], PAIR[0])), "each stands once"),
        (lambda: Derivation(3, VOTE, (PAIR[0], Member(1, 0))), "stale_after is above 0 ns"),
        (lambda: Derivations(2, [Derivation(1, VOTE, PAIR)]), "derived point 1: .* from 2 on"),
        (lambda: Derivations(2, [Derivation(2, VOTE, PAIR, 2)]), "derived point 2: .* its own"),
        (
            lambda: Derivations(2, [Derivation(2, VOTE, (PAIR[0], Member(2, 1)))]),
            r"member 2 is no base point \(0 to 1\); name what that one is derived from",
        ),
        (lambda: Derivations(2, [Derivation(2, VOTE, (PAIR[0], Member(-1, 1)))]), "member -1"),
    ],
)
def test_what_cannot_be_derived_is_refused(make: object, words: str) -> None:
    """A wrong number of members, a member twice or itself derived: refused, with a reason."""
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


def test_warming_up_moves_nothing() -> None:
    """The kernels are compiled on points of their own."""
    derivations = Derivations(COUNT, SITE)
    before = derivations.state.members.tobytes()
    derivations.warm_up()
    assert derivations.state.members.tobytes() == before
