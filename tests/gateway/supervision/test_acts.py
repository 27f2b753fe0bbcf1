"""Acts of a tier above, and what a centre may order: recorded, told, sent down; never more."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.db import Database
from gateway.identity import public_hex
from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.northbound.signing import is_signed_by, sign
from gateway.supervision import orders
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import Child, World

ID = "00112233aabbccdd"


async def raised(world: World, **inventory: Any) -> tuple[Child, httpx.AsyncClient]:
    child = await world.child()
    await child.send(("inventory", child.inventory(**inventory)), ("event", child.event()))
    return child, await world.person("li", Role.OPERATOR, "330106")


async def act(client: httpx.AsyncClient, child: Child, what: str, **fields: Any) -> httpx.Response:
    body = {"alarm": child.alarm, "occurrence": 1, "act": what, "id": ID, **fields}
    return await client.post(f"/api/v1/alarms/{child.node}/acts", json=body)


async def acts_of(client: httpx.AsyncClient, child: Child) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1/alarms/{child.node}/acts", params={"alarm": child.alarm})
    assert answer.status_code == 200
    listed: list[dict[str, Any]] = answer.json()["acts"]
    return listed


async def ordered(client: httpx.AsyncClient, child: Child, action: str) -> httpx.Response:
    body = {"alarm": child.alarm, "revision": 1, "action": action, "comment": "x"}
    return await client.post(f"/api/v1/alarms/{child.node}/actions", json=body)


async def test_an_act_is_kept_shown_and_sent_down(world: World) -> None:
    """It stands beside the alarm, is told to screens, and reaches the site as a signed order."""
    child, li = await raised(world)
    answer = msgspec.json.decode((await child.beat()).content, type=wire.HeartbeatAnswer)
    async with (
        world.stream(li) as screen,
        world.stream(child.client, wire.ORDERS, **child.headers) as stream,
    ):
        await screen.next("ping")
        assert (await act(li, child, "urged", comment="why?")).status_code == 201
        row = (await screen.until("alarm", lambda row: row["acts"])).data
        (frame,) = [await stream.next("order")]
    order = msgspec.convert(frame.data, wire.Order)
    assert (order.id, order.node, order.origin) == (ID, "gw1", "county")
    assert (order.action, order.occurrence, order.comment) == ("urged", 1, "why?")
    assert order.expires_ns == world.clock.now_ns() + 24 * 3600 * NANOSECONDS
    assert is_signed_by(order, str(answer.public_key))
    assert (row["state"], row["revision"], row["order"]) == ("UNACK", 1, None)
    (told,) = row["acts"]
    assert (told["act"], told["account"], told["origin"]) == ("urged", "li", "county")
    assert [each["id"] for each in await acts_of(li, child)] == [ID]
    assert [e.comment for e in await world.own("order")] == ["why?"]


async def test_the_site_s_event_closes_it_and_is_the_same_act(world: World) -> None:
    """What the site notes ends the order; the act is not listed twice for being told twice."""
    child, li = await raised(world)
    await act(li, child, "received")
    detail = {"order": ID, "action": "received", "origin": "county", "result": "applied"}
    note = child.note("act", alarm=child.alarm, occurrence=1, operator="li", detail=detail)
    assert await child.events(note) == ["stored"]
    (row,) = await acts_of(li, child)
    assert (row["id"], row["status"]) == (ID, "applied")


def noted(child: Child, act: str, *, origin: str = "city", **fields: Any) -> bytes:
    """What a site notes of an act, truly or not."""
    detail = {"order": ID, "action": act, "origin": origin, "result": "applied"}
    stated = {"alarm": child.alarm, "occurrence": 1, "operator": "wu", "comment": "?", **fields}
    return child.note("act", detail=detail, **stated)


async def test_acts_of_others_are_learnt_from_the_site(world: World) -> None:
    """A tier between shows what the city urged, when its order has passed there."""
    child, li = await raised(world)
    order = from_the_city(world, operator="wu", comment="?", occurrence=1)
    await passed(world, order, wire.encode(order))
    await child.events(noted(child, "urged"))
    (row,) = (await li.get("/api/v1/alarms")).json()["alarms"]
    assert [(a["origin"], a["act"], a["account"]) for a in row["acts"]] == [("city", "urged", "wu")]
    assert row["acts"][0]["teller"] == ""
    # Those of an occurrence before are in its history, not on the card of the next.
    await child.events(child.event("acknowledge"), child.event("clear"), child.event())
    (row,) = (await li.get("/api/v1/alarms")).json()["alarms"]
    assert row["acts"] == []
    assert len(await acts_of(li, child)) == 1


@pytest.mark.parametrize(
    ("act", "changes"),
    [("closed", {}), ("urged", {"comment": "never mind"}), ("urged", {"operator": "the mayor"})],
)
async def test_what_only_a_site_says_is_shown_as_that(
    world: World, act: str, changes: dict[str, str]
) -> None:
    """No order passed here, or it said something else: then it is the site's word and no more."""
    child, li = await raised(world)
    if changes:
        order = from_the_city(world, operator="wu", comment="?", occurrence=1)
        await passed(world, order, wire.encode(order))
    await child.events(noted(child, act, **changes))
    (row,) = await acts_of(li, child)
    assert (row["origin"], row["act"], row["teller"]) == ("city", act, "gw1")


