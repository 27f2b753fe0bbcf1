"""What a child centre tells of the nodes below it, and how far it is believed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from gateway.db import Database
from gateway.journal import digest, verify
from gateway.model import decode_event
from gateway.northbound import wire
from gateway.supervision import facts, own, sequence
from gateway.supervision.upward import ToParent
from gateway.supervision.write import Write
from tests.gateway.supervision.world import Child, World


async def test_a_relay_that_is_back_is_shown_at_once(world: World) -> None:
    """When a silent relay says again what it said before, its nodes are up again on the screen."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    facts = site.facts()
    await town.tells_of(facts)
    world.pass_time(61)
    await world.centre.watch.look()
    viewer = await world.admin()
    async with world.stream(viewer) as stream:
        await stream.next("ping")
        await town.tells_of(facts)
        frame = await stream.until("node", lambda row: row["node"] == "gw1")
        assert frame.data["link"] == "up"


async def test_a_rewritten_story_is_a_fork_above(world: World) -> None:
    """A head that a relay tells and that is not the hash of the event stored here is a fork."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    await town.tells_of(site.facts())
    await town.relays(site, ("event", site.event()))
    await town.tells_of(site.facts())
    assert await world.own("fork") == []
    await town.tells_of(site.facts(head="0" * 64))
    assert [event.detail["node"] for event in await world.own("fork")] == ["gw1"]


async def test_what_a_relay_told_before_its_anchor_accuses_it_not(world: World) -> None:
    """The head of its own journal that comes late is no shorter journal; one sent since is."""
    town = await world.relay()
    life, now_ns = "ab" * 8, world.clock.now_ns

    async def tells(seq: int, clock_ns: int) -> None:
        told = wire.Nodes(clock_ns=clock_ns, nodes=[], life=life, seq=seq, head=f"{seq:064x}")
        assert await town.send(("nodes", wire.encode(told))) == ["stored"]

    sent_ns = now_ns()
    world.pass_time(60)
    await tells(7, now_ns())
    await tells(5, sent_ns)
    world.pass_time(1)
    await town.beat()
    await tells(5, sent_ns)
    assert await world.own("fork") == []
    await tells(6, now_ns())
    (entry,) = await world.own("fork")
    assert "ends before the anchored entry 7" in str(entry.detail["reason"])


async def test_old_knowledge_of_a_relay_takes_nothing_back(world: World) -> None:
    """A relay that was restored from an old copy moves no alarm back, closes nothing newer."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    other = "gw1/AR1-AT-102/x"
    await town.tells_of(site.facts())
    raised = site.event()
    old = site.present(raised)
    acknowledged, newer = site.event("acknowledge"), site.event(alarm=other)
    sent = (("event", entry) for entry in (raised, acknowledged, newer))
    await town.relays(site, *sent)
    assert await town.relays(site, ("present", old)) == {"present-0": "stored"}
    rows = await world.rows("SELECT alarm, state FROM mirror WHERE standing = 1 ORDER BY alarm")
    assert rows == [(site.alarm, "ACKED"), (other, "UNACK")]


async def test_an_unheard_life_places_nothing(world: World) -> None:
    """What a relay remembers of a node that it does not hear makes no older life the present."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    before, epoch = site.life, site.epoch
    await town.tells_of(site.facts())
    site.new_life()
    await town.tells_of(site.facts())
    for _ in range(3):
        await town.tells_of(site.facts(life=before, epoch=epoch, link="lost"))
        await town.tells_of(site.facts())
    life = await world.centre.store.read(lambda db: sequence.current_life(db, "gw1"))
    assert life == site.life
    assert await world.own("fork") == []


async def test_a_new_life_counts_before_its_first_heartbeat(world: World) -> None:
    """A life that has told its state below, and was cut off before a heartbeat, is believed."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    await town.tells_of(site.facts())
    await town.relays(site, ("event", site.event()))
    site.new_life()
    await town.tells_of(site.facts(link="never"))
    assert await town.relays(site, ("present", site.present())) == {"present-0": "stored"}
    assert await world.rows("SELECT 1 FROM mirror WHERE standing = 1") == []


