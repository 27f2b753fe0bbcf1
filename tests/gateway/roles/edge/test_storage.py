"""Store trouble: a disk that hangs, refuses, or is damaged. Detection never stops."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.alarms.requests import Request
from gateway.clock import SystemClock
from gateway.db import Database
from gateway.model import Cause, State, decode_event
from gateway.northbound.source import Whole
from gateway.northbound.spool import Configuration
from gateway.northbound.wire import Present
from gateway.roles.edge import telling as telling_module
from gateway.roles.edge.recovery import open_store
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.conftest import Disk
from tests.gateway.roles.edge.edge import (
    WAIT_S,
    Edge,
    running,
    stored,
    until,
    verified,
    write_site,
)

pytestmark = pytest.mark.broker
NOBODY = 65534


async def settled(edge: Edge) -> None:
    """Wait until everything said so far has been taken and acknowledged."""
    await until(lambda: edge.node.metrics.messages._value.get() >= edge.said)
    await until(lambda: not edge.node.line.owed.receipts)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user whom file permissions bind: they do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_disk_that_hangs_is_told_and_waited_for_by_nobody(
    tmp_path: Path, broker: LocalBroker, disk: Disk
) -> None:
    """The siren sounds, messages are acknowledged, and what was lent is counted when it answers."""
    store = tmp_path / "data"
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await settled(edge)
        disk.hang()
        begin = time.monotonic()
        await edge.say(150.0)
        await until(lambda: "gw/A/h" in edge.sounding)
        await until(lambda: edge.active("@node/storage_slow"))
        # 0.5 s by design; the rest is this machine's noise.
        assert time.monotonic() - begin < 5
        assert disk.hanging.is_set()
        await edge.say(*([160.0] * 50))
        await settled(edge)
        await edge.say(150.0, point="b")
        await until(lambda: {"gw/A/h", "gw/B/h"} <= edge.sounding)
        assert "A/h" not in {event.alarm[3:] for event in stored(store)}
        disk.answer()
        await until(lambda: not edge.active("@node/storage_slow"))
        assert edge.started_again == []
    events = stored(store)
    (shed,) = [event for event in events if event.kind == "shed"]
    assert shed.detail["count"] == 52
    assert "from memory" in str(shed.detail["why"])
    moved = [(e.tag, e.rule, e.cause) for e in events if e.kind == "alarm" and e.rule != "no_data"]
    assert ("@node", "storage_slow", "raise") in moved
    assert ("@node", "storage_slow", "clear") in moved
    assert moved.count(("A", "h", "raise")) == moved.count(("B", "h", "raise")) == 1
    assert verified(store).problems == ()


async def test_a_disk_that_hangs_at_the_start_is_waited_for_by_nobody(
    tmp_path: Path, broker: LocalBroker, disk: Disk
) -> None:
    """Where not even the first sync comes back, the siren beats, the alarm rises, it lends."""
    path = write_site(tmp_path, port=broker.port)
    disk.hang()
    try:
        async with asyncio.timeout(WAIT_S), running(path) as edge:
            await until(lambda: edge.active("@node/storage_slow"))
            assert disk.hanging.is_set()
            await edge.say(20.0, 150.0)
            await until(lambda: "gw/A/h" in edge.sounding)
            await settled(edge)
            beats = len(edge.commands)
            await until(lambda: len(edge.commands) > beats + 1)
            assert stored(tmp_path / "data") == []
            disk.answer()
            await until(lambda: not edge.active("@node/storage_slow"))
    finally:
        disk.answer()
    (shed,) = [event for event in stored(tmp_path / "data") if event.kind == "shed"]
    assert shed.detail["count"] == 2


async def test_the_parent_is_told_of_a_journal_that_is_durable(
    tmp_path: Path, broker: LocalBroker, disk: Disk
) -> None:
    """A heartbeat names the last entry on the disk: an anchor beyond it would look like forgery."""
    store = tmp_path / "data"
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0, 150.0)
        await settled(edge)
        disk.hang()
        await edge.say(600.0)
        await until(lambda: edge.active("A/hh"))
        last = stored(store)[-1]
        seq, head, *_ = edge.node.telling._status()
        assert edge.node.desk.chain.seq > seq == last.seq
        disk.answer()
        await until(lambda: edge.node.telling._status()[0] == edge.node.desk.chain.seq)
        assert edge.node.telling._status()[1] == edge.node.desk.chain.head != head


async def test_the_parent_is_told_of_alarms_as_they_are_durable(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut would undo is not in the present state: it waits, then tells what is."""

    def states(whole: Whole) -> dict[str, str]:
        body = next(item.body for item in whole.items if item.kind == "present")
        told = msgspec.json.decode(bytes(body), type=Present)
        events = [decode_event(bytes(entry)) for entry in told.alarms]
        assert all(event.seq <= told.seq == whole.seq for event in events)
        return {event.rule: event.after for event in events if event.tag == "A"}

    async with running(write_site(tmp_path, port=broker.port)) as edge:
        telling = edge.node.telling
        await edge.say(20.0, 150.0)
        await settled(edge)
        raised = states(await telling._whole("1/1"))
        assert raised["h"] == State.UNACKNOWLEDGED
        disk.hang()
        revision = edge.node.desk.status("gw/A/h").revision
        edge.node.line.order(
            Request(alarm="gw/A/h", revision=revision, cause=Cause.ACKNOWLEDGE, operator="li")
        )
        assert edge.node.desk.status("gw/A/h").state == State.ACKNOWLEDGED
        monkeypatch.setattr(telling_module, "PATIENCE_S", 0.05)
        assert states(await telling._whole("1/2")) == raised
        assert disk.hanging.is_set()
        monkeypatch.setattr(telling_module, "PATIENCE_S", WAIT_S)
        disk.answer()
        assert states(await telling._whole("1/3"))["h"] == State.ACKNOWLEDGED


