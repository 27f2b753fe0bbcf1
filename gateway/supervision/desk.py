"""What people at the centre's command line decide: dead letters, and gateways that are scrapped.

A command puts an order into the store; the running centre carries it out and journals it, whatever
the outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, Self

import msgspec

from gateway.db import Database, StoreError
from gateway.model import Clock
from gateway.northbound import dead_letters, wire
from gateway.northbound.dead_letters import DISCARD, RETRY, Release
from gateway.observe import log
from gateway.supervision import retirement
from gateway.supervision.readers import For
from gateway.supervision.retirement import RetirementError
from gateway.supervision.store import Store
from gateway.supervision.write import Write
from gateway.supervision.writer import BusyError
from gateway.tasks import Tasks

#: How often the store is asked for decisions of the command line.
LOOK_S: Final = 0.5
KNOWN: Final = (RETRY, DISCARD, retirement.ACTION)
LOG = log("desk")
decode_release = msgspec.json.Decoder(Release).decode


class Desk:
    """Follows the desk of a centre.

    Parameters
    ----------
    released
        Told that dead letters wait again, or are gone.
    """

    def __init__(self, store: Store, *, clock: Clock, released: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._released = released
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.keep("desk", self._follow)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(StoreError, BusyError):
                for identity, body in await self._store.read(_asked, whom=For.ALARMS):
                    await self._carry_out(identity, body)

    async def _carry_out(self, identity: str, body: bytes) -> None:
        """Decide one order; whatever is wrong with it holds up no other."""
        try:
            await self._decide(identity, body)
        except (StoreError, BusyError):
            raise
        except Exception as error:
            LOG.exception("cannot carry out an order", order=identity)
            order = Release(id=identity, action="unreadable")
            note = partial(_note, order=order, identity=identity, reason=repr(error))
            await self._store.write(note)

    async def _decide(self, identity: str, body: bytes) -> None:
        """Carry out what an operator decided, and journal it."""
        try:
            order = decode_release(body)
        except wire.UNREADABLE as error:
            order = Release(id=identity, action="unreadable", comment=str(error))
        if order.action == "unreadable" or order.expires_ns <= self._clock.now_ns():
            reason = order.comment or "it has expired; give it again"
            await self._store.write(partial(_note, order=order, identity=identity, reason=reason))
        elif order.action == retirement.ACTION:
            await self._store.write(partial(_retire, order=order, identity=identity))
        elif order.action in {RETRY, DISCARD}:
            await self._release(order, identity)
        else:
            # Of a newer program's tool: never guessed at.
            reason = f"this centre knows no {order.action}; it takes {', '.join(KNOWN)}: update it"
            await self._store.write(partial(_note, order=order, identity=identity, reason=reason))

    async def _release(self, order: Release, identity: str) -> None:
        result, reason = "refused", "no such dead letter; hazgate outbox list shows them"
        if count := await self._store.act(partial(dead_letters.release, what=order)):
            done = "sent again" if order.action == RETRY else "discarded"
            result, reason = "applied", f"{count} dead letter(s) {done}"
        await self._store.write(
            partial(_note, order=order, identity=identity, result=result, reason=reason)
        )
        self._released()


def _asked(database: Database) -> list[tuple[str, bytes]]:
    rows = database.execute(
        "SELECT id, body FROM desk_order WHERE done = 0 ORDER BY made_ns LIMIT 100"
    )
    return [(row[0], bytes(row[1])) for row in rows]


def _retire(write: Write, *, order: Release, identity: str) -> None:
    try:
        with write.part():
            stood = retirement.retire(
                write, order.node, operator=order.operator, comment=order.comment
            )
    except RetirementError as refusal:
        _note(write, order=order, identity=identity, reason=str(refusal))
    else:
        reason = f"{order.node} is retired; {stood} alarm(s) of it stood"
        _note(write, order=order, identity=identity, result="applied", reason=reason)


def _note(
    write: Write, *, order: Release, identity: str, reason: str, result: str = "refused"
) -> None:
    """Journal how an order ended; its giver waits for it."""
    write.execute("UPDATE desk_order SET done = 1 WHERE id = ?", (identity,))
    write.journal(
        "order",
        operator=order.operator,
        comment=order.comment,
        detail={"order": identity, "action": order.action, "result": result, "reason": reason},
    )
