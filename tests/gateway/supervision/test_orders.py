"""Orders: made by operators, carried to the child, closed by what the child says."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.supervision.api import child as child_api
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import Child, World


async def raised(world: World) -> tuple[Child, httpx.AsyncClient]:
    child = await world.child()
    await child.send(("inventory", child.inventory()), ("event", child.event()))
    return child, await world.person("li", Role.OPERATOR, "330106")


async def ask(
    client: httpx.AsyncClient, child: Child, revision: int = 1, **fields: Any
) -> httpx.Response:
    body = {"alarm": child.alarm, "revision": revision, "action": "acknowledge", **fields}
    return await client.post(f"/api/v1/alarms/{child.node}/actions", json=body)


async def test_order_reaches_the_child_and_comes_back(world: World) -> None:
    """An acknowledgement goes pending, sent, applied, and the alarm's own event closes it."""
    child, li = await raised(world)
    async with (
        world.stream(li) as screen,
        world.stream(child.client, wire.ORDERS, **child.headers) as orders,
    ):
        await screen.next("ping")
        answer = await ask(li, child, comment="seen, on my way")
        assert answer.status_code == 202
        identity = answer.json()["order"]
        assert answer.json()["status"] == "pending"
        sent = await orders.next("order")
        assert sent.id == sent.data["id"] == identity
        assert sent.data["action"] == "acknowledge"
        assert (sent.data["alarm"], sent.data["revision"]) == (child.alarm, 1)
        assert (sent.data["operator"], sent.data["comment"]) == ("li", "seen, on my way")
        assert sent.data["expires_ns"] == world.clock.now_ns() + 60 * NANOSECONDS
        assert (await screen.next("order")).data["status"] == "pending"
        assert (await screen.next("alarm")).data["order"] == {"id": identity, "status": "pending"}
        assert (await screen.next("order")).data["status"] == "sent"
        await child.events(child.event("acknowledge", operator="li", detail={"order": identity}))
        assert (await screen.next("order")).data == {
            "order": identity,
            "node": "gw1",
            "alarm": child.alarm,
            "status": "applied",
            "reason": "",
        }
        last = await screen.until("alarm", lambda row: row["state"] == "ACKED")
        assert last.data["order"] is None
    journalled = await world.own("order")
    assert [(entry.operator, entry.comment) for entry in journalled] == [("li", "seen, on my way")]


async def test_refusal_is_shown(world: World) -> None:
    """A refusal by the child closes the order with its reason, and stays on the card."""
    child, li = await raised(world)
    identity = (await ask(li, child)).json()["order"]
    detail = {"order": identity, "result": "refused", "reason": "stale_revision"}
    async with world.stream(li) as screen:
        await screen.next("ping")
        await child.events(child.note("order", detail=detail))
        told = await screen.next("order")
    assert (told.data["status"], told.data["reason"]) == ("refused", "stale_revision")
    (row,) = (await li.get("/api/v1/alarms")).json()["alarms"]
    assert row["order"] == {"id": identity, "status": "refused"}


async def test_order_expires_and_the_truth_replaces_it(world: World) -> None:
    """Without an answer an order expires after a minute; a later event still says what happened."""
    child, li = await raised(world)
    identity = (await ask(li, child)).json()["order"]
    async with world.stream(li) as screen:
        await screen.next("ping")
        world.pass_time(60)
        await world.centre.watch.look()
        assert (await screen.next("order")).data["status"] == "expired"
        await child.events(child.event("acknowledge", detail={"order": identity}))
        assert (await screen.next("order")).data["status"] == "applied"
    assert "expired" in [entry.detail["status"] for entry in await world.own("order")]


async def test_expired_orders_are_not_sent(world: World) -> None:
    """A child that connects late gets the orders still valid, in their order, and no others."""
    child, li = await raised(world)
    await ask(li, child)
    world.pass_time(40)
    second = (await ask(li, child)).json()["order"]
    world.pass_time(30)
    third = (await ask(li, child)).json()["order"]
    async with world.stream(child.client, wire.ORDERS, **child.headers) as orders:
        assert (await orders.next("order")).id == second
        assert (await orders.next("order")).id == third


