"""No byte crosses a division boundary."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.supervision.divisions import Division
from gateway.supervision.pairing import CODE_NS
from gateway.supervision.tiers import Role, Subject, visible_nodes
from tests.gateway.supervision.world import PASSWORD, World, pairing_body

READS = (
    "/api/v1/alarms",
    "/api/v1/alarms?history=1",
    "/api/v1/points",
    "/api/v1/nodes",
    "/api/v1/journal?node=gw1",
    "/api/v1/readings?node=gw1&tag=AR1-AT-101",
    "/api/v1/readings?node=gw1&tag=AR1-AT-101&raw=1",
    "/api/v1/tiers",
)


async def full_site(world: World) -> Any:
    await world.divisions(
        ("330000", ""), ("331000", "330000"), ("331100", "330000"), ("331101", "331100")
    )
    child = await world.child("gw1", division="331100")
    await child.send(
        ("inventory", child.inventory()), ("event", child.event()), ("summary", child.summary())
    )
    await child.beat()
    return child


async def seen(client: httpx.AsyncClient) -> str:
    """Everything any reading endpoint says."""
    answers = [await client.get(path) for path in READS]
    return " ".join(answer.text for answer in answers if answer.status_code == 200)


async def test_own_division_sees(world: World) -> None:
    """The own division and the one above see the site on every endpoint."""
    await full_site(world)
    for number, division in enumerate(("331100", "330000")):
        client = await world.person(f"own{number}", Role.OPERATOR, division)
        for path in READS:
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "331100" in answer.text or "AR1-AT-101" in answer.text, path


@pytest.mark.parametrize("division", ["331000", "331101", "33", "3311", "999999"])
async def test_other_divisions_see_nothing(world: World, division: str) -> None:
    """A sibling with a trailing-zero code, a child, a prefix and a stranger see nothing at all."""
    child = await full_site(world)
    client = await world.person("zhao", Role.ADMINISTRATOR, division)
    text = await seen(client)
    for word in ("gw1", "AR1-AT-101", "Lake Cold Store", "331100"):
        assert word not in text
    body = {"alarm": child.alarm, "revision": 1, "action": "acknowledge"}
    foreign = await client.post("/api/v1/alarms/gw1/actions", json=body)
    unknown = await client.post("/api/v1/alarms/gw9/actions", json=body)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    assert await world.rows("SELECT * FROM site_order") == []


async def test_stream_is_scoped(world: World) -> None:
    """A sibling's stream carries nothing of the site, neither live nor replayed from the start."""
    child = await full_site(world)
    sibling = await world.person("zhao", Role.OPERATOR, "331000")
    other = await world.child("gw2", division="331000")
    async with world.stream(sibling, Last_Event_ID="0") as stream:
        first = await stream.next()
        assert first.event == "ping"
        await child.send(("event", child.event("clear")), ("summary", child.summary()))
        await child.beat()
        await other.send(("inventory", other.inventory()))
        # A new scope begins the screen anew; what is committed until then is in what it loads.
        assert (await stream.next("alarm", "points", "order", "reset")).event == "reset"
        await other.events(other.event())
        frame = await stream.next("alarm", "points", "order")
        assert frame.data["node"] == "gw2"


async def test_moving_a_node_moves_its_stream(world: World) -> None:
    """When a node moves to another division, the old one's screens lose it at once."""
    child = await full_site(world)
    before = await world.person("zhao", Role.OPERATOR, "331100")
    after = await world.person("qian", Role.OPERATOR, "331000")
    async with world.stream(before) as old, world.stream(after) as new:
        await old.next("ping")
        await new.next("ping")
        await child.send(("inventory", child.inventory(division="331000")))
        await old.next("reset")
        await new.next("reset")
        await child.events(child.event("clear"))
        own = await world.child("gw3", division="331100")
        await own.send(("inventory", own.inventory()))
        await old.next("reset")
        await own.events(own.event())
        assert (await new.next("alarm")).data["node"] == "gw1"
        assert (await old.next("alarm")).data["node"] == "gw3"


async def test_departments_limit_by_hazard(world: World) -> None:
    """A department sees the alarms, points and events of its own hazard classes only."""
    await world.divisions(("331100", ""))
    cold = await world.child("gw1", division="331100")
    dust = await world.child("gw2", division="331100", hazard="combustible_dust")
    for child in (cold, dust):
        await child.send(("inventory", child.inventory()))
    fire = await world.person("sun", Role.OPERATOR, "331100", ("combustible_dust",))
    async with world.stream(fire) as stream:
        await stream.next("ping")
        for child in (cold, dust):
            await child.send(("event", child.event()), ("summary", child.summary()))
        assert (await stream.next("alarm")).data["node"] == "gw2"
        assert (await stream.next("points")).data["node"] == "gw2"
    alarms = (await fire.get("/api/v1/alarms")).json()["alarms"]
    points = (await fire.get("/api/v1/points")).json()["points"]
    assert {row["node"] for row in alarms} == {row["node"] for row in points} == {"gw2"}
    assert (await fire.get("/api/v1/journal?node=gw1")).json()["events"] == []
    assert (await fire.get("/api/v1/readings?node=gw1&tag=AR1-AT-101")).status_code == 404
    body = {"alarm": cold.alarm, "revision": 1, "action": "acknowledge"}
    assert (await fire.post("/api/v1/alarms/gw1/actions", json=body)).status_code == 404


