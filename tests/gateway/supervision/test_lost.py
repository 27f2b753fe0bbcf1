"""Who is lost, and who is not: whatever a child says counts, and only who is a child is missed."""

from __future__ import annotations

import pytest

from gateway.clock import ManualClock
from gateway.model import decode_event
from gateway.northbound import wire
from tests.gateway.supervision.test_child_alarms import ALARM, EVENTS, SteppedClock, silent
from tests.gateway.supervision.world import NOON_NS, World


@pytest.fixture
def clock() -> ManualClock:
    return SteppedClock(NOON_NS)


@pytest.mark.parametrize("says", ["intake", "orders"])
async def test_whoever_says_anything_is_not_lost(world: World, says: str) -> None:
    """A child whose heartbeats do not come through is heard by whatever else it says."""
    child = await world.child()
    await child.beat()
    for _ in range(5):
        await silent(world, 20)
        if says == "intake":
            await child.events(child.event("raise"))
        else:
            async with world.stream(child.client, wire.ORDERS, **child.headers):
                pass
    assert await world.rows(EVENTS, ALARM) == []
    await silent(world, 45)
    assert len(await world.rows(EVENTS, ALARM)) == 1


async def test_who_is_no_child_any_more_is_not_lost(world: World) -> None:
    """What was said of a child ends when it moves below another centre, and stays ended."""
    child, town = await world.child(), await world.relay()
    await child.send(("inventory", child.inventory()))
    await child.beat()
    await silent(world, 45)
    standing = "SELECT state FROM mirror WHERE alarm = ?"
    assert await world.rows(standing, ALARM) == [("UNACK",)]
    admin = await world.admin()
    moved = await admin.post("/api/v1/nodes/gw1/via", json={"via": town.node})
    assert moved.status_code == 204
    await silent(world, 20)
    assert await world.rows(standing, ALARM) == [("RTNUN",)]
    events = [decode_event(row[0]).cause for row in await world.rows(EVENTS, ALARM)]
    assert events == ["raise", "clear"]
