"""What is taken, once, and what is refused, with a reason."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.db import Database
from gateway.journal import digest, verify
from gateway.model import decode_event
from gateway.northbound import wire
from gateway.supervision.tiers import Role
from gateway.supervision.views.nodes import decode_row
from tests.gateway.supervision.world import Opener, World


async def test_node_in_the_body_is_not_believed(world: World) -> None:
    """A body that names another node than the credential's is refused whole and journalled."""
    child, other = await world.child("gw1"), await world.child("gw2")
    answer = await child.post(("event", other.event()), node="gw2")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "node")
    assert (await child.beat(node="gw2")).status_code == 403
    assert await world.rows("SELECT * FROM event") == []
    refused = await world.own("refused")
    assert [event.detail["node"] for event in refused] == ["gw1", "gw1"]


async def test_event_of_another_node_is_rejected(world: World) -> None:
    """An event that another node made is rejected and journalled; its neighbours are stored."""
    child, other = await world.child("gw1"), await world.child("gw2")
    answers = await child.events(child.event(), other.event(), child.event("clear"))
    assert answers == ["stored", "rejected", "stored"]
    assert await world.rows("SELECT DISTINCT node FROM event") == [("gw1",)]
    assert len(await world.own("refused")) == 1


async def test_present_and_inventory_of_another_node_are_rejected(world: World) -> None:
    """State and inventory that speak for another node change nothing."""
    child, other = await world.child("gw1"), await world.child("gw2")
    entry = other.event()
    forged = wire.encode(wire.Present(life=child.life, seq=1, alarms=[msgspec.Raw(entry)]))
    sent = await child.send(("present", forged), ("inventory", other.inventory()))
    assert sent == ["rejected", "rejected"]
    assert await world.rows("SELECT * FROM mirror") == []
    assert await world.rows("SELECT * FROM point") == []


async def test_duplicate_is_stored_once(world: World) -> None:
    """The same event sent three times is stored once and answered as a duplicate."""
    child = await world.child()
    entry = child.event()
    assert await child.events(entry, entry) == ["stored", "duplicate"]
    assert await child.events(entry) == ["duplicate"]
    assert await world.rows("SELECT entry FROM event") == [(entry,)]


async def test_bytes_are_kept(world: World) -> None:
    """An event is kept byte for byte, unknown fields and spacing included."""
    child = await world.child()
    fields = json.loads(child.event())
    entry = json.dumps({**fields, "later": {"field": 1}}, indent=1).encode()
    assert await child.events(entry) == ["stored"]
    assert await world.rows("SELECT entry, hash FROM event") == [(entry, digest(entry))]


@pytest.mark.parametrize("change", ["bytes", "epoch"])
async def test_fork_is_rejected_and_shown(world: World, change: str) -> None:
    """A second history of a sequence number is rejected, journalled and shown on the node."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    entry = child.event()
    await child.events(entry)
    fields = json.loads(entry)
    fields |= {"comment": "other"} if change == "bytes" else {"epoch": "f" * 16}
    assert await child.events(json.dumps(fields).encode()) == ["rejected"]
    assert await world.rows("SELECT entry FROM event") == [(entry,)]
    viewer = await world.person("li", Role.VIEWER, "330106")
    (row,) = (await viewer.get("/api/v1/nodes")).json()["nodes"]
    assert "entry 1" in row["fork"]
    assert len(await world.own("fork")) == 1
    assert len(await world.own("refused")) == 1


async def test_broken_chain_is_a_fork(world: World) -> None:
    """An event that does not follow the stored one before it is kept, and the fork is shown."""
    child = await world.child()
    await child.events(child.event())
    child.chain.head = "0" * 64
    assert await child.events(child.event("clear")) == ["stored"]
    assert len(await world.own("fork")) == 1


async def test_clone_is_noticed(world: World) -> None:
    """Two epochs that speak in turn are a fork; two late requests after a restart are none."""
    child = await world.child()
    before = child.epoch
    await child.beat()
    child.new_epoch()
    await child.beat()
    for _ in range(2):
        await child.beat(epoch=before)
        await child.beat()
    assert await world.own("fork") == []
    await child.beat(epoch=before)
    assert len(await world.own("fork")) == 1


async def test_unknown_kind_is_rejected_by_name(world: World) -> None:
    """A kind this version does not know is rejected with the ones it knows; the rest is taken."""
    child = await world.child()
    answer = await child.post(("weather", b"{}"), ("event", child.event()))
    receipts = answer.json()["receipts"]
    assert [receipt["status"] for receipt in receipts] == ["rejected", "stored"]
    assert "'weather'" in receipts[0]["reason"]
    assert "summary" in receipts[0]["reason"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"v":1}', b"\xff\xfe", b'{"node":"gw1","items":[{"kind":1}]}']
)
async def test_unreadable_request_is_answered(world: World, body: bytes) -> None:
    """A body that is no intake is answered 400 and changes nothing."""
    child = await world.child()
    answer = await child.client.post(wire.INTAKE, content=body, headers=child.headers)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "body")


@pytest.mark.parametrize("kind", ["event", "present", "inventory", "summary", "readings"])
async def test_unreadable_item_is_rejected(world: World, kind: str) -> None:
    """An item whose body is not of its kind is rejected; its neighbours are stored."""
    child = await world.child()
    assert await child.send((kind, b'{"seq": []}'), ("event", child.event())) == [
        "rejected",
        "stored",
    ]


async def test_too_many_items_are_refused(world: World) -> None:
    """More than 500 items in one request are refused whole."""
    child = await world.child()
    answer = await child.post(*(("event", child.event()) for _ in range(501)))
    assert answer.status_code == 413
    assert await world.rows("SELECT * FROM event") == []


async def test_one_intake_of_a_node_at_a_time(world: World) -> None:
    """Of a node one post waits for the disk; a second is told to wait, another node's is taken."""
    child, other = await world.child("gw1"), await world.child("gw2")
    store = world.centre.store
    disk = threading.Event()
    busy = asyncio.create_task(store.write(lambda _: disk.wait(60)))
    try:
        first = asyncio.create_task(child.post(("event", child.event())))
        async with asyncio.timeout(30):
            while not store._alone:
                await asyncio.sleep(0.01)
        second = await child.post(("event", child.event("clear")))
        assert (second.status_code, second.headers["Retry-After"]) == (429, "1")
        beside = asyncio.create_task(other.post(("event", other.event())))
        async with asyncio.timeout(30):
            while store._alone != {"gw1", "gw2"}:
                await asyncio.sleep(0.01)
    finally:
        disk.set()
    assert await busy
    assert [(await answer).status_code for answer in (first, beside)] == [200, 200]
    assert await child.events(child.event()) == ["stored"]


