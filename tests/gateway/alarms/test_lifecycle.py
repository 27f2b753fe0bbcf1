"""The table of ISA-18.2 moves, and everything it does not name."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms import lifecycle
from gateway.alarms.lifecycle import IllegalTransitionError, Status, step
from gateway.model import Cause, State, Suppression

N, U, A = State.NORMAL, State.UNACKNOWLEDGED, State.ACKNOWLEDGED
R, LU, LA = (
    State.RETURNED_UNACKNOWLEDGED,
    State.LATCHED_UNACKNOWLEDGED,
    State.LATCHED_ACKNOWLEDGED,
)
RAISE, CLEAR, ACK, RESET = Cause.RAISE, Cause.CLEAR, Cause.ACKNOWLEDGE, Cause.RESET

#: Every move there is, written down a second time on purpose: the code's table is compared with it.
#: Latching decides where a clear leads, and nothing else: a site file may begin or cease to latch
#: while an alarm stands.
COMMON = {
    (N, RAISE): U,
    (U, ACK): A,
    (A, Cause.RE_ALARM): U,
    (R, ACK): N,
    (R, RAISE): U,
    (LU, ACK): LA,
    (LU, RAISE): U,
    (LA, RAISE): U,
    (LA, RESET): N,
}
PLAIN = COMMON | {(U, CLEAR): R, (A, CLEAR): N}
LATCHING = COMMON | {(U, CLEAR): LU, (A, CLEAR): LA}
REACHABLE = {False: {N, U, A, R}, True: {N, U, A, LU, LA}}
SUPPRESSING = (
    Cause.SHELVE,
    Cause.UNSHELVE,
    Cause.OUT_OF_SERVICE,
    Cause.IN_SERVICE,
    Cause.EXPIRE,
)


@pytest.mark.parametrize("latch", [False, True])
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    "cause", [RAISE, CLEAR, ACK, RESET, Cause.RE_ALARM, Cause.RETIRE, Cause.CARRY]
)
def test_every_move_is_declared_or_raises(state: State, cause: Cause, *, latch: bool) -> None:
    """A declared move leads where the table says; any other raises and names the possible ones."""
    table = LATCHING if latch else PLAIN
    status = Status(state=state, revision=7, occurrence=3)
    expected = table.get((state, cause))
    if expected is not None:
        assert step(status, cause, latch=latch).state == expected
        return
    with pytest.raises(IllegalTransitionError) as refused:
        step(status, cause, latch=latch)
    told = str(refused.value)
    assert told.startswith(f"{cause}: not possible in state {state}")
    possible = {c.value for s, c in table if s == state}
    assert set(filter(None, told.rpartition("possible: ")[2].split(", "))) == possible


def test_docstring_shows_the_table() -> None:
    """The table a person reads at the top of the module is the one the program follows."""
    lines = (lifecycle.__doc__ or "").splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("====")]
    cuts = [match.start() for match in re.finditer("=+", lines[rules[0]])] + [None]
    plain, latching = {}, {}
    for line in lines[rules[1] + 1 : rules[2]]:
        cells = [line[a:b].strip() for a, b in pairwise(cuts)]
        move = State(cells[0]), Cause(cells[1])
        if cells[2]:
            plain[move] = State(cells[2])
        if cells[3]:
            latching[move] = State(cells[3])
    assert plain == lifecycle.PLAIN == PLAIN
    # A row whose last column is empty belongs to alarms that do not latch.
    assert latching == lifecycle.LATCHING == LATCHING


CAUSES = st.lists(
    st.tuples(st.sampled_from(Cause), st.booleans(), st.integers(1, 10**18)), max_size=40
)


@given(causes=CAUSES, latch=st.booleans())
def test_no_sequence_leaves_the_declared_states(
    causes: list[tuple[Cause, bool, int]], *, latch: bool
) -> None:
    """Whatever happens in whatever order, the state is a declared one and the counters count."""
    status = Status()
    moves = raises = 0
    for cause, historical, until in causes:
        before = status
        try:
            status = step(status, cause, latch=latch, historical=historical, until_ns=until)
        except IllegalTransitionError:
            assert status is before
            continue
        moves += 1
        raises += cause == RAISE
        assert status.state in REACHABLE[latch]
        assert (status.revision, status.occurrence) == (moves, raises)
        assert (status.suppression == Suppression.NONE) == (status.suppressed_until_ns == 0)
        if cause not in SUPPRESSING:
            assert status.suppression == before.suppression
            assert status.suppressed_until_ns == before.suppressed_until_ns


@given(causes=CAUSES, latch=st.booleans())
def test_suppression_stands_beside_the_state(
    causes: list[tuple[Cause, bool, int]], *, latch: bool
) -> None:
    """What the plant and the operator do moves a suppressed alarm exactly as it moves any other."""
    plain, shelved = Status(), step(Status(), Cause.SHELVE, latch=latch, until_ns=1)
    for cause, historical, _ in causes:
        if cause in SUPPRESSING:
            continue
        try:
            plain = step(plain, cause, latch=latch, historical=historical)
        except IllegalTransitionError:
            with pytest.raises(IllegalTransitionError):
                step(shelved, cause, latch=latch, historical=historical)
            continue
        shelved = step(shelved, cause, latch=latch, historical=historical)
        assert shelved.state == plain.state
        assert shelved.historical == plain.historical
        assert shelved.suppression == Suppression.SHELVED


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (Cause.SHELVE, Cause.UNSHELVE),
        (Cause.SHELVE, Cause.EXPIRE),
        (Cause.OUT_OF_SERVICE, Cause.IN_SERVICE),
        (Cause.OUT_OF_SERVICE, Cause.EXPIRE),
    ],
)
@pytest.mark.parametrize("state", State)
def test_an_ended_suppression_asks_again(state: State, begin: Cause, end: Cause) -> None:
    """When a suppression ends while the condition is true, ACKED becomes UNACK; no other moves."""
    status = step(Status(state=state), begin, latch=False, until_ns=9)
    assert (status.state, status.suppressed_until_ns) == (state, 9)
    ended = step(status, end, latch=False)
    assert ended.suppression == Suppression.NONE
    assert ended.state == (U if state == A else state)


@pytest.mark.parametrize(
    ("suppression", "cause"),
    [
        (Suppression.NONE, Cause.UNSHELVE),
        (Suppression.OUT_OF_SERVICE, Cause.UNSHELVE),
        (Suppression.NONE, Cause.IN_SERVICE),
        (Suppression.SHELVED, Cause.IN_SERVICE),
        (Suppression.NONE, Cause.EXPIRE),
        (Suppression.BY_DESIGN, Cause.EXPIRE),
    ],
)
def test_only_its_own_end_ends_a_suppression(suppression: Suppression, cause: Cause) -> None:
    """An end that does not belong to the suppression raises and says what stands."""
    with pytest.raises(IllegalTransitionError, match=re.escape(f"(it is {suppression})")):
        step(Status(suppression=suppression), cause, latch=False)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("historical", [False, True])
def test_confirm_needs_late_data_and_a_true_condition(state: State, *, historical: bool) -> None:
    """Only an alarm that stands on late data is confirmed, and that ends its being historical."""
    status = Status(state=state, historical=historical)
    if historical and state in {U, A}:
        moved = step(status, Cause.CONFIRM, latch=False)
        assert (moved.state, moved.historical) == (state, False)
        return
    with pytest.raises(IllegalTransitionError, match="late data"):
        step(status, Cause.CONFIRM, latch=False)


def test_standing_and_active() -> None:
    """An alarm is active while its condition is true, and stands while it is not plainly normal."""
    assert {state for state in State if Status(state=state).active} == {U, A}
    assert {state for state in State if Status(state=state).standing} == set(State) - {N}
    assert Status(suppression=Suppression.SHELVED).standing
