"""Orders that come to a centre from above: handed on unchanged to the child behind which they go.

A centre signs for nobody but itself and judges nothing here: the site does. What is for the centre
itself it answers: an act about one of its own alarms is noted, anything else is refused.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from gateway.db import StoreError
from gateway.model import Act
from gateway.northbound import wire
from gateway.northbound.signing import is_signed_by
from gateway.observe import log
from gateway.supervision import orders, own
from gateway.supervision.centre import Centre
from gateway.supervision.orders import TooManyError
from gateway.supervision.write import Write
from gateway.supervision.writer import BusyError
from gateway.tasks import Tasks

#: Orders that wait for the store; one that finds no room is let go, and its maker hears no answer.
WAITING: Final = 1000
BUSY_S: Final = 0.2
LOG = log("roles.passing")


class Passing:
    """Takes the parent's orders, one after the other.

    Parameters
    ----------
    centre
        Open.
    """

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._queue: asyncio.Queue[tuple[wire.Order, bytes]] = asyncio.Queue(WAITING)
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.keep("passing", self._pass)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()

    def take(self, _receiver: str, order: wire.Order, body: bytes) -> None:
        """Take an order, on the event loop; never blocks."""
        try:
            self._queue.put_nowait((order, body))
        except asyncio.QueueFull:
            LOG.warning("too many orders from above wait; one is let go", order=order.id)

    async def _pass(self) -> None:
        while True:
            order, body = await self._queue.get()
            await self._store(order, body)

    async def _store(self, order: wire.Order, body: bytes) -> None:
        def work(write: Write) -> None:
            if order.node in {"", write.node}:
                _answer(write, order)
            else:
                orders.pass_down(write, order, body)

        while True:
            try:
                await self._centre.store.write(work)
            except TooManyError as error:
                LOG.warning("an order from above is let go", order=order.id, reason=str(error))
            except BusyError:
                await asyncio.sleep(BUSY_S)
                continue
            except StoreError as error:
                # Unanswered it expires: whoever gave it is told as much.
                LOG.warning("an order from above is let go", order=order.id, reason=str(error))
            return


def _answer(write: Write, order: wire.Order) -> None:
    """End an order to the centre itself, which has none of the alarms that an order may move."""
    noted = order.action in set(Act) and is_signed_by(order, order.key)
    reason = "" if noted else f"{write.node} is a centre: it carries out no {order.action!r}"
    detail: dict[str, str | int | float | bool | None] = {
        "order": order.id,
        "action": order.action,
        "result": "applied" if noted else "refused",
        "reason": reason,
    }
    if noted:
        detail["origin"] = order.origin
    own.tell(
        write,
        "act" if noted else "order",
        alarm=order.alarm,
        occurrence=max(0, order.occurrence),
        operator=order.operator,
        comment=order.comment,
        detail=detail,
    )