async def test_a_hanging_disk_costs_bounded_memory(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the memory set aside readings are shed and counted; alarms are kept all the same."""
    monkeypatch.setattr("gateway.roles.edge.storage.WAITING_BYTES", 2000)
    store = tmp_path / "data"
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await settled(edge)
        disk.hang()
        await edge.say(21.0)
        await until(lambda: edge.active("@node/storage_slow"))
        for number in range(60):
            await edge.say(20.0 + number % 2)
            await settled(edge)
        await edge.say(150.0)
        await until(lambda: "gw/A/h" in edge.sounding)
        assert edge.node.storage._committer.waiting_bytes < 4000
        disk.answer()
        await until(lambda: not edge.active("@node/storage_slow"))
    events = stored(store)
    (count,) = [e.detail["count"] for e in events if "memory full" in str(e.detail.get("why"))]
    assert isinstance(count, int)
    assert 0 < count < 2 * 62
    assert ("A", "h", "raise") in {(e.tag, e.rule, e.cause) for e in events}
    assert verified(store).problems == ()


async def test_a_reader_that_does_not_end_is_told(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who keeps the store's log from being folded is an alarm, until he has ended."""
    monkeypatch.setattr("gateway.roles.edge.folding.HELD_PAGES", 60)
    monkeypatch.setattr("gateway.roles.edge.folding.LOG_PAGES", 30)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await settled(edge)
        reader = Database(tmp_path / "data" / "store.db", "edge", read_only=True)
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM journal")
        while not edge.active("@node/storage_held"):
            await edge.say(150.0, 20.0)
            await settled(edge)
        reader.close()
        while edge.active("@node/storage_held"):
            await edge.say(150.0, 20.0)
            await settled(edge)
    assert verified(tmp_path / "data").problems == ()


async def test_without_a_folder_the_edge_runs_on_memory(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """A store that cannot be made is told as an alarm; messages are acknowledged and judged."""
    (tmp_path / "taken").write_text("a file stands where the folder should be")
    path = write_site(tmp_path, port=broker.port, store="taken/data")
    async with running(path) as edge:
        assert edge.active("@node/storage_lost")
        assert edge.node.metrics.store_trouble._value.get() == 3
        await edge.say(20.0, 150.0)
        await until(lambda: "gw/A/h" in edge.sounding)
        await settled(edge)
        first = edge.node.storage._committer.database.execute("SELECT entry FROM journal LIMIT 1")
        assert b'"kind":"life"' in first[0][0]
        assert b"taken" in first[0][0]


def test_a_folder_that_may_not_be_written_gives_a_store_in_memory() -> None:
    """Read-only, with a store in it and without: never half a store, and the disk is left alone."""
    configuration = Configuration(hash="", tags=[])
    # The runner's own folder is closed to other users: this one is open to all.
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        for name in ("made", "absent"):
            home = folder / name
            home.mkdir()
            if name == "made":
                sound = open_store(home / "data", configuration=configuration, clock=SystemClock())
                assert sound.spool is not None
                sound.close()
            # What a read-only disk does to everybody.
            for each in (*home.rglob("*"), home):
                each.chmod(0o555 if each.is_dir() else 0o444)
            before = sorted(path.name for path in home.rglob("*"))
            with as_nobody():
                opened = open_store(home / "data", configuration=configuration, clock=SystemClock())
            assert opened.spool is None
            assert opened.new_life
            assert opened.trouble
            assert sorted(path.name for path in home.rglob("*")) == before
            opened.close()
            for each in (home, *home.rglob("*")):
                each.chmod(0o755 if each.is_dir() else 0o644)


async def test_a_damaged_store_is_set_aside_and_a_new_life_begins(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Nothing is deleted, the event says what happened, and what stood in the plant stands."""
    path, store = write_site(tmp_path, port=broker.port), tmp_path / "data"
    async with running(path) as edge:
        await edge.say(20.0, 150.0)
        await settled(edge)
        life = edge.node.storage.identity.life
    damaged = bytearray((store / "store.db").read_bytes())
    damaged[: len(damaged) // 2] = b"\xaa" * (len(damaged) // 2)
    (store / "store.db").write_bytes(damaged)
    async with running(path) as edge:
        assert edge.node.storage.identity.life != life
        assert edge.active("A/h")
        await until(lambda: "gw/A/h" in edge.sounding)
        await edge.say(20.0)
        await until(lambda: not edge.active("A/h"))
    (aside,) = store.glob("store.db.damaged-*")
    assert aside.read_bytes() == bytes(damaged)
    first, *_ = stored(store)
    assert first.kind == "life"
    assert aside.name in str(first.detail["store"])
    assert verified(store).problems == ()


async def test_the_first_failure_asks_for_a_new_start(
    tmp_path: Path, broker: LocalBroker, disk: Disk
) -> None:
    """A sync that fails is told once, and nothing is acknowledged that is not on the disk."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await settled(edge)
        disk.fails = True
        await edge.say(150.0)
        await until(lambda: edge.started_again)
        assert "Input/output error" in edge.started_again[0]
        assert len(edge.started_again) == 1
        assert edge.node.line.owed.receipts
        # A siren waits for no disk.
        await until(lambda: "gw/A/h" in edge.sounding)
        edge.forgive = True
    # It starts anew on the same folder: the broker repeats, the alarm is made durable then.
    disk.fails = False
    async with running(tmp_path / "site.toml") as edge:
        await until(lambda: edge.active("A/h"))
    raised = [(e.tag, e.rule) for e in stored(tmp_path / "data") if e.cause == "raise"]
    assert raised.count(("A", "h")) == 1
