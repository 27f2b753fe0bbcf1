"""What screens are shown of one transaction: each row once, as it stands when all is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.db import Database
from gateway.supervision.views import alarms
from tests.gateway.supervision.test_bounds import ready
from tests.gateway.supervision.world import World


async def fed(world: World, kind: str) -> list[dict[str, Any]]:
    rows = await world.rows("SELECT body FROM feed WHERE kind = ? ORDER BY position", kind)
    return [json.loads(body) for (body,) in rows]


async def test_an_alarm_that_moves_often_in_a_post_is_shown_once(world: World) -> None:
    """Of a hundred moves the last is shown, in one row an alarm, and the list agrees with it."""
    child = await ready(world)
    shown = len(await fed(world, "alarm"))
    moves = [child.event(cause) for _ in range(30) for cause in ("raise", "acknowledge", "clear")]
    other = child.event(alarm="gw1/B/h", tag="B", rule="h")
    assert await child.events(*moves, child.event(), other) == ["stored"] * 92
    rows = (await fed(world, "alarm"))[shown:]
    assert [(row["alarm"], row["revision"]) for row in rows] == [
        (child.alarm, 91),
        ("gw1/B/h", 1),
    ]
    admin = await world.admin()
    listed = (await admin.get("/api/v1/alarms")).json()["alarms"]
    assert {row["alarm"]: row["revision"] for row in listed} == {child.alarm: 91, "gw1/B/h": 1}


async def test_positions_follow_the_commits(world: World) -> None:
    """What a later commit shows has a later position, and a screen that comes back misses none."""
    child = await ready(world)
    admin = await world.admin()
    async with world.stream(admin) as stream:
        await child.events(child.event(), child.event("acknowledge"))
        seen = await stream.until("alarm", lambda row: row["revision"] == 2)
        await child.events(child.event("clear"))
        after = await stream.until("alarm", lambda row: row["revision"] == 3)
        assert int(after.id) > int(seen.id)
    async with world.stream(admin, last_event_id=seen.id) as again:
        missed = await again.next("alarm")
        assert (missed.id, missed.data["revision"]) == (after.id, 3)


async def test_what_cannot_be_shown_is_stored_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of a view rejects no event: screens are told to load the node anew."""
    child = await ready(world)
    resets = len(await fed(world, "reset"))

    def fail(*_: Any) -> Any:
        raise LookupError("no such column")

    monkeypatch.setattr(alarms, "_row", fail)
    assert await child.events(child.event()) == ["stored"]
    assert await world.rows("SELECT COUNT(*) FROM event") == [(1,)]
    assert len(await fed(world, "reset")) == resets + 1


async def test_a_part_taken_back_shows_nothing_new(world: World) -> None:
    """An event that is refused after another leaves the row of the one that was stored."""
    child = await ready(world)
    shown = len(await fed(world, "alarm"))
    foreign = child.event(alarm="other/@gw1/fork", tag="@gw1", rule="fork")
    assert await child.events(child.event(), foreign) == ["stored", "rejected"]
    rows = (await fed(world, "alarm"))[shown:]
    assert [row["alarm"] for row in rows] == [child.alarm]


def test_an_alarm_is_found_by_its_owner_without_reading_the_others() -> None:
    """What each event asks uses an index on owner and alarm, however many alarms a site has."""
    database = Database(None, "centre")
    plan = database.execute(
        "EXPLAIN QUERY PLAN SELECT node FROM mirror WHERE owner = 'a' AND alarm = 'b'"
    )
    assert "owner=? AND alarm=?" in plan[0][3]
    database.close()