async def test_a_gap_stays_told_above(world: World) -> None:
    """An event that never arrived is a gap here, though the relay calls itself up to date."""
    town = await world.relay()
    site = Child("gw1", await world.client(), world.clock)
    entries = [site.event(), site.event("acknowledge"), site.event("clear")]
    first_ms = world.clock.now_ns() // 1_000_000
    world.pass_time(30)
    await town.tells_of(site.facts(lag=0))
    await town.relays(site, ("event", entries[0]), ("event", entries[2]))
    admin = await world.admin()
    rows = {row["node"]: row for row in (await admin.get("/api/v1/nodes")).json()["nodes"]}
    assert rows["gw1"]["gaps"] == [[2, 2]]
    assert rows["gw1"]["complete_to_ms"] == first_ms
    await town.relays(site, ("event", entries[1]))
    rows = {row["node"]: row for row in (await admin.get("/api/v1/nodes")).json()["nodes"]}
    assert (rows["gw1"]["gaps"], rows["gw1"]["complete_to_ms"]) == ([], first_ms + 30_000)


def test_wire_kinds_stay_known() -> None:
    """The facts of a node below have defaults for all that an older centre would not say."""
    told = wire.NodeFacts(node="gw1", name="", division="", link="up")
    assert (told.lag, told.coverage, told.trouble) == (0, 0.0, [])


async def test_nothing_has_ended_before_the_site_says_so(world: World) -> None:
    """A centre tells no present state of a site, as one with a new store, before it has one."""
    site = await world.child()
    await site.events(site.event())
    told = ToParent(world.centre.store, clock=world.clock, name="", division="", parent="")

    async def kinds() -> list[str]:
        return [item.kind for item in (await told.whole("c/1")).items if item.node == "gw1"]

    assert await kinds() == []
    await site.send(("present", site.present()))
    assert await kinds() == ["present"]
    site.new_life()
    await site.beat()
    assert await kinds() == []


async def test_alarms_do_not_wait_for_what_is_told_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a fleet is read for the parent, a gateway's credential is known and its event kept."""
    site = await world.child()
    told = ToParent(world.centre.store, clock=world.clock, name="", division="", parent="")
    reads, goes_on = threading.Event(), threading.Event()
    of = facts.of

    def slow(database: Database, *, now_ns: int) -> Iterator[list[wire.NodeFacts]]:
        reads.set()
        goes_on.wait(30)
        yield from of(database, now_ns=now_ns)

    monkeypatch.setattr(facts, "of", slow)
    whole = asyncio.create_task(told.whole("c/1"))
    try:
        await asyncio.to_thread(reads.wait, 30)
        async with asyncio.timeout(10):
            assert await site.events(site.event()) == ["stored"]
            await world.centre.watch.look()
    finally:
        goes_on.set()
    await whole


async def test_what_is_taken_back_was_never_said(world: World) -> None:
    """An own event whose part of a transaction fails leaves no hole in the stream."""

    def work(write: Write) -> None:
        own.tell(write, "note")
        with suppress(ValueError), write.part():
            own.tell(write, "note")
            raise ValueError
        own.tell(write, "note")

    await world.centre.store.write(work)
    rows = await world.rows("SELECT seq, kind FROM event WHERE node = 'county' ORDER BY seq")
    assert rows == [(1, "life"), (2, "note"), (3, "note")]
    found = await world.centre.store.read(verify)
    assert found.problems == ()
    chain = await world.rows("SELECT entry FROM event ORDER BY seq")
    heads = ["", *(digest(entry) for (entry,) in chain)]
    assert [decode_event(entry).prev for (entry,) in chain] == heads[:-1]