async def test_invitation_of_another_division_stands(world: World) -> None:
    """A code that waits for a node of one division is not voided by another's administrator."""
    await world.divisions(("330106", ""), ("330107", ""))
    here = await world.person("wang", Role.ADMINISTRATOR, "330106")
    there = await world.person("zhao", Role.ADMINISTRATOR, "330107")
    path, own = "/api/v1/pairing-codes", {"node": "gw1", "division": "330106"}
    code = (await here.post(path, json=own)).json()["code"]
    foreign = {"node": "gw1", "division": "330107"}
    refused = await there.post(path, json=foreign)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "division")
    # Its own administrator may have lost the code; one that is past its day binds nobody.
    code = (await here.post(path, json=own)).json()["code"]
    assert (await there.post(wire.PAIR, json=pairing_body(code))).json()["node"] == "gw1"
    assert (await here.post(path, json={"node": "gw2", "division": "330106"})).status_code == 201
    world.pass_time(CODE_NS / NANOSECONDS)
    there = await world.login("zhao", PASSWORD)
    assert (await there.post(path, json={**foreign, "node": "gw2"})).status_code == 201


async def test_tree_is_by_rows(world: World) -> None:
    """Rows decide: validity, parks that cross codes, and a grid cell of another division."""
    now_ns = world.clock.now_ns()
    await world.centre.load_divisions(
        [
            Division("330106", "", "county", "county"),
            Division("park", "330106", "park", "township"),
            Division("440000", "park", "crosses codes", "township"),
            Division("ended", "330106", "merged away", "township", 0, now_ns),
            Division("cell", "330106", "grid cell", "grid"),
        ]
    )
    for node, division, grid in (
        ("a", "330106", "cell"),
        ("b", "440000", ""),
        ("c", "ended", ""),
        ("d", "999999", "cell"),
    ):
        child = await world.child(node, division=division)
        await child.send(("inventory", child.inventory(grid=grid)))

    async def nodes(division: str, role: Role = Role.VIEWER) -> str:
        subject = Subject("x", role, division)
        found = await world.centre.store.read(
            lambda database: visible_nodes(database, subject, at_ns=now_ns)
        )
        return "".join(sorted(found))

    assert await nodes("330106") == "ab"
    assert await nodes("park") == "b"
    assert await nodes("ended") == ""
    assert await nodes("cell") == "a"
    assert await nodes("999999") == "d"
    assert await nodes("") == ""
    assert await nodes("", Role.ADMINISTRATOR) == "abcd"
    assert now_ns > NANOSECONDS


async def test_every_read_needs_a_session(world: World) -> None:
    """Without a session all that people use answers 401, and the question who one is with null."""
    client = await world.client()
    document = (await client.get("/api/v1/openapi.json")).json()
    public = {"/api/v1/health", "/metrics", "/api/v1/pair"}
    asked = 0
    for path, methods in document["paths"].items():
        for method in methods:
            if path in public or (path, method) == ("/api/v1/session", "post"):
                continue
            url = path.replace("{node}", "gw1").replace("{name}", "x")
            body = None if method in {"get", "delete"} else json.dumps({})
            answer = await client.request(
                method, url, content=body, headers={"Content-Type": "application/json"}
            )
            if (path, method) == ("/api/v1/session", "get"):
                assert (answer.status_code, answer.text) == (200, "null")
                continue
            assert answer.status_code == 401, (method, path)
            asked += 1
    assert asked >= 15


async def test_who_answers_for_a_grid_cell(world: World) -> None:
    """Node and alarm name the person of the cell, which is a child of the node's own division."""
    cells = [
        Division("331100", "", "county", "county"),
        Division("331000", "", "county", "county"),
        Division("331100-07", "331100", "cell", "grid", responsible="韩梅", telephone="8888"),
        Division("331000-01", "331000", "cell", "grid", responsible="李雷", telephone="9999"),
    ]
    await world.centre.load_divisions(cells)
    for node, grid in (("gw1", "331100-07"), ("gw2", "331000-01")):
        child = await world.child(node, division="331100")
        await child.send(("inventory", child.inventory(grid=grid)), ("event", child.event()))
    viewer = await world.person("li", Role.VIEWER, "331100")
    for path, key in (("/api/v1/nodes", "nodes"), ("/api/v1/alarms", "alarms")):
        rows = {row["node"]: row for row in (await viewer.get(path)).json()[key]}
        assert (rows["gw1"]["responsible"], rows["gw1"]["telephone"]) == ("韩梅", "8888")
        # A cell of another division is none of its own, whatever the inventory says.
        assert rows["gw2"]["responsible"] == ""
    tiers = {row["code"]: row for row in (await viewer.get("/api/v1/tiers")).json()["tiers"]}
    assert tiers["331100-07"]["telephone"] == "8888"
    assert "331000-01" not in tiers
