"""Whom a child may speak for; no byte crosses a division boundary on its way up."""

from __future__ import annotations

import json

import pytest

from gateway.journal import digest
from gateway.northbound import wire
from gateway.supervision.relays import Relay
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import Child, World


async def below(world: World, node: str = "gw1", **fields: str) -> Child:
    """A gateway that only the centre below knows: it has no credential here."""
    return Child(node, await world.client(), world.clock, **fields)


async def test_a_relayed_event_is_kept_as_its_own(world: World) -> None:
    """What a centre relays is stored byte for byte under its own node, and says by which way."""
    town, site = await world.relay(), await below(world)
    await town.tells_of(site.facts())
    entry = site.event()
    assert await town.relays(site, ("event", entry)) == {"event-0": "stored"}
    rows = await world.rows("SELECT node, life, seq, entry, via FROM event")
    assert rows == [("gw1", site.life, 1, entry, "town")]
    assert await world.rows("SELECT alarm, state FROM mirror") == [(site.alarm, "UNACK")]
    (chained,) = await world.own("intake")
    assert chained.detail == {f"gw1/{site.life}/{site.epoch}/1": digest(entry)}


async def test_what_was_relayed_before_is_a_duplicate_or_a_fork(world: World) -> None:
    """De-duplication, gaps and forks are those of a child that speaks itself."""
    town, site = await world.relay(), await below(world)
    await town.tells_of(site.facts(last_seq=3))
    first, _, third = site.event(), site.event("acknowledge"), site.event("clear")
    assert await town.relays(site, ("event", first), ("event", first), ("event", third)) == {
        "event-0": "stored",
        "event-1": "duplicate",
        "event-2": "stored",
    }
    admin = await world.admin()
    rows = {row["node"]: row for row in (await admin.get("/api/v1/nodes")).json()["nodes"]}
    assert (rows["gw1"]["gaps"], rows["gw1"]["via"]) == ([[2, 2]], "town")
    other = json.dumps({**json.loads(first), "comment": "other"}).encode()
    assert await town.relays(site, ("event", other)) == {"event-0": "rejected"}
    assert [event.detail["node"] for event in await world.own("fork")] == ["gw1"]


async def test_an_untold_node_has_to_wait(world: World) -> None:
    """An event of a node nobody told of gets no receipt, so it stays in the outbox below."""
    town, site = await world.relay(), await below(world)
    entry = site.event()
    assert await town.relays(site, ("event", entry)) == {}
    assert await world.rows("SELECT * FROM event") == []
    await town.tells_of(site.facts())
    assert await town.relays(site, ("event", entry)) == {"event-0": "stored"}


async def test_a_gateway_speaks_for_nobody_else(world: World) -> None:
    """Only who was invited as a centre may relay; another child's word is refused, journalled."""
    gateway, site = await world.child("gw9"), await below(world)
    assert "was not paired as a centre" in await gateway.tells_of(site.facts())
    sent = await gateway.relays(
        site, ("event", site.event()), ("inventory", site.inventory()), ("present", site.present())
    )
    assert set(sent.values()) == {"rejected"}
    assert await world.rows("SELECT node FROM node") == [("gw9",)]
    assert {event.detail["node"] for event in await world.own("refused")} == {"gw9"}


async def test_a_paired_node_is_nobody_elses(world: World) -> None:
    """A node that is paired here itself is refused to a relay, whatever it sends of it."""
    town, site = await world.relay(), await world.child("gw1")
    assert "is known here by another way" in await town.tells_of(site.facts(division="999999"))
    sent = await town.relays(site, ("event", site.event()), ("present", site.present()))
    assert set(sent.values()) == {"rejected"}
    assert await world.rows("SELECT * FROM event") == []
    assert await world.rows("SELECT division FROM node WHERE node = 'gw1'") == [("",)]


async def test_the_centre_itself_is_nobodys(world: World) -> None:
    """No child speaks in this centre's own name."""
    town, self_ = await world.relay(), await below(world, "county")
    assert "is this centre itself" in await town.tells_of(self_.facts())
    assert await town.relays(self_, ("event", self_.event())) == {"event-0": "rejected"}


async def test_a_second_way_is_refused(world: World) -> None:
    """A node speaks through one child at a time; the other one's refusal is journalled."""
    town, village, site = (
        await world.relay("town"),
        await world.relay("village"),
        await below(world),
    )
    await town.tells_of(site.facts())
    assert "is known here by another way" in await village.tells_of(site.facts())
    assert await village.relays(site, ("event", site.event())) == {"event-0": "rejected"}
    refused = [(e.detail["node"], e.detail["item"]) for e in await world.own("refused")]
    assert refused == [("village", "gw1"), ("village", "event-0")]


