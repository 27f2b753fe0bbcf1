"""The live stream of a screen: what was missed, then each commit as it happens, within its scope.

The id of an event is its feed position. A screen that comes back names the last one and gets
exactly what followed; where that can no longer be told, or the screen was too slow, or its scope
has changed, it gets ``reset`` and loads everything anew. A ``ping`` every five seconds lets it
notice a dead stream, and says since when the centre keeps nothing, where its disk is in trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from gateway.db import Database
from gateway.supervision import feed
from gateway.supervision.api.deps import (
    MILLISECOND,
    Asking,
    CentreDep,
    ViewerDep,
    problem,
    read_asking,
)
from gateway.supervision.centre import Centre
from gateway.supervision.feed import FeedItem, Subscription
from gateway.supervision.tiers import Scope
from gateway.supervision.views import nodes as node_view

PING_S = 5.0
#: A browser opens six connections to one host.
STREAMS_KEPT, STREAMS_AT_MOST = 8, 16
#: Of the greatest position a store can hold.
POSITION_DIGITS = 19

router = APIRouter(prefix="/api/v1", tags=["stream"])


@dataclass(eq=False, slots=True)
class Seat:
    """One open stream of a session; `ended` says that a newer one has taken its place."""

    ended: bool = False


async def seat(request: Request, asking: ViewerDep) -> AsyncIterator[Seat]:
    """Count a stream until its answer has ended.

    One too many ends the oldest: that may be of a screen whose network is gone, and nobody would
    see alarms again before that is noticed. Only where the old ones do not leave it is refused.
    """
    seats: dict[str, list[Seat]] = request.app.state.seats
    own = seats.setdefault(asking.identity, [])
    if len(own) >= STREAMS_AT_MOST:
        raise problem(
            429,
            "streams",
            f"this session has {len(own)} streams open; close some of its pages",
            **{"Retry-After": "60"},
        )
    mine = Seat()
    own.append(mine)
    for old in own[:-STREAMS_KEPT]:
        old.ended = True
    try:
        yield mine
    finally:
        own.remove(mine)
        if not own:
            del seats[asking.identity]


SeatDep = Annotated[Seat, Depends(seat)]


@router.get("/events", summary="Follow alarms, nodes, points and orders (server-sent events)")
async def stream_events(
    asking: ViewerDep,
    centre: CentreDep,
    mine: SeatDep,
    last_event_id: Annotated[str, Header()] = "",
    after: Annotated[int | None, Query(ge=0)] = None,
) -> StreamingResponse:
    """Stream what follows a position: of Last-Event-ID, else of `after`, else from now on.

    `after` is for a first connection, which cannot set the header: the position that came with the
    alarm list.
    """
    known = last_event_id.isdecimal() and len(last_event_id) <= POSITION_DIGITS
    start = int(last_event_id) if known else after
    return StreamingResponse(
        follow(centre, asking, start, seat=mine),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def follow(
    centre: Centre, asking: Asking, start: int | None, *, seat: Seat
) -> AsyncIterator[bytes]:
    """Yield the frames of one screen until it leaves, its session ends, or the centre stops."""
    loop = asyncio.get_running_loop()
    with centre.hub.subscribe(asking.scope) as subscription:
        # Subscribed first, read second: what is committed between the two comes twice, never not.
        position, missed = await centre.store.read(lambda database: _catch_up(database, start))
        if missed is None:
            yield _reset(position)
        else:
            yield await _frames(centre, subscription, missed)
        yield _ping(centre, position)
        pinged = loop.time()
        while not (subscription.closed or seat.ended):
            await subscription.wait(max(0.0, pinged + PING_S - loop.time()))
            due = loop.time() >= pinged + PING_S
            if (due or subscription.outdated) and not await _renew(centre, asking, subscription):
                return
            if subscription.overflowed:
                subscription.overflowed = False
                position = await centre.store.read(feed.newest)
                yield _reset(position)
            fresh = [item for item in subscription.take() if item.position > position]
            position = max(position, subscription.seen)
            if fresh:
                yield await _frames(centre, subscription, fresh)
            if due:
                pinged = loop.time()
                yield _ping(centre, position)


def _catch_up(database: Database, start: int | None) -> tuple[int, list[FeedItem] | None]:
    missed = [] if start is None else feed.since(database, start)
    return feed.newest(database), missed


async def _renew(centre: Centre, asking: Asking, subscription: Subscription) -> bool:
    """Read the scope again; return False when the session has ended."""
    subscription.outdated = False
    now_ns = centre.clock.now_ns()
    renewed = await centre.store.read(
        lambda database: read_asking(database, asking.identity, now_ns=now_ns)
    )
    if renewed is None:
        return False
    if renewed.scope != subscription.scope:
        # What was queued under the old scope is not what the screen must show now.
        subscription.scope = renewed.scope
        subscription.overflowed = True
    return True


async def _frames(centre: Centre, subscription: Subscription, items: list[FeedItem]) -> bytes:
    scope = subscription.scope
    shown = [item for item in items if scope.sees(item.node, item.hazard)]
    if scope.hazards and any(item.kind == "node" for item in shown):
        shown = await centre.store.read(lambda database: _narrowed(database, shown, scope))
    return b"".join(
        format_sse_event(data_str=item.body.decode(), event=item.kind, id=str(item.position))
        for item in shown
    )


def _narrowed(database: Database, items: list[FeedItem], scope: Scope) -> list[FeedItem]:
    return [
        replace(item, body=node_view.narrowed(database, item.body, scope))
        if item.kind == "node"
        else item
        for item in items
    ]


def _reset(position: int) -> bytes:
    return format_sse_event(data_str="{}", event="reset", id=str(position))


def _ping(centre: Centre, position: int) -> bytes:
    now_ms = centre.clock.now_ns() // MILLISECOND
    trouble = centre.store.writing.trouble()
    since_ms = None if trouble is None else now_ms - int(trouble.seconds * 1000)
    body = msgspec.json.encode(
        {"now_ms": now_ms, "position": position, "unwritten_since_ms": since_ms}
    )
    return format_sse_event(data_str=body.decode(), event="ping", id=str(position))
