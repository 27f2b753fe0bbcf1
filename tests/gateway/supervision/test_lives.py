"""What stands of a node that lost its disk, ran on memory, or has its disk again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import ManualClock
from tests.gateway.supervision.test_mirror import standing
from tests.gateway.supervision.test_upward import Tiers, site_of, until
from tests.gateway.supervision.world import NOON_NS, Child, World


async def test_new_life_replaces_state(world: World) -> None:
    """What an older life had standing and the new life does not list has ended."""
    child = await world.child()
    viewer = await world.admin()
    kept, gone = "gw1/AR1-AT-101/kept", "gw1/AR1-AT-101/gone"
    for _ in range(5):
        await child.events(child.event(alarm=kept), child.event("acknowledge", kept))
    await child.events(child.event(alarm=gone))
    child.new_life()
    entry = child.event(alarm=kept)
    assert await child.send(("present", child.present(entry))) == ["stored"]
    rows = await standing(viewer)
    assert set(rows) == {kept}
    assert (rows[kept]["state"], rows[kept]["revision"]) == ("UNACK", 1)
    assert [event.alarm for event in await world.own("mirror")] == [gone]


async def test_old_life_changes_nothing(world: World) -> None:
    """Events and state of an older life, arriving late, are stored but move no alarm."""
    child = await world.child()
    viewer = await world.admin()
    late = [child.event(), child.event("acknowledge")]
    old = child.present(late[1])
    child.new_life()
    await child.events(child.event())
    assert await child.events(*late) == ["stored", "stored"]
    assert await child.send(("present", old)) == ["rejected"]
    assert (await standing(viewer))[child.alarm]["state"] == "UNACK"


async def test_node_returns_to_its_disk(world: World) -> None:
    """A node that ran on a memory store and has its disk again is believed in the old life."""
    child = await world.child()
    viewer = await world.admin()
    other = "gw1/AR1-AT-102/x"
    before = child.event()
    await child.send(("present", child.present(before)), ("event", before))
    disk, revisions, occurrences = child.chain, child.revisions, child.occurrences
    child.new_life()
    await child.events(child.event(alarm=other), child.event(), child.event("acknowledge"))
    child.chain, child.revisions, child.occurrences = disk, revisions, occurrences
    child.new_epoch()
    again = child.event("acknowledge")
    assert await child.send(("present", child.present(again))) == ["stored"]
    rows = await standing(viewer)
    assert {alarm: row["state"] for alarm, row in rows.items()} == {child.alarm: "ACKED"}
    assert await child.events(again, child.event("clear")) == ["stored", "stored"]
    assert await standing(viewer) == {}
    assert await world.own("fork") == []


async def test_what_stood_on_the_disk_stands_again(world: World) -> None:
    """An alarm that the memory's life did not know is back with the disk, though unmoved there."""
    child = await world.child()
    viewer = await world.admin()
    before = child.event()
    await child.send(("present", child.present(before)), ("event", before))
    disk, revisions, occurrences = child.chain, child.revisions, child.occurrences
    child.new_life()
    assert await child.send(("present", child.present())) == ["stored"]
    assert await standing(viewer) == {}
    child.chain, child.revisions, child.occurrences = disk, revisions, occurrences
    child.new_epoch()
    assert await child.send(("present", child.present(before))) == ["stored"]
    rows = await standing(viewer)
    assert {alarm: row["state"] for alarm, row in rows.items()} == {child.alarm: "UNACK"}


async def test_an_older_life_lets_nothing_stand(world: World) -> None:
    """What rose before the disk was lost and comes late has ended, though nobody told how."""
    child = await world.child()
    viewer = await world.admin()
    late = child.event()
    child.new_life()
    await child.send(("present", child.present()))
    assert await child.events(late) == ["stored"]
    assert await standing(viewer) == {}
    assert set(await standing(viewer, "?history=1")) == {child.alarm}


@pytest.mark.parametrize("away", ["not there yet", "away"])
async def test_an_older_life_lets_nothing_stand_above(tmp_path: Path, away: str) -> None:
    """A tier that is told of two lives of a gateway at once shows what stands in the later."""
    tiers = Tiers(tmp_path, ManualClock(NOON_NS))
    async with tiers.open_city():
        await tiers.start_county(parent=away == "away")
        site = await site_of(tiers)
        if away == "away":
            await until(lambda: tiers.at_city("SELECT 1 FROM node WHERE present_life <> ''"))
        else:
            await _two_lives(site)
            await tiers.stop_county()
            await tiers.start_county()
            await _only_the_later_stands(tiers)
    if away == "away":
        await _two_lives(site)
        async with tiers.open_city():
            await _only_the_later_stands(tiers)
    await tiers.stop_county()


async def _two_lives(site: Child) -> None:
    await site.events(site.event())
    site.new_life()
    await site.send(("inventory", site.inventory()), ("present", site.present()))
    await site.events(site.event(alarm="gw1/AR1-AT-102/x"))


async def _only_the_later_stands(tiers: Tiers) -> None:
    async def all_came() -> bool:
        return len(await tiers.at_city("SELECT 1 FROM event WHERE node = 'gw1'")) == 2

    await until(all_came)
    assert await tiers.states() == [("gw1/AR1-AT-102/x", "UNACK", 1)]
