"""The children's endpoints: pairing, intake, heartbeat, and the stream of orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response, StreamingResponse
from fastapi.sse import format_sse_event

from gateway.db import Database
from gateway.northbound import wire
from gateway.northbound.wire import Heartbeat, Intake, PairAnswer, PairRequest
from gateway.supervision import heartbeat, intake, orders, pairing, refusals, sequence, throttle
from gateway.supervision.api.deps import CentreDep, ChildDep, answer, problem
from gateway.supervision.centre import Centre
from gateway.supervision.orders import Waiting
from gateway.supervision.pairing import PairingError
from gateway.supervision.readers import For
from gateway.supervision.tiers import Scope
from gateway.supervision.writer import Lane, StillWritingError, TurnedAwayError

PING_S = 5.0
#: A child that names no urgency is older than the word: what it sends may be an alarm, or an hour
#: old.
LANES = {"live": Lane.LIVE, "state": Lane.STATE, "backlog": Lane.BACKLOG}

T = TypeVar("T")

decode_pair = msgspec.json.Decoder(PairRequest).decode
decode_heartbeat = msgspec.json.Decoder(Heartbeat).decode

router = APIRouter(tags=["children"])


@router.post(wire.PAIR, summary="Exchange a one-time code for a credential")
async def pair(request: Request, centre: CentreDep) -> Response:
    """Answer with the node id; once per code, but again for the same token."""
    address = request.client.host if request.client else ""
    if centre.pairings.blocked(throttle.source(address)):
        raise problem(
            429, "throttled", "too many wrong codes; wait 15 minutes", **{"Retry-After": "900"}
        )
    asked = _readable(decode_pair, await request.body(), what="pairing request")
    try:
        node = await centre.store.write(
            lambda write: pairing.pair(
                write,
                asked.code,
                public_key=asked.public_key[:128],
                token_hash=asked.token_hash,
            )
        )
    except PairingError as error:
        centre.pairings.failed(throttle.source(address))
        centre.metrics.refused.labels(reason="pairing").inc()
        if centre.refusals.first(f"pairing/{address}"):
            await centre.store.write(
                lambda write: write.journal(
                    "refused", detail={"item": "pairing", "address": address}
                )
            )
        raise problem(403, "code", str(error)) from error
    return answer(PairAnswer(node=node, centre=centre.node, public_key=centre.store.public_key))


@router.post(wire.INTAKE, summary="Store events, state, inventory, summaries and readings")
async def take_intake(request: Request, centre: CentreDep, child: ChildDep) -> Response:
    """Answer each item with stored, duplicate or rejected, after the commit; one post at a time."""
    sent = _readable(intake.decode_intake, await request.body(), what="intake")
    if len(sent.items) > wire.MAX_ITEMS:
        raise problem(
            413, "items", f"intake: {len(sent.items)} items; send at most {wire.MAX_ITEMS}"
        )
    await _check(centre, child.node, sent, what="intake")
    try:
        with centre.metrics.intake_seconds.time():
            receipts = await centre.store.write(
                lambda write: intake.take(write, child.node, sent, damper=centre.refusals),
                alone=child.node,
                lane=LANES[wire.urgency(request.headers.get(wire.PRIORITY, ""))],
            )
    except TurnedAwayError as error:
        raise problem(
            429, "turn", f"intake: {error}", **{"Retry-After": f"{error.wait_s:.0f}"}
        ) from error
    except StillWritingError as error:
        raise problem(429, "busy", f"intake: {error}", **{"Retry-After": "1"}) from error
    for receipt in receipts.receipts:
        centre.metrics.items.labels(status=receipt.status).inc()
    return answer(receipts)


@router.post(wire.HEARTBEAT, summary="Say that a node is alive, and anchor its journal")
async def take_heartbeat(request: Request, centre: CentreDep, child: ChildDep) -> Response:
    """Answer with the centre's clock and the entry it has anchored."""
    beat = _readable(decode_heartbeat, await request.body(), what="heartbeat")
    await _check(centre, child.node, beat, what="heartbeat")
    return answer(await centre.store.write(lambda write: heartbeat.take(write, child.node, beat)))


@router.get(wire.ORDERS, summary="Follow the orders given to this node (server-sent events)")
async def stream_orders(
    centre: CentreDep, child: ChildDep, last_event_id: Annotated[str, Header()] = ""
) -> StreamingResponse:
    """Send the orders after the last one the child names, then each new one as it is made."""
    centre.watch.heard(child.node)
    return StreamingResponse(
        _orders(centre, child.node, token=child.token, last=last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _orders(centre: Centre, node: str, *, token: str, last: str) -> AsyncIterator[bytes]:
    store = centre.store
    loop = asyncio.get_running_loop()
    scope = await store.read(lambda database: _reach(database, node), whom=For.ALARMS)
    with centre.hub.subscribe(scope, kinds=("order",)) as subscription:
        # Subscribed first, then read once more: what appears between the two is not missed.
        subscription.outdate()
        after = await store.read(
            lambda database: orders.number_of(database, node, last), whom=For.ALARMS
        )
        yield format_sse_event(comment="orders follow")
        pinged = loop.time()
        look = True
        while not subscription.closed:
            waiting = await _waiting(centre, node, after) if look else []
            for order in waiting:
                yield format_sse_event(data_str=order.body.decode(), event="order", id=order.id)
                after = order.number
            if waiting:
                await store.write(partial(orders.mark_sent, waiting=waiting))
            await subscription.wait(max(0.0, pinged + PING_S - loop.time()))
            items = subscription.take()
            look = subscription.overflowed or bool(items)
            # However much the node itself sends: without a ping it takes the stream for dead.
            due = loop.time() >= pinged + PING_S or subscription.outdated
            if due:
                # A node that has come to speak through this child may have orders waiting.
                scope = await store.read(lambda database: _reach(database, node), whom=For.ALARMS)
                look |= scope != subscription.scope
                subscription.scope = scope
            subscription.overflowed = subscription.outdated = False
            if due:
                if (
                    await store.read(
                        lambda database: pairing.node_of(database, token), whom=For.ALARMS
                    )
                    != node
                ):
                    return
                yield format_sse_event(comment="ping")
                pinged = loop.time()


def _reach(database: Database, node: str) -> Scope:
    return Scope(orders.reached(database, node), frozenset())


async def _waiting(centre: Centre, node: str, after: int) -> list[Waiting]:
    now_ns = centre.clock.now_ns()
    return await centre.store.read(
        lambda database: orders.pending(database, node, after=after, now_ns=now_ns), whom=For.ALARMS
    )


def _readable(decode: Callable[[bytes], T], body: bytes, *, what: str) -> T:
    try:
        return decode(body)
    except wire.UNREADABLE as error:
        raise problem(400, "body", f"{what}: not readable: {error}; send wire v1") from error


async def _check(centre: Centre, node: str, sent: Intake | Heartbeat, *, what: str) -> None:
    if not sequence.are_named(sent.life, sent.epoch):
        raise problem(400, "body", f"{what}: needs a life and an epoch of 16 hexadecimal digits")
    if sent.node == node:
        # Heard is heard, also where the disk does not take it: then the trouble is the centre's.
        centre.watch.heard(node)
        return
    reason = f"{what}: the body names {sent.node[:64]}, the credential is {node}'s"
    centre.metrics.refused.labels(reason="node").inc()
    await centre.store.write(
        lambda write: refusals.refused(write, node, what, reason=reason, damper=centre.refusals)
    )
    raise problem(403, "node", reason)
