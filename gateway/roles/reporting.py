"""A centre's connection to its own parent: an edge's uplink, with what a centre has to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gateway.db import StoreError
from gateway.northbound import wire
from gateway.northbound.settings import ParentSettings
from gateway.northbound.uplink import SUMMARIES_KEPT
from gateway.observe import log
from gateway.roles.upward import PARENT, Above, Upward
from gateway.supervision import own
from gateway.supervision.centre import Centre
from gateway.supervision.store import BusyError, Write
from gateway.supervision.upward import ToParent

LOG = log("roles.reporting")


@asynccontextmanager
async def reporting(centre: Centre, parent: ParentSettings | None) -> AsyncIterator[None]:
    """Report to the parent, where there is one, for the duration of a block.

    The parent may be away for days: everything here goes on, and events wait in the outbox.
    """
    if parent is None:
        yield
        return
    told = ToParent(
        centre.store,
        clock=centre.clock,
        name=centre.name,
        division=centre.division,
        parent=parent.url,
    )
    refusals: set[asyncio.Task[None]] = set()

    def carry_out(order: wire.Order) -> None:
        task = asyncio.create_task(_refuse(centre, order))
        refusals.add(task)
        task.add_done_callback(refusals.discard)

    async with Upward(
        [Above(PARENT, parent)],
        node=centre.node,
        folder=centre.store.folder,
        source=told.source,
        carry_out=carry_out,
        summaries=SUMMARIES_KEPT,
        clock=centre.clock,
        metrics=centre.metrics,
    ) as upward:
        told.follow(offer=upward.offer, wake=upward.wake)
        yield
        for task in tuple(refusals):
            task.cancel()


async def _refuse(centre: Centre, order: wire.Order) -> None:
    """Answer an order to the centre itself: it has none of the alarms that one may act on."""

    def work(write: Write) -> None:
        reason = f"{centre.node} is a centre: it carries out no {order.action!r} of its own"
        detail = {"order": order.id, "result": "refused", "reason": reason}
        own.tell(write, "order", alarm=order.alarm, operator=order.operator, detail=detail)

    # Unanswered it expires: whoever gave it is told as much.
    with suppress(BusyError, StoreError):
        await centre.store.write(work)
