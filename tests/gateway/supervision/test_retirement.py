"""A gateway that is scrapped is missed by nobody, here and above; what it sent stays."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from gateway.northbound import wire
from gateway.supervision import desk, retirement, watch
from gateway.supervision.desk import Desk
from gateway.supervision.retirement import RetirementError
from gateway.supervision.tiers import Role
from gateway.supervision.upward import ToParent
from gateway.supervision.write import Write
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.supervision.test_backlog import centre_file
from tests.gateway.supervision.test_upward import Tiers, site_of, tiers, until  # noqa: F401
from tests.gateway.supervision.world import World

LOST = "county/@gw1/gateway_lost"


async def retire(world: World, node: str = "gw1") -> int:
    return await world.centre.store.write(
        lambda write: retirement.retire(write, node, operator="li", comment="closed")
    )


async def silent(world: World) -> None:
    """A minute in which nobody speaks."""
    for _ in range(12):
        world.pass_time(5)
        await world.centre.watch.look()


async def states(world: World, owner: str) -> dict[str, str]:
    return dict(await world.rows("SELECT alarm, state FROM mirror WHERE owner = ?", owner))


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_a_scrapped_gateway_is_no_longer_lost(
    tiers: Tiers,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    *,
    acknowledged: bool,
) -> None:
    """Its loss returns, its alarms leave the lists, nobody counts it: here and above."""
    monkeypatch.setattr(desk, "LOOK_S", 0.02)
    monkeypatch.setattr(watch, "EVERY_S", 0.05)
    site = await site_of(tiers)
    await site.events(site.event())
    await silent(tiers.county)
    await until(lambda: tiers.at_city("SELECT 1 FROM mirror WHERE alarm = ?", LOST))
    if acknowledged:
        admin = await tiers.county.admin()
        body = {"action": "acknowledge", "revision": 1}
        await admin.post(f"/api/v1/alarms/gw1/{LOST}/acts", json=body)
    path = centre_file(tiers.folder, tiers.url)
    done = await asyncio.to_thread(
        hazgate, "retire", "gw1", "--config", path, "--operator", "Li Lei",
        "--comment", "the plant is closed", "--json",
    )  # fmt: skip
    told = figures(done)
    assert told["result"] == "applied", told
    assert told["reason"] == "gw1 is retired; 1 alarm(s) of it stood"

    async def returned() -> bool:
        return (await states(tiers.county, "county"))[LOST] in {"RTNUN", "NORM"}

    await until(returned)
    await until(lambda: tiers.at_city("SELECT 1 FROM node WHERE node = 'gw1' AND retired_ns > 0"))

    async def returned_above() -> bool:
        return (await states(tiers.city, "county"))[LOST] in {"RTNUN", "NORM"}

    await until(returned_above)
    for world in (tiers.county, tiers.city):
        standing = "SELECT 1 FROM mirror WHERE owner = 'gw1' AND standing = 1"
        assert await world.rows(standing) == []
        person = await world.admin()
        rows = (await person.get("/api/v1/nodes")).json()["nodes"]
        assert "gw1" not in {row["node"] for row in rows}
        assert len(await world.rows("SELECT 1 FROM event WHERE node = 'gw1'")) == 1
    (entry,) = [e for e in await tiers.county.own("pairing") if e.detail["act"] == "retired"]
    assert entry.operator.startswith("Li Lei")
    assert (entry.comment, entry.detail["standing"]) == ("the plant is closed", 1)
    (above,) = [e for e in await tiers.city.own("relay") if e.detail["act"] == "retired"]
    assert above.detail["via"] == "county"


async def test_coverage_counts_it_no_more(world: World) -> None:
    """What a centre tells of itself above is the share of the gateways that are in service."""
    told = ToParent(world.centre.store, clock=world.clock, name="c", division="", parent="")
    first, second = await world.child("gw1"), await world.child("gw2")
    await first.beat()
    await silent(world)
    await second.beat()
    await told.whole("e/1")
    assert told.source.status()[2] == 0.5
    await retire(world)
    await told.whole("e/2")
    assert told.source.status()[2] == 1.0


async def test_its_credential_ends(world: World) -> None:
    """Whatever still holds the token, or a code for it, is a stranger."""
    site = await world.child()
    code = await world.running.invite("gw1")
    await retire(world)
    assert (await site.beat()).status_code == 401
    again = await site.client.post("/api/v1/pair", json={"code": code, "token_hash": "a" * 64})
    assert again.status_code != 200


async def test_one_that_speaks_is_not_retired(world: World) -> None:
    """A gateway in service is never taken from the list by a slip of the keyboard."""
    site = await world.child()
    await site.beat()
    with pytest.raises(RetirementError, match="still speaks"):
        await retire(world)
    for unknown in ("gw9", "county"):
        with pytest.raises(RetirementError, match="no node of this centre"):
            await retire(world, unknown)
    await silent(world)
    assert await retire(world) == 0
    with pytest.raises(RetirementError, match="already"):
        await retire(world)


async def test_a_centre_that_was_away_retires_nobody(world: World) -> None:
    """An old heartbeat is no proof: who is lost is what the watch has found since its start."""
    site = await world.child()
    await site.beat()
    world.pass_time(600)
    with pytest.raises(RetirementError, match="still speaks, or may"):
        await retire(world)


async def test_an_order_of_a_newer_tool_is_refused(world: World) -> None:
    """What a centre does not know it leaves: no dead letter is lost to a word of tomorrow."""
    store = world.centre.store

    def letter(write: Write) -> None:
        write.execute(
            "INSERT INTO dead_letter (destination, seq, entry, reason, at_ns) "
            "VALUES ('parent', 7, x'00', 'never', 1)"
        )
        order = wire.Order(id="n1", action="polish", expires_ns=write.now_ns + 10**12)
        write.execute(
            "INSERT INTO desk_order (id, body, made_ns) VALUES ('n1', ?, 1)",
            (msgspec.json.encode(order),),
        )

    await store.write(letter)
    async with Desk(store, clock=world.clock, released=lambda: None), asyncio.timeout(30):
        while not await world.rows("SELECT 1 FROM desk_order WHERE done = 1"):
            await asyncio.sleep(0.05)
    assert await world.rows("SELECT seq FROM dead_letter") == [(7,)]
    rows = await world.rows("SELECT entry FROM journal ORDER BY seq DESC LIMIT 1")
    detail = json.loads(rows[0][0])["detail"]
    assert (detail["result"], detail["action"]) == ("refused", "polish")
    assert "dead-letter-retry, dead-letter-discard, retire" in detail["reason"]


async def test_a_centre_with_nodes_behind_it_is_not_retired(world: World) -> None:
    """Whoever is behind it would be missed by nobody; each is retired where it speaks."""
    town = await world.relay("town")
    below = await world.child("gw2")
    below.node = "gw7"
    await town.tells_of(below.facts())
    await silent(world)
    with pytest.raises(RetirementError, match="1 node"):
        await retire(world, "town")
    with pytest.raises(RetirementError, match="retire it there"):
        await retire(world, "gw7")


async def test_one_that_is_paired_again_is_in_service_again(world: World) -> None:
    """It comes back with all its alarms, as any gateway; also one that has not moved since."""
    site = await world.child()
    site_alarm = site.event()
    await site.send(("inventory", site.inventory()), ("event", site_alarm))
    assert await retire(world) == 1
    assert await world.rows("SELECT standing FROM mirror") == [(0,)]
    await world.pair(site)
    await site.send(("inventory", site.inventory()), ("present", site.present(site_alarm)))
    assert await world.rows("SELECT state, standing FROM mirror") == [("UNACK", 1)]
    viewer = await world.person("li", Role.VIEWER, "330106")
    (row,) = (await viewer.get("/api/v1/nodes")).json()["nodes"]
    assert (row["node"], row["points"]) == ("gw1", 1)


async def test_its_late_words_raise_nothing_above(world: World) -> None:
    """Events that waited below for a parent are kept there, and no alarm stands for them."""
    town = await world.relay("town")
    below = await world.child("gw2")
    other: Any = type(below)("gw7", below.client, world.clock)
    await town.tells_of(other.facts(link="lost"))
    await town.tells_of(other.facts(link="retired"))
    statuses = await town.relays(other, ("event", other.event()))
    assert set(statuses.values()) == {"stored"}
    assert await world.rows("SELECT 1 FROM mirror WHERE node = 'gw7'") == []
    await town.tells_of(other.facts())
    await town.relays(other, ("present", other.present(other.event("acknowledge"))))
    assert await world.rows("SELECT standing FROM mirror WHERE node = 'gw7'") == [(1,)]
    acts = [e.detail["act"] for e in await world.own("relay")]
    assert acts == ["appears", "retired", "returns"]
