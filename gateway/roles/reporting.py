"""A centre's connection to its own parent: an edge's uplink, with what a centre has to tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.northbound.settings import ParentSettings
from gateway.northbound.uplink import SUMMARIES_KEPT
from gateway.observe import log
from gateway.roles.passing import Passing
from gateway.roles.upward import PARENT, Above, Upward
from gateway.supervision.centre import Centre
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
    async with (
        Passing(centre) as passing,
        Upward(
            [Above(PARENT, parent)],
            node=centre.node,
            folder=centre.store.folder,
            source=told.source,
            carry_out=passing.take,
            summaries=SUMMARIES_KEPT,
            clock=centre.clock,
            metrics=centre.metrics,
        ) as upward,
    ):
        told.follow(offer=upward.offer, wake=upward.wake)
        yield