async def test_a_site_moves_by_an_administrators_act(world: World) -> None:
    """After the move the new way is open and the old one closed; the act is journalled."""
    town, village, site = (
        await world.relay("town"),
        await world.relay("village"),
        await below(world),
    )
    await town.tells_of(site.facts())
    await village.tells_of(site.facts())
    admin = await world.admin()
    answer = await admin.post("/api/v1/nodes/gw1/via", json={"via": "village"})
    assert answer.status_code == 204, answer.text
    entry = site.event()
    assert await town.relays(site, ("event", entry)) == {"event-0": "rejected"}
    assert await village.tells_of(site.facts(division="331100")) == ""
    assert await village.relays(site, ("event", entry)) == {"event-0": "stored"}
    moved = [event for event in await world.own("relay") if event.detail["act"] == "moved"]
    assert [(event.operator, event.detail["via"]) for event in moved] == [("admin", "village")]


async def test_a_paired_site_moves_below_a_centre_and_back(world: World) -> None:
    """A move ends the node's own credential; pairing it again makes it speak for itself."""
    town, site = await world.relay(), await world.child("gw1")
    admin = await world.admin()
    assert (await admin.post("/api/v1/nodes/gw1/via", json={"via": "town"})).status_code == 204
    assert (await site.post(("event", site.event()))).status_code == 401
    assert await town.tells_of(site.facts()) == ""
    await world.pair(site)
    assert await site.events(site.event()) == ["stored"]
    assert "is known here by another way" in await town.tells_of(site.facts())


@pytest.mark.parametrize(("node", "via"), [("gw1", "gw2"), ("gw9", "town"), ("town", "town")])
async def test_a_move_needs_a_centre_and_a_node(world: World, node: str, via: str) -> None:
    """A node is moved to a paired centre only, and only one that is known."""
    for name in ("gw1", "gw2"):
        await world.child(name)
    await world.relay()
    admin = await world.admin()
    answer = await admin.post(f"/api/v1/nodes/{node}/via", json={"via": via})
    assert answer.status_code in {404, 422}
    assert await world.rows("SELECT node FROM node WHERE via <> ''") == []


async def test_a_move_stays_within_the_administrators_division(world: World) -> None:
    """An administrator moves nothing that stands outside, and nothing to outside."""
    await world.divisions(("331000", ""), ("331100", ""))
    await world.relay("town", division="331000")
    own = Child("gw1", await world.client(), world.clock, division="331000")
    await world.pair(own, division="331000")
    await world.relay("other", division="331100")
    admin = await world.person("zhao", Role.ADMINISTRATOR, "331000")
    assert (await admin.post("/api/v1/nodes/gw1/via", json={"via": "other"})).status_code == 404
    assert (await admin.post("/api/v1/nodes/other/via", json={"via": "town"})).status_code == 404
    assert (await admin.post("/api/v1/nodes/gw1/via", json={"via": "town"})).status_code == 204


#: A county and a city whose codes look alike; a park that crosses two counties; a city without
#: counties, whose towns are its children; a grid cell.
TREE = (
    ("330000", ""),
    ("331000", "330000"),
    ("331100", "330000"),
    ("331102", "331100"),
    ("park-7", "330000"),
    ("331002-park", "park-7"),
    ("331102-park", "park-7"),
    ("441900", ""),
    ("441900003", "441900"),
    ("441900003-07", "441900003"),
)


@pytest.mark.parametrize(
    ("relay", "node", "taken"),
    [
        ("330000", "331102", True),
        ("331000", "331000", True),
        ("331000", "331100", False),
        ("331000", "330000", False),
        ("331100", "331000", False),
        ("331100", "331102", True),
        ("park-7", "331002-park", True),
        ("park-7", "331102-park", True),
        ("park-7", "331102", False),
        ("331100", "331102-park", False),
        ("441900", "441900003", True),
        ("441900003", "441900003-07", True),
        ("441900003", "441900", False),
        ("441900", "331000", False),
        ("3310", "331000", False),
        ("", "999999", True),
    ],
)
async def test_a_relay_stays_within_its_division(
    world: World, relay: str, node: str, *, taken: bool
) -> None:
    """By this tier's tree of rows, never by the digits of a code, a relay speaks for its own."""
    await world.divisions(*TREE)
    town, site = await world.relay(division=relay), await below(world, division=node)
    reason = await town.tells_of(site.facts())
    sent = await town.relays(
        site,
        ("inventory", site.inventory()),
        ("event", site.event()),
        ("present", site.present()),
        ("summary", site.summary()),
    )
    if taken:
        assert reason == ""
        assert set(sent.values()) == {"stored"}
        return
    assert f"stands in division {node}" in reason
    assert set(sent.values()) == {"rejected"}
    for table in ("event", "mirror", "point", "latest", "heartbeat"):
        assert await world.rows(f"SELECT * FROM {table}") == []  # noqa: S608 - names from above
    assert await world.rows("SELECT node FROM node WHERE node = 'gw1'") == []