async def test_a_site_s_word_takes_no_true_act_s_place(world: World) -> None:
    """The id of an act that a site forged is free for the maker's own, which replaces it."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    await town.tells_of(site.facts())
    forged = noted(site, "closed", origin="town")
    await town.relays(site, ("inventory", site.inventory()), ("event", site.event()),
                      ("event", forged))  # fmt: skip
    li = await world.person("li", Role.OPERATOR, "330106")
    assert [(a["act"], a["teller"]) for a in await acts_of(li, site)] == [("closed", "gw1")]
    detail = {"order": ID, "action": "urged", "node": "gw1"}
    true = town.note("act", alarm=site.alarm, occurrence=1, operator="wu", detail=detail)
    assert await town.events(true) == ["stored"]
    assert [(a["act"], a["teller"]) for a in await acts_of(li, site)] == [("urged", "")]
    (row,) = (await li.get("/api/v1/alarms")).json()["alarms"]
    assert [a["act"] for a in row["acts"]] == ["urged"]


def test_what_a_site_said_before_is_known_as_that(tmp_path: Path) -> None:
    """In a store of an earlier release an act stays true whose order or whose maker is known."""
    folder = resources.files("gateway") / "migrations" / "centre"
    names = sorted(each.name for each in folder.iterdir() if each.name[:4].isdigit())
    older = apsw.Connection(str(tmp_path / "centre.sqlite"))
    for name in names[:10]:
        older.execute((folder / name).read_text(encoding="utf-8"))
    for origin in ("city", "county", "town", "gw1", ""):
        older.execute(
            "INSERT INTO act (id, origin, node, alarm, occurrence, act, account, comment, made_ns) "
            "VALUES (?, ?, 'gw1', 'gw1/A/h', 1, 'urged', '', '', 1)",
            (f"of-{origin}", origin),
        )
    older.execute(
        "INSERT INTO site_order (id, node, action, alarm, tag, operator, status, reason, "
        "created_ns, expires_ns, closed_ns, body) "
        "VALUES ('of-county', 'gw1', 'urged', 'gw1/A/h', '', '', 'applied', '', 1, 1, 1, '{}')"
    )
    older.execute(
        "INSERT INTO event (node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns) "
        "VALUES ('town', 'a', 1, 'b', 'act', 'gw1/A/h', '', '', '{}', 1)"
    )
    older.execute("PRAGMA user_version=10")
    older.close()
    database = Database(tmp_path / "centre.sqlite", "centre")
    rows = database.execute("SELECT origin, teller FROM act ORDER BY number")
    database.close()
    assert rows == [("city", "gw1"), ("county", ""), ("town", ""), ("gw1", ""), ("", "")]


async def test_no_site_says_what_this_centre_did(world: World) -> None:
    """An act that a site ascribes to this very centre, and that was not made here, is not shown."""
    child, li = await raised(world)
    detail = {"order": ID, "action": "closed", "origin": "county", "result": "applied"}
    note = child.note("act", alarm=child.alarm, occurrence=1, operator="li", detail=detail)
    assert await child.events(note) == ["stored"]
    assert await acts_of(li, child) == []


async def test_sent_again_it_is_recorded_once(world: World) -> None:
    """The same id and content is the same act; the same id and another content is refused."""
    child, li = await raised(world)
    for _ in range(3):
        assert (await act(li, child, "received")).status_code == 201
    assert (await act(li, child, "closed")).status_code == 409
    assert (await act(li, child, "received", comment="more")).status_code == 409
    assert await world.rows("SELECT act FROM act") == [("received",)]
    assert await world.rows("SELECT action FROM site_order") == [("received",)]


async def test_an_order_s_id_is_no_act_s(world: World) -> None:
    """An id that an order bears is refused: an event could not tell which of them it ends."""
    child, li = await raised(world)
    identity = (await ordered(li, child, "acknowledge")).json()["order"]
    assert (await act(li, child, "received", id=identity)).status_code == 409


@pytest.mark.parametrize("what", ["questioned", "urged"])
async def test_a_question_needs_its_words(world: World, what: str) -> None:
    """Nobody can answer an empty question."""
    child, li = await raised(world)
    assert (await act(li, child, what, comment=" ")).status_code == 422
    assert await world.rows("SELECT * FROM act") == []


async def test_who_may_act(world: World) -> None:
    """A viewer may not, another division does not find the alarm, nobody without a session."""
    child, li = await raised(world)
    viewer = await world.person("wu", Role.VIEWER, "330106")
    answer = await act(viewer, child, "received")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "role")
    other = await world.person("ma", Role.OPERATOR, "330109")
    assert (await act(other, child, "received")).status_code == 404
    assert (await act(await world.client(), child, "received")).status_code == 401
    assert (await other.get(f"/api/v1/alarms/{child.node}/acts", params={"alarm": child.alarm})
            ).status_code == 404  # fmt: skip
    assert (await act(li, child, "acknowledge")).status_code == 422
    assert (await act(li, child, "received", occurrence=2)).status_code == 409
    assert await world.rows("SELECT * FROM act") == []
    assert [row["id"] for row in await acts_of(viewer, child)] == []


async def test_a_centre_offers_only_what_the_site_has_delegated(world: World) -> None:
    """What the inventory delegates to this centre is taken; the rest is refused before it goes."""
    child, li = await raised(
        world, delegates={"county": ["acknowledge"], "lake-centre": ["reset", "shelve"]}
    )
    assert (await ordered(li, child, "acknowledge")).status_code == 202
    for kept in ("out-of-service", "shelve"):
        answer = await ordered(li, child, kept)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "not_delegated")
    assert "the enterprise decides that" in answer.json()["detail"]["message"]
    (node,) = (await li.get("/api/v1/nodes")).json()["nodes"]
    assert node["delegated"] == ["acknowledge"]
    await child.send(("inventory", child.inventory(delegates={})))
    assert (await ordered(li, child, "acknowledge")).status_code == 403
    # An older gateway says nothing of it, and does what its parent orders.
    await child.send(("inventory", child.inventory()))
    assert (await ordered(li, child, "shelve")).status_code == 202
    (node,) = (await li.get("/api/v1/nodes")).json()["nodes"]
    assert node["delegated"] is None


async def test_acts_take_no_place_of_orders(world: World) -> None:
    """However many acts wait for a site that is away, an acknowledgement still finds room."""
    child, li = await raised(world)
    statuses = [
        (await act(li, child, "received", id=f"{number:016x}")).status_code for number in range(201)
    ]
    assert statuses == [201] * 200 + [429]
    assert (await ordered(li, child, "acknowledge")).status_code == 202


async def test_an_applied_order_replaces_a_forged_one_s_refusal(world: World) -> None:
    """That the true order was carried out is the truth, also after another was refused for it."""
    child, li = await raised(world)
    identity = (await ordered(li, child, "acknowledge")).json()["order"]
    for result in ("refused", "applied", "refused"):
        detail = {"order": identity, "result": result, "reason": "altered"}
        await child.events(child.note("order", detail=detail))
    assert await world.rows("SELECT status FROM site_order") == [("applied",)]


CITY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)


def from_the_city(world: World, **changes: Any) -> wire.Order:
    stated = {
        "id": ID,
        "action": "urged",
        "origin": "city",
        "node": "gw1",
        "alarm": "gw1/AR1-AT-101/ammonia.machine_room.h",
        "expires_ns": world.clock.now_ns() + 60 * NANOSECONDS,
        **changes,
    }
    return sign(msgspec.convert(stated, wire.Order), CITY)


async def passed(world: World, order: wire.Order, body: bytes) -> None:
    await world.centre.store.write(partial(orders.pass_down, order=order, body=body))


async def test_an_order_from_above_is_handed_on_as_it_came(world: World) -> None:
    """The bytes stay, spacing and unknown fields included; this centre signs nothing of it."""
    child, _ = await raised(world)
    order = from_the_city(world)
    body = wire.encode(order).replace(b'{"id"', b'{ "newer": [1], "id"')
    await passed(world, order, body)
    await passed(world, order, body)
    async with child.client.stream("GET", wire.ORDERS, headers=child.headers) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if line.startswith("data: "):
                break
    assert line.removeprefix("data: ").encode() == body
    assert is_signed_by(msgspec.json.decode(body, type=wire.Order), public_hex(CITY))
    (entry,) = await world.own("order")
    assert entry.detail["origin"] == "city"


async def test_what_cannot_be_handed_on_is_let_go(world: World) -> None:
    """For a node that is not below, or with no time left, nothing is kept."""
    await raised(world)
    for order in (
        from_the_city(world, node="gw9"),
        from_the_city(world, expires_ns=world.clock.now_ns()),
    ):
        await passed(world, order, wire.encode(order))
    assert await world.rows("SELECT * FROM site_order") == []


async def test_an_order_that_was_never_fetched_ends_as_expired(world: World) -> None:
    """Its maker, and whoever passes it, close it when its time is up."""
    child, li = await raised(world)
    await ordered(li, child, "acknowledge")
    order = from_the_city(world)
    await passed(world, order, wire.encode(order))
    world.pass_time(61)
    await world.centre.watch.look()
    assert await world.rows("SELECT status FROM site_order") == [("expired",), ("expired",)]
