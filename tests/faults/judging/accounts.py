"""What each life of an edge should have told of the plant's alarms, and what it told.

The plain reference runs over what a life heard, so nothing has to be excused because a life did not
know of it: a store in memory that begins with a process raises anew what stands, and clears nothing
that was raised before; a store on disk that is taken up again goes on where its spool ends. Kills,
new starts and power cuts leave the store, so they are one life, of which nothing is excused.

One loss alone is no fault: what moved in the instant in which a store failed died with it. The life
that takes its place carries what stands into itself, and the last of those moves is what it states.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.model import NANOSECONDS, AlarmEvent, State
from tests.faults.judging.evidence import Message
from tests.faults.judging.expectation import Move, expected
from tests.faults.judging.lives import Life, heard, lives

ACTIVE: Final = frozenset({State.UNACKNOWLEDGED, State.ACKNOWLEDGED})
RETURNED: Final = frozenset(
    {State.RETURNED_UNACKNOWLEDGED, State.LATCHED_UNACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED}
)
#: A reading is judged so soon after it was made, at the latest.
JUDGED_NS: Final = NANOSECONDS


@dataclass(frozen=True, slots=True)
class Account:
    """What should have been told and what was, by the lives on disk or by one in memory.

    Parameters
    ----------
    lives
        Their names; empty where nothing is known of any.
    should, told
        Transitions by the reference, and at the centre.
    summed
        Those that died with a failing store, and whose outcome the next life states.
    """

    lives: frozenset[str]
    should: frozenset[Move]
    told: frozenset[Move]
    summed: frozenset[Move] = frozenset()


def accounts(
    site: Path,
    said: Sequence[Message],
    *,
    own: Sequence[AlarmEvent],
    moves: Sequence[AlarmEvent],
    stored: Callable[[Message], bool],
) -> list[Account]:
    """Return an account for the lives on disk, which share a spool, and one for each other life.

    Parameters
    ----------
    site
        The site file.
    said
        Every message in the order of publishing.
    own
        Every event that is known of the edge.
    moves
        Raises and clears of what is measured, as the centre holds them.
    stored
        Whether a message lies in the store on disk.
    """
    every = lives(own)
    disk = [life for life in every if not life.memory]
    found = []
    if disk or not every:
        listened = heard(disk[0], every, said, stored=stored) if disk else said
        names = frozenset(life.name for life in disk)
        found.append(Account(names, frozenset(expected(site, listened)), told(moves, names)))
    for life in (life for life in every if life.memory):
        should = expected(site, heard(life, every, said, stored=stored))
        ours = told(moves, {life.name})
        summed: set[Move] = set()
        if life.before:
            should -= told(moves, {life.before})
            summed = summed_up(own, life, should - ours)
        found.append(Account(frozenset({life.name}), frozenset(should), ours, frozenset(summed)))
    return found


def told(moves: Iterable[AlarmEvent], names: Container[str]) -> frozenset[Move]:
    """Return what these lives told; what any did where none is known."""
    return frozenset(
        Move(event.alarm, event.cause, event.source_ns)
        for event in moves
        if not names or event.life in names
    )


def summed_up(own: Sequence[AlarmEvent], life: Life, absent: Iterable[Move]) -> set[Move]:
    """Return which of these moves died with the store whose place this life took.

    They came after the last event of that store that anybody has, and the state that is carried
    into this life is the one to which the last of them leads.
    """
    before = [e for e in own if e.life == life.before and e.received_ns < life.begin]
    last_ns = max((event.received_ns for event in before), default=0)
    carried = {e.alarm: e for e in own if e.life == life.name and e.cause == "carry"}
    died: dict[str, list[Move]] = {}
    for move in sorted(absent, key=lambda move: move.source_ns):
        if last_ns - JUDGED_NS < move.source_ns <= life.begin and move.alarm in carried:
            died.setdefault(move.alarm, []).append(move)
    return {
        move
        for alarm, moves in died.items()
        if carried[alarm].after in (ACTIVE if moves[-1].cause == "raise" else RETURNED)
        for move in moves
    }