async def test_a_node_that_leaves_the_division_is_refused_from_then_on(world: World) -> None:
    """When this tier's tree no longer counts a node to its relay's division, nothing more comes."""
    await world.divisions(("331000", ""), ("331002", "331000"))
    town, site = await world.relay(division="331000"), await below(world, division="331002")
    await town.tells_of(site.facts())
    assert await town.relays(site, ("event", site.event())) == {"event-0": "stored"}
    await world.divisions(("331000", ""), ("331002", ""))
    assert await town.relays(site, ("event", site.event("clear"))) == {"event-0": "rejected"}
    assert "stands in division 331002" in await town.tells_of(site.facts())


async def test_a_relay_cannot_move_a_node_out_of_its_division(world: World) -> None:
    """A division that a relay tells anew is checked as the first one was."""
    await world.divisions(("331000", ""), ("331002", "331000"), ("331100", ""))
    town, site = await world.relay(division="331000"), await below(world, division="331002")
    await town.tells_of(site.facts())
    assert "stands in division 331100" in await town.tells_of(site.facts(division="331100"))
    assert await world.rows("SELECT division FROM node WHERE node = 'gw1'") == [("331002",)]
    # And not by what the inventory claims either: that is shown as trouble.
    await town.relays(site, ("inventory", site.inventory(division="331100")))
    rows = await world.rows("SELECT division, refused_division FROM node WHERE node = 'gw1'")
    assert rows == [("331002", "331100")]


async def test_a_gateway_says_nothing_of_another(world: World) -> None:
    """Neither that another is lost nor that somebody acted there: refused, journalled."""
    gateway, other = await world.child("gw1"), await world.child("gw2")
    await other.events(other.event())
    alarm = "gw1/@gw2/gateway_lost"
    lost = gateway.event(alarm=alarm, tag="@gw2", rule="gateway_lost")
    detail = {"order": "00112233aabbccdd", "action": "closed", "node": "gw2"}
    act = gateway.note("act", alarm=other.alarm, occurrence=1, detail=detail)
    assert await gateway.events(lost, act) == ["rejected"] * 2
    assert await gateway.send(("present", gateway.present(lost))) == ["rejected"]
    assert await world.rows("SELECT * FROM event WHERE node = 'gw1'") == []
    assert await world.rows("SELECT * FROM mirror WHERE alarm = ?", alarm) == []
    assert await world.rows("SELECT * FROM act") == []
    refused = await world.own("refused")
    assert {event.detail["node"] for event in refused} == {"gw1"}
    assert "speaks of gw2" in str(refused[0].detail["reason"])


async def test_a_gateway_called_as_its_own_alarms_are_is_nobodys(world: World) -> None:
    """An alarm that a gateway has about itself is taken, and stands under it alone."""
    gateway, _ = await world.child("gw1"), await world.child("node")
    own = gateway.event(alarm="gw1/@node/broker_lost", tag="@node", rule="broker_lost")
    assert await gateway.events(own) == ["stored"]
    assert await world.rows("SELECT node FROM mirror") == [("gw1",)]


async def test_refusals_do_not_fill_the_journal(world: World) -> None:
    """A relay that goes on telling of what is not its own is journalled once a minute."""
    await world.divisions(("331000", ""), ("331100", ""))
    town, site = await world.relay(division="331000"), await below(world, division="331100")
    for _ in range(5):
        await town.tells_of(site.facts())
    assert len(await world.own("refused")) == 1
    world.pass_time(60)
    await town.tells_of(site.facts())
    assert len(await world.own("refused")) == 2


async def test_an_item_names_the_node_of_its_event(world: World) -> None:
    """An item that names one node and holds the event of another is refused."""
    town, site, other = await world.relay(), await below(world), await below(world, "gw2")
    await town.tells_of(site.facts(), other.facts())
    assert await town.relays(site, ("event", other.event())) == {"event-0": "rejected"}
    assert await town.relays(site, ("present", other.present(other.event()))) == {
        "present-0": "rejected"
    }
    assert await town.events(site.event()) == ["rejected"]
    assert await world.rows("SELECT * FROM event") == []


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"clock_ns": 1, "nodes": [{"node": 1}]}'])
async def test_unreadable_facts_are_rejected(world: World, body: bytes) -> None:
    """What is no list of nodes is rejected as a whole."""
    town = await world.relay()
    assert await town.send(("nodes", body)) == ["rejected"]


def test_an_item_of_the_senders_own_is_as_it_was() -> None:
    """Without a node named, an item is the same bytes that every older parent reads."""
    assert wire.encode(wire.item("event", "l/1", b"{}")) == b'{"kind":"event","id":"l/1","body":{}}'


async def test_without_the_check_a_foreign_node_is_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: it is this one check that keeps another division's bytes out."""
    monkeypatch.setattr(Relay, "_why_not", lambda *_: "")
    await world.divisions(("331000", ""), ("331100", ""))
    town, site = await world.relay(division="331000"), await below(world, division="331100")
    assert await town.tells_of(site.facts()) == ""
    assert await town.relays(site, ("event", site.event())) == {"event-0": "stored"}