async def test_resumed_stream_sends_what_followed(world: World) -> None:
    """A child that names its last order gets the later ones only; without it, all that are open."""
    child, li = await raised(world)
    first = (await ask(li, child)).json()["order"]
    second = (await ask(li, child)).json()["order"]
    headers = child.headers
    async with world.stream(child.client, wire.ORDERS, **headers, Last_Event_ID=first) as orders:
        assert (await orders.next("order")).id == second
    async with world.stream(child.client, wire.ORDERS, **headers) as orders:
        assert (await orders.next("order")).id == first


async def test_only_the_own_child_gets_and_closes_orders(world: World) -> None:
    """Another node neither receives an order nor can close it."""
    child, li = await raised(world)
    other = await world.child("gw2")
    async with world.stream(other.client, wire.ORDERS, **other.headers) as foreign:
        identity = (await ask(li, child)).json()["order"]
        forged = {"order": identity, "result": "applied"}
        await other.events(other.note("order", detail=forged))
        assert await world.rows("SELECT status FROM site_order") == [("pending",)]
        await other.send(("inventory", other.inventory()), ("event", other.event()))
        own = (await ask(li, other)).json()["order"]
        assert (await foreign.next("order")).id == own


async def test_viewer_cannot_act(world: World) -> None:
    """A viewer who sees an alarm cannot order anything of it."""
    child, _ = await raised(world)
    viewer = await world.person("wu", Role.VIEWER, "330106")
    for action in ("acknowledge", "reset", "shelve", "unshelve"):
        answer = await ask(viewer, child, action=action, comment="x")
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "role")
    assert await world.rows("SELECT * FROM site_order") == []


@pytest.mark.parametrize("revision", [0, 2])
async def test_stale_revision_is_refused(world: World, revision: int) -> None:
    """An action that saw another revision than the mirror's is refused and makes no order."""
    child, li = await raised(world)
    answer = await ask(li, child, revision)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (409, "stale_revision")
    assert await world.rows("SELECT * FROM site_order") == []


@pytest.mark.parametrize("action", ["shelve", "out-of-service"])
async def test_what_is_set_aside_has_reason_and_end(world: World, action: str) -> None:
    """Shelving and an outage need a reason, and the order to the site carries their end."""
    child, li = await raised(world)
    assert (await ask(li, child, action=action)).status_code == 422
    answer = await ask(li, child, action=action, comment="maintenance", minutes=30)
    assert answer.status_code == 202
    async with world.stream(child.client, wire.ORDERS, **child.headers) as orders:
        sent = await orders.next("order")
    assert sent.data["action"] == action
    (row,) = (await li.get("/api/v1/alarms")).json()["alarms"]
    assert row["order"]["id"] == answer.json()["order"]
    assert sent.data["to_ns"] == world.clock.now_ns() + 30 * 60 * NANOSECONDS


async def test_waiting_orders_are_bounded(world: World) -> None:
    """A node collects no orders without end, and trends asked for take no place of acting."""
    child = await world.child()
    (point,) = msgspec.json.decode(child.inventory(), type=wire.Inventory).points
    points = [msgspec.structs.replace(point, tag=f"T{at}") for at in range(25)]
    await child.send(("inventory", child.inventory(points=points)), ("event", child.event()))
    viewer = await world.person("wu", Role.VIEWER, "330106")
    statuses = []
    for at in range(25):
        query = {"node": "gw1", "tag": f"T{at}", "raw": "1"}
        answer = await viewer.get("/api/v1/readings", params=query)
        assert answer.status_code == 200
        statuses.append(answer.json()["raw_status"])
    assert statuses == ["asked"] * 20 + ["none"] * 5
    li = await world.person("li", Role.OPERATOR, "330106")
    assert [(await ask(li, child)).status_code for _ in range(201)] == [202] * 200 + [429]


async def test_busy_node_gets_its_pings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream of a node that sends without a pause is pinged all the same."""
    monkeypatch.setattr(child_api, "PING_S", 1.0)
    child = await world.child()
    sender = Child(child.node, await world.client(), world.clock, token=child.token)

    async def send() -> None:
        while True:
            await sender.beat()

    async with child.client.stream("GET", wire.ORDERS, headers=child.headers) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == ": orders follow"
        sending = asyncio.create_task(send())
        try:
            async with asyncio.timeout(30):
                while await anext(lines) != ": ping":
                    pass
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending


async def test_unknown_action_is_refused(world: World) -> None:
    """Only the stated actions exist, and no field beside the stated ones."""
    child, li = await raised(world)
    assert (await ask(li, child, action="evacuate")).status_code == 422
    assert (await ask(li, child, operator="wang")).status_code == 422
