"""Where alarms stand here is where the child last said they stand."""

from __future__ import annotations

import json
from typing import Any

import httpx

from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import World


async def standing(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/api/v1/alarms{query}")
    return {row["alarm"]: row for row in answer.json()["alarms"]}


async def test_revision_decides(world: World) -> None:
    """Events that arrive in the wrong order leave the alarm where its greatest revision says."""
    child = await world.child()
    viewer = await world.admin()
    raised, acknowledged = child.event(), child.event("acknowledge")
    await child.events(acknowledged)
    await child.events(raised)
    row = (await standing(viewer))[child.alarm]
    assert (row["state"], row["revision"]) == ("ACKED", 2)


async def test_acts_keep_the_value(world: World) -> None:
    """An acknowledgement has no value; the card keeps the value and time of the raise."""
    child = await world.child()
    viewer = await world.admin()
    await child.events(child.event(value=120.5))
    raised_ms = world.clock.now_ns() // 1_000_000
    world.pass_time(30)
    entry = child.event("acknowledge", value=None, quality="", operator="li", comment="seen")
    await child.events(entry)
    row = (await standing(viewer))[child.alarm]
    assert (row["value"], row["quality"], row["raised_ms"]) == (120.5, "GOOD", raised_ms)
    assert (row["operator"], row["comment"]) == ("li", "seen")
    assert row["changed_ms"] == raised_ms + 30_000


async def test_ended_alarms_leave_the_list(world: World) -> None:
    """An alarm that returned to normal is in the history only; a suppressed one stays listed."""
    child = await world.child()
    viewer = await world.admin()
    other = "gw1/AR1-AT-102/x"
    await child.events(child.event(), child.event("clear"))
    await child.events(child.event(alarm=other), child.event("shelve", other, after="NORM",
                       suppression="SHLVD"))  # fmt: skip
    assert set(await standing(viewer)) == {other}
    assert set(await standing(viewer, "?history=1")) == {child.alarm, other}


async def test_present_reconciles_within_a_life(world: World) -> None:
    """Absence ends an alarm only where the list is as new as the mirror."""
    child = await world.child()
    viewer = await world.admin()
    await child.events(child.event())
    await child.send(("present", child.present(seq=0)))
    assert set(await standing(viewer)) == {child.alarm}
    await child.send(("present", child.present()))
    assert await standing(viewer) == {}


async def test_present_is_no_event(world: World) -> None:
    """State sent at connection moves the mirror; the event itself still arrives as new, once."""
    child = await world.child()
    viewer = await world.admin()
    entry = child.event()
    await child.send(("present", child.present(entry)))
    assert set(await standing(viewer)) == {child.alarm}
    assert await world.rows("SELECT * FROM event") == []
    assert await child.events(entry) == ["stored"]


async def shown_standing(world: World) -> list[str]:
    """The alarms that screens were told to stand, in the order in which they were told."""
    rows = await world.rows("SELECT body FROM feed WHERE kind = 'alarm' ORDER BY position")
    told = [json.loads(body) for (body,) in rows]
    return [row["alarm"] for row in told if (row["state"], row["suppression"]) != ("NORM", "NONE")]


async def test_what_ended_in_an_outage_never_stands_again(world: World) -> None:
    """The backlog is history: while it drains, and where it breaks off, what ended has ended."""
    child = await world.child()
    viewer = await world.admin()
    within, shelved = "gw1/AR1-AT-102/x", "gw1/AR1-AT-103/x"
    await child.events(child.event())
    backlog = [
        child.event("clear"),
        child.event(),
        child.event(alarm=within),
        child.event("shelve", shelved, after="NORM", suppression="SHLVD"),
        child.event("unshelve", shelved, after="NORM"),
        child.event("clear"),
        child.event("clear", within),
    ]
    await child.send(("present", child.present()))
    for entry in backlog[:-2]:
        assert await child.events(entry) == ["stored"]
        assert await standing(viewer) == {}
    # Each has its place in the history, though its last event may never come.
    rows = await standing(viewer, "?history=1")
    assert {alarm: row["revision"] for alarm, row in rows.items()} == {
        child.alarm: 3,
        within: 1,
        shelved: 2,
    }
    assert await child.events(*backlog[-2:]) == ["stored", "stored"]
    assert await standing(viewer) == {}
    assert await shown_standing(world) == [child.alarm]


async def test_what_stands_after_an_outage_stands_once(world: World) -> None:
    """An alarm of the list is where its last event left it, whatever of its past comes after."""
    child = await world.child()
    viewer = await world.admin()
    await child.events(child.event())
    backlog = [child.event("clear"), child.event(), child.event("acknowledge")]
    await child.send(("present", child.present(backlog[-1])))
    await child.events(child.event("clear", after="RTNUN"))
    for entry in backlog:
        await child.events(entry)
        assert (await standing(viewer))[child.alarm]["state"] == "RTNUN"


async def test_a_list_that_is_behind_what_it_covers_is_mended(world: World) -> None:
    """A centre below of an older program lists what a backlog has not ended there yet."""
    child = await world.child()
    viewer = await world.admin()
    raised, acknowledged, cleared = child.event(), child.event("acknowledge"), child.event("clear")
    await child.send(("present", child.present(raised)))
    await child.events(raised, acknowledged)
    assert (await standing(viewer))[child.alarm]["state"] == "ACKED"
    await child.events(cleared)
    assert await standing(viewer) == {}


async def test_what_rises_after_the_list_stands(world: World) -> None:
    """Only what a list covers is past; a disk that was put back makes numbers that it does not."""
    child = await world.child()
    viewer = await world.admin()
    await child.send(("present", child.present(seq=40)))
    assert await child.events(child.event()) == ["stored"]
    assert await standing(viewer) == {}
    await child.send(("present", child.present()))
    other = "gw1/AR1-AT-102/x"
    await child.events(child.event(alarm=other))
    assert set(await standing(viewer)) == {other}


async def test_inventory_is_taken_whole(world: World) -> None:
    """A point that is no longer listed is gone; unchanged bytes make no journal entry."""
    child = await world.child()
    viewer = await world.admin()
    await child.send(("inventory", child.inventory()))
    await child.send(("inventory", child.inventory()))
    assert len(await world.own("inventory")) == 1
    points = (await viewer.get("/api/v1/points")).json()["points"]
    assert [point["tag"] for point in points] == ["AR1-AT-101"]
    await child.send(("inventory", child.inventory(points=[])))
    assert (await viewer.get("/api/v1/points")).json()["points"] == []


async def test_unknown_state_is_shown(world: World) -> None:
    """A state of a newer version is listed as it came, and counts as the worst."""
    child = await world.child()
    viewer = await world.admin()
    await child.send(("inventory", child.inventory()), ("event", child.event(after="EVACUATE")))
    assert (await standing(viewer))[child.alarm]["state"] == "EVACUATE"
    (point,) = (await viewer.get("/api/v1/points")).json()["points"]
    assert point["alarm_state"] == "EVACUATE"


async def test_journal_shows_the_evidence(world: World) -> None:
    """The journal of a node lists its events with the hash of their bytes, the last first."""
    child = await world.child()
    viewer = await world.person("li", Role.VIEWER, child.division)
    await child.send(
        ("inventory", child.inventory()),
        ("event", child.note("start")),
        ("event", child.event()),
    )
    events = (await viewer.get("/api/v1/journal", params={"node": "gw1"})).json()["events"]
    assert [event["seq"] for event in events] == [2, 1]
    assert events[0]["prev"] == events[1]["hash"]
    only = (
        await viewer.get("/api/v1/journal", params={"node": "gw1", "alarm": child.alarm})
    ).json()["events"]
    assert [event["kind"] for event in only] == ["alarm"]
