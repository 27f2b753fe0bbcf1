"""A parent that is added later hears of everything before it: the outbox is filled in steps.

A step is one transaction of bounded size; a crash between two of them repeats nothing and leaves
nothing out. The centre works all the while. What is made meanwhile goes into the outbox at once,
unless its alarm has a past that is not there yet: then this past, and it, are put there next. So
the events of one alarm reach the parent in the order they were made, and no alarm waits for
another's past.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from gateway.db import Database, Row, StoreError
from gateway.northbound import outbox
from gateway.observe import log
from gateway.supervision.opening import PARENT, set_value, value_of
from gateway.tasks import Tasks

#: Up to which position of the events the outbox is filled, or that all later ones go there.
FILLED_TO: Final = "outbox_left_at"
KEPT: Final = "kept"
#: Events put into the outbox by one step; an alarm of a child waits that long to be written.
AT_ONCE: Final = 250
#: What alarms that move are owed may fill so much more; the alarms' own reserve is beyond it.
ROOM_OF_ALARMS: Final = 2
#: Between two looks while it waits for the parent, or for the disk.
PAUSE_S: Final = 0.25
LOG = log("filling")

Act = Callable[[Callable[[Database], Any]], Awaitable[Any]]


def begin(database: Database, *, parent: bool) -> bool:
    """Note at the opening of a store whether there is a parent; return whether steps are due.

    Without a parent it is remembered up to where the outbox was filled, should it come back.
    """
    filled = value_of(database, FILLED_TO)
    last = int(database.execute("SELECT COALESCE(MAX(position), 0) FROM event")[0][0])
    if not parent:
        if filled == KEPT:
            set_value(database, FILLED_TO, str(last))
        return False
    if filled != KEPT and last <= int(filled or 0):
        _end(database)
        return False
    return filled != KEPT


def due(database: Database, rows: Sequence[outbox.Row]) -> list[outbox.Row]:
    """Return those of the events just made that go into the outbox now, and note the others."""
    filled = value_of(database, FILLED_TO)
    if filled == KEPT:
        return list(rows)
    put = []
    for row in rows:
        node = database.execute("SELECT node FROM event WHERE position = ?", (row.seq,))[0][0]
        if row.alarm and _owed(database, node, row.alarm, filled=filled, most=1)[0][0] < row.seq:
            _note_owed(database, node, row.alarm)
        else:
            _note_ahead(database, node, [row])
            put.append(row)
    return put


def step(database: Database, *, room: int) -> tuple[int, bool]:
    """Put some more of what came before into the outbox, as one transaction.

    Parameters
    ----------
    room
        Bytes that may wait for the parent before more is added: what does not fit would be shed.

    Returns
    -------
    put
        How many events; 0 while there is no room.
    more
        Whether there may be more to put.
    """
    # A power cut may undo it: then it is done again.
    with database.transaction(durable=False):
        filled = value_of(database, FILLED_TO)
        if filled == KEPT:
            return 0, False
        waiting = outbox.size(database, PARENT)[1]
        owed = database.execute("SELECT node, alarm FROM outbox_owed ORDER BY rowid LIMIT 1")
        if owed and waiting < ROOM_OF_ALARMS * room:
            return _put_past(database, *owed[0], filled=filled), True
        if waiting >= room:
            return 0, True
        return _put_next(database, int(filled or 0))


def _put_past(database: Database, node: str, alarm: str, *, filled: str) -> int:
    """Put the next events of an alarm that moved meanwhile; with the last it owes nothing."""
    rows = [outbox.Row(*row) for row in _owed(database, node, alarm, filled=filled, most=AT_ONCE)]
    outbox.append(database, rows, [PARENT])
    _note_ahead(database, node, rows)
    database.execute("DELETE FROM outbox_owed WHERE node = ? AND alarm = ?", (node, alarm))
    if len(rows) == AT_ONCE:
        # Behind the others that are owed something: a long past makes no other alarm wait for it.
        _note_owed(database, node, alarm)
    return len(rows)


def _put_next(database: Database, last: int) -> tuple[int, bool]:
    """Put the next events of all, as they were made; with the last of them the filling ends."""
    rows = database.execute(
        "SELECT position, alarm, entry FROM event WHERE position > ? ORDER BY position LIMIT ?",
        (last, AT_ONCE),
    )
    if not rows:
        _end(database)
        return 0, False
    to = int(rows[-1][0])
    ahead = database.execute(
        "DELETE FROM outbox_ahead WHERE position <= ? RETURNING position", (to,)
    )
    there = {position for (position,) in ahead}
    fresh = [outbox.Row(*row) for row in rows if row[0] not in there]
    outbox.append(database, fresh, [PARENT])
    if len(rows) < AT_ONCE:
        _end(database)
    else:
        set_value(database, FILLED_TO, str(to))
    return len(fresh), len(rows) == AT_ONCE


def _owed(database: Database, node: str, alarm: str, *, filled: str, most: int) -> list[Row]:
    """Return the first events of an alarm that are not in the outbox yet."""
    ahead = database.execute(
        "SELECT COALESCE(MAX(position), 0) FROM outbox_ahead WHERE node = ? AND alarm = ?",
        (node, alarm),
    )
    return database.execute(
        "SELECT position, alarm, entry FROM event WHERE node = ? AND alarm = ? AND position > ? "
        "ORDER BY position LIMIT ?",
        (node, alarm, max(int(filled or 0), int(ahead[0][0])), most),
    )


def _note_owed(database: Database, node: str, alarm: str) -> None:
    database.execute(
        "INSERT INTO outbox_owed (node, alarm) VALUES (?, ?) ON CONFLICT (node, alarm) DO NOTHING",
        (node, alarm),
    )


def _note_ahead(database: Database, node: str, rows: Sequence[outbox.Row]) -> None:
    database.execute_many(
        "INSERT INTO outbox_ahead (position, node, alarm) VALUES (?, ?, ?)",
        [(row.seq, node, row.alarm) for row in rows],
    )


def _end(database: Database) -> None:
    """Let every event that is made from now on go into the outbox."""
    database.execute("DELETE FROM outbox_ahead")
    set_value(database, FILLED_TO, KEPT)


class Filling:
    """Takes the steps, one after another, while the centre works.

    Parameters
    ----------
    act
        Runs a function on the store, in its thread.
    room
        Bytes that may wait for the parent before more is added.
    wake
        Lets the uplink look at the outbox.
    """

    def __init__(self, act: Act, *, room: int, wake: Callable[[], None]) -> None:
        self._act = act
        self._room = room
        self._wake = wake
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.begin("filling", self._fill())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()

    async def _fill(self) -> None:
        more, total, reason = True, 0, ""
        LOG.info("the parent is new here: it is sent what came before")
        while more:
            put = 0
            try:
                put, more = await self._act(partial(step, room=self._room))
                reason = ""
            except StoreError as error:
                if str(error) != reason:
                    reason = str(error)
                    LOG.warning("cannot put what came before into the outbox", reason=reason)
            total += put
            if put:
                self._wake()
            elif more:
                await asyncio.sleep(PAUSE_S)
        LOG.info("all that came before the parent is in the outbox", events=total)
