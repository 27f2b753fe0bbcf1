"""A centre's connections outward: to its own parent, by an edge's uplink, and to its exports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from gateway.db import StoreError
from gateway.northbound.exports.opening import Settings
from gateway.northbound.exports.rows import destination
from gateway.northbound.exports.selection import selects
from gateway.northbound.settings import ParentSettings, UplinkSettings
from gateway.northbound.uplink import Uplink
from gateway.roles.exporting import Exports
from gateway.roles.passing import Passing
from gateway.roles.upward import PARENT, Above, Upward
from gateway.supervision.backlog import MEBIBYTE, Backlog, note_shed
from gateway.supervision.centre import Centre
from gateway.supervision.desk import Desk
from gateway.supervision.filling import Filling
from gateway.supervision.news import Receivers
from gateway.supervision.upward import ToParent
from gateway.supervision.writer import BusyError


def receivers_of(parent: ParentSettings | None, exports: Sequence[Settings]) -> Receivers:
    """Return for whom a centre keeps events: what an export leaves out is not even put down."""
    return Receivers(
        parent is not None,
        {destination(each.name): partial(selects, each.select) for each in exports},
    )


@asynccontextmanager
async def reporting(
    centre: Centre,
    parent: ParentSettings | None,
    *,
    uplink: UplinkSettings,
    exports: Sequence[Settings],
) -> AsyncIterator[None]:
    """Report to the parent and to exports, where there are any, for the duration of a block.

    Whoever takes events may be away for days: everything here goes on, and they wait in the outbox.
    """
    uplinks: list[Uplink] = []
    shedding: set[asyncio.Task[None]] = set()

    def lost(count: int, why: str) -> None:
        task = asyncio.create_task(_note(centre, count, why))
        shedding.add(task)
        task.add_done_callback(shedding.discard)

    async with AsyncExitStack() as stack:
        export = Exports(
            exports,
            node=centre.node,
            store=centre.store.act,
            lost=lost,
            clock=centre.clock,
            metrics=centre.metrics.exports,
        )
        backlog = Backlog(
            centre.store,
            uplink,
            parent=parent is not None,
            clock=centre.clock,
            uplinks=lambda: uplinks,
        )

        def released() -> None:
            export.wake()
            for each in uplinks:
                each.wake()
            backlog.look_soon()

        if parent is not None:
            told = _told(centre, parent, backlog, export)
            passing = await stack.enter_async_context(Passing(centre))
            upward = await stack.enter_async_context(
                Upward(
                    [Above(PARENT, parent)],
                    node=centre.node,
                    folder=centre.store.folder,
                    source=told.source,
                    carry_out=passing.take,
                    summaries=uplink.summaries,
                    clock=centre.clock,
                    metrics=centre.metrics,
                )
            )
            told.follow(offer=upward.offer, wake=upward.wake)
            uplinks = upward.uplinks
            if centre.store.fills:
                # Half the bound: what happens meanwhile needs room as well.
                room = uplink.outbox_mib * MEBIBYTE // 2
                filling = Filling(centre.store.act, room=room, wake=upward.wake)
                await stack.enter_async_context(filling)
        centre.store.outward = export.wake
        await stack.enter_async_context(export)
        await stack.enter_async_context(backlog)
        desk = Desk(centre.store, clock=centre.clock, released=released)
        await stack.enter_async_context(desk)
        yield
    await asyncio.gather(*shedding)


def _told(centre: Centre, parent: ParentSettings, backlog: Backlog, export: Exports) -> ToParent:
    told = ToParent(
        centre.store,
        clock=centre.clock,
        name=centre.name,
        division=centre.division,
        parent=parent.url,
    )
    told.rejected = backlog.look_soon
    told.troubles = lambda: export.troubles
    return told


async def _note(centre: Centre, count: int, why: str) -> None:
    with suppress(StoreError, BusyError):  # the log and the metrics have counted it
        await centre.store.write(lambda write: note_shed(write, count, why))
