"""What a department is told of a site that has other hazards too: its own, whole, and no more."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.northbound import wire
from gateway.supervision.tiers import Role
from tests.gateway.supervision.stream import Stream
from tests.gateway.supervision.world import Child, World

AMMONIA, DUST = "ammonia_refrigeration", "combustible_dust"
ALARM = "gw1/FD2-PT-201/dust.pressure.h"


@pytest.fixture
async def child(world: World) -> Child:
    """A site of two hazards: one point of ammonia and two of dust, an alarm standing on each."""
    child = await world.child("gw1")
    known = json.loads(child.inventory())
    (point,) = known["points"]
    dust = [{**point, "tag": tag, "area": "FD2", "rules": []} for tag in ("FD2-PT-201", "FD2-X")]
    areas = [*known["areas"], {"id": "FD2", "name": "Silo", "hazard": DUST}]
    inventory = wire.encode({**known, "areas": areas, "points": [point, *dust]})
    events = [child.event(), *(dusty(child, alarm=f"{ALARM}{n}") for n in range(2))]
    statuses = await child.send(("inventory", inventory), *(("event", event) for event in events))
    assert set(statuses) == {"stored"}
    return child


def dusty(child: Child, **fields: Any) -> bytes:
    """An event of the dust's alarm."""
    return child.event(**{"alarm": ALARM, "tag": "FD2-PT-201", "hazard": DUST, **fields})


async def journal(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/journal", params={"node": "gw1", **query})
    return list(answer.json()["events"])


async def of_version(stream: Stream, version: str) -> dict[str, Any]:
    """The gateway's row as the stream tells it, from the heartbeat with this version on."""
    frame = await stream.until("node", lambda row: row["version"] == version)
    return dict(frame.data)


async def test_ends_of_orders_belong_to_their_alarm(world: World, child: Child) -> None:
    """What a node says of an order about another trade's alarm is kept from a department."""
    order = {"order": "x", "result": "refused", "reason": "r"}
    await child.events(
        child.note("order", alarm=f"{ALARM}0", operator="zhang", comment="secret", detail=order),
        child.note("order", alarm="gw1/never/seen", operator="zhang", comment="secret"),
        child.note("order", operator="zhang", comment="secret", detail=order),
        child.note("order", alarm=child.alarm, operator="li", comment="own", detail=order),
        child.note("start", comment="everybody's"),
    )
    all_of_it = await world.person("wu", Role.VIEWER, "330106")
    own = await world.person("sun", Role.VIEWER, "330106", (AMMONIA,))
    assert len([row for row in await journal(all_of_it) if row["comment"] == "secret"]) == 3
    assert [row["comment"] for row in await journal(own)] == ["everybody's", "own", ""]
    assert await journal(own, alarm=f"{ALARM}0") == []
    assert [row["comment"] for row in await journal(own, alarm=child.alarm)] == ["own", ""]


async def test_counts_are_of_the_own_hazards(world: World, child: Child) -> None:
    """Points and standing alarms of a gateway are counted within the department, live too."""
    for departments, counts in (((), (3, 3)), ((AMMONIA,), (1, 1)), ((DUST,), (2, 2))):
        name = f"p-{'-'.join(departments)}"
        person = await world.person(name, Role.VIEWER, "330106", departments)
        (row,) = (await person.get("/api/v1/nodes")).json()["nodes"]
        assert (row["points"], row["standing"]) == counts
        async with world.stream(person, Last_Event_ID="0") as stream:
            missed = (await stream.next("node")).data
            await stream.next("ping")
            await child.beat(version=name)
            live = await of_version(stream, name)
        for row in (missed, live):
            assert (row["points"], row["standing"]) == counts
        assert live["link"] == "up"


async def test_other_hazards_take_no_room(world: World, child: Child) -> None:
    """A flood in another trade pushes nothing of the own trade out of a list with a limit."""
    world.pass_time(1)
    await child.events(*(dusty(child, alarm=f"{ALARM}{n}") for n in range(20)))
    own = await world.person("sun", Role.VIEWER, "330106", (AMMONIA,))
    for path in ("/api/v1/alarms?limit=3", "/api/v1/alarms?history=1&limit=3"):
        rows = (await own.get(path)).json()["alarms"]
        assert [row["alarm"] for row in rows] == [child.alarm]
    assert [row["alarm"] for row in await journal(own, limit=3)] == [child.alarm]


async def test_lists_are_cut_at_the_end(world: World, child: Child) -> None:
    """A limit keeps the last raised of the standing and the last changed of the history."""
    person = await world.person("wu", Role.VIEWER, "330106")
    for number in range(4):
        world.pass_time(1)
        await child.events(dusty(child, alarm=f"{ALARM}{number}"))
    world.pass_time(1)
    await child.events(child.event("acknowledge"))

    async def listed(query: str) -> list[str]:
        rows = (await person.get(f"/api/v1/alarms?{query}")).json()["alarms"]
        return [row["alarm"] for row in rows]

    assert await listed("limit=2") == [f"{ALARM}3", f"{ALARM}2"]
    assert await listed("history=1&limit=2") == [child.alarm, f"{ALARM}3"]


async def test_an_order_about_a_point_that_is_gone_is_kept_back(world: World, child: Child) -> None:
    """What becomes of an order about another trade's point is not told when the point is gone."""
    asking = await world.person("wu", Role.OPERATOR, "330106")
    own = await world.person("sun", Role.VIEWER, "330106", (AMMONIA,))
    path = "/api/v1/readings?node=gw1&tag=FD2-X&raw=1"
    assert (await asking.get(path)).status_code == 200
    ((order,),) = await world.rows("SELECT id FROM site_order")
    async with world.stream(own) as stream:
        await stream.next("ping")
        await child.send(("inventory", child.inventory()))
        detail = {"order": order, "result": "refused", "reason": "no point FD2-X"}
        await child.events(child.note("order", detail=detail), child.event("clear"))
        assert (await stream.next("order", "alarm")).event == "alarm"