async def test_too_large_body_is_refused(world: World) -> None:
    """A body above the cap is refused, with and without a stated length."""
    child = await world.child()
    large = b" " * (16 * 1024 * 1024 + 1)
    stated = await child.client.post(wire.INTAKE, content=large, headers=child.headers)
    assert stated.status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1 << 20):
            yield large[start : start + (1 << 20)]

    streamed = await child.client.post(wire.INTAKE, content=pieces(), headers=child.headers)
    assert streamed.status_code == 413


async def test_every_event_is_chained(world: World) -> None:
    """The own journal chains the id and hash of every event, in the transaction that stored it."""
    child = await world.child()
    entries = [child.event(), child.event("acknowledge"), child.event("clear")]
    await child.events(*entries[:2])
    await child.events(entries[2])
    chained: dict[str, object] = {}
    for event in await world.own("intake"):
        chained |= event.detail
    assert chained == {
        f"gw1/{child.life}/{child.epoch}/{seq}": digest(entry)
        for seq, entry in enumerate(entries, start=1)
    }


async def test_gaps_and_complete_to(world: World) -> None:
    """What is missing is named, and complete-to stops before it until it has come."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    viewer = await world.person("li", Role.VIEWER, "330106")
    entries = []
    for _ in range(6):
        world.pass_time(10)
        entries.append(child.event())
    times = [decode_event(entry).received_ns // 1_000_000 for entry in entries]

    async def node() -> tuple[object, object]:
        (row,) = (await viewer.get("/api/v1/nodes")).json()["nodes"]
        return row["gaps"], row["complete_to_ms"]

    await child.events(entries[0], entries[4])
    assert await node() == ([[2, 4]], times[0])
    await child.beat(lag=4)
    assert await node() == ([[2, 4], [6, 6]], times[0])
    await child.events(entries[2])
    assert await node() == ([[2, 2], [4, 4], [6, 6]], times[0])
    await child.events(entries[1], entries[3], entries[5])
    assert await node() == ([], times[5])
    world.pass_time(5)
    await child.beat()
    assert await node() == ([], world.clock.now_ns() // 1_000_000)


async def test_a_row_from_before_an_update_is_read_on(world: World) -> None:
    """Who resumes a stream is given rows of an older version, without fields that came since."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    viewer = await world.person("li", Role.VIEWER, "330106")
    (row,) = (await viewer.get("/api/v1/nodes")).json()["nodes"]
    for added in ("earlier_gaps", "delegated", "responsible", "telephone", "behind"):
        del row[added]
    assert decode_row(msgspec.json.encode(row)).node == "gw1"


async def test_journal_verifies(world: World) -> None:
    """After pairing, intake, refusals and orders the own journal verifies from its first entry."""
    child = await world.child()
    await child.send(("inventory", child.inventory()), ("event", child.event()))
    await child.post(node="gw2")
    await child.beat()
    found = await world.centre.store.read(verify)
    assert found.problems == ()
    assert found.entries >= 6


async def test_journal_goes_on_after_a_restart(open_world: Opener, tmp_path: Path) -> None:
    """A centre started again goes on in the same life and chain, and its segments verify."""
    for _ in range(3):
        async with open_world() as world:
            child = await world.child()
            await child.events(child.event())
    database = Database(tmp_path / "centre" / "centre.sqlite", "centre", read_only=True)
    found = verify(database)
    database.close()
    assert found.problems == ()
    assert found.signed_to == found.entries
    assert found.segments == 3
