"""From a child's pairing to an alarm on a screen."""

from __future__ import annotations

from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import World


async def test_pair_intake_list_stream(world: World) -> None:
    """An event sent with a bought credential is listed, and told to a screen that was listening."""
    child = await world.child()
    assert await child.send(("inventory", child.inventory())) == ["stored"]
    person = await world.person("li", Role.OPERATOR, "330106")
    async with world.stream(person) as stream:
        await stream.next("ping")
        assert await child.events(child.event()) == ["stored"]
        told = await stream.next("alarm")
    listed = (await person.get("/api/v1/alarms")).json()
    assert listed["alarms"] == [told.data]
    assert listed["position"] >= int(told.id)
    row = listed["alarms"][0]
    assert (row["state"], row["title_en"], row["area_name"]) == (
        "UNACK",
        "Ammonia high",
        "Machine room",
    )
    assert row["raised_ms"] == listed["now_ms"] == world.clock.now_ns() // 1_000_000
