"""A disk that does not answer for long, or never: what is above is told, and the site watched."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.db import Database, lock
from gateway.identity import public_hex
from gateway.model import decode_event
from gateway.northbound import uplink
from gateway.northbound.history import History
from gateway.northbound.spool_writer import Spool
from gateway.roles.edge import (
    disk_again,
    snapshot_keeping,
    snapshots,
    standstill,
    storage,
    taking_up,
)
from gateway.roles.edge.disk_again import FAILURES
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.run import run_edge
from gateway.roles.edge.site import load_site
from gateway.roles.edge.storage import BACK, FAILED
from gateway.roles.edge.work import Work
from gateway.simulation.broker import LocalBroker
from tests.gateway.northbound.site import Parent, serving
from tests.gateway.roles.edge.conftest import Disk
from tests.gateway.roles.edge.edge import Edge, running, stored, until, verified, write_site
from tests.gateway.roles.edge.test_outgoing import above

pytestmark = pytest.mark.broker


async def settled(edge: Edge) -> None:
    """Wait until everything said so far has been taken and acknowledged."""
    await until(lambda: edge.node.metrics.messages._value.get() >= edge.said)
    await until(lambda: not edge.node.line.owed.receipts)


async def test_what_a_hanging_disk_holds_back_counts_as_lag(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody above may take a gateway for complete that has an alarm which it cannot send."""
    monkeypatch.setattr(uplink, "HEARTBEAT_S", 0.1)
    async with serving(Parent()) as parent:
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        async with running(path) as edge:
            await edge.say(20.0)
            await settled(edge)
            await until(lambda: parent.beats and parent.beats[-1].lag == 0)
            disk.hang()
            await edge.say(150.0)
            await until(lambda: edge.active("@node/storage_slow"))
            beats, durable = len(parent.beats), stored(tmp_path / "data")[-1].seq
            made = edge.node.desk.chain.seq
            assert made >= durable + 2
            await until(lambda: len(parent.beats) > beats + 2)
            told = parent.beats[-1]
            assert told.lag >= made - durable
            assert told.last_seq == durable
            assert "storage_slow" in told.trouble
            disk.answer()
            await until(
                lambda: (
                    (parent.beats[-1].lag, parent.beats[-1].last_seq)
                    == (0, edge.node.desk.chain.seq)
                )
            )


def raised(parent: Parent, alarm: str) -> bool:
    """Whether the parent has been told of an alarm."""
    return any(decode_event(body).alarm == alarm for body in parent.of_kind("event"))


async def test_a_disk_that_hangs_for_good_holds_back_no_alarm_for_good(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time it is left alone: alarms go up from memory, and the disk is taken up again."""
    monkeypatch.setattr(storage, "HUNG_S", 1.0)
    monkeypatch.setattr(disk_again, "FIRST_S", 0.05)
    # Each is answered with an anchor, which closes a segment of the journal.
    monkeypatch.setattr(uplink, "HEARTBEAT_S", 0.1)
    async with serving(Parent()) as parent:
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        async with running(path) as edge:
            await edge.say(20.0)
            await settled(edge)
            life, key = edge.node.storage.identity.life, public_hex(edge.node.storage.key)
            disk.hang()
            await edge.say(150.0)
            await until(lambda: edge.active("@node/storage_slow"))
            await until(lambda: edge.active("@node/storage_lost"))
            assert not edge.active("@node/storage_slow")
            assert edge.node.storage.identity.life != life
            await until(lambda: raised(parent, "gw/A/h"))
            await edge.say(150.0, point="b")
            await until(lambda: raised(parent, "gw/B/h"))
            await edge.say(20.0)
            await edge.say(20.0, point="b")
            await until(lambda: not edge.active("A/h"))
            # What hangs would be waited for by a process that executes itself anew.
            assert not await edge.node.storage.drained()
            assert edge.started_again == []
            disk.answer()
            await until(lambda: not edge.node.alone.any)
            assert ("A", "h", "raise") in {
                (e.tag, e.rule, e.cause) for e in stored(tmp_path / "data")
            }
            assert verified(tmp_path / "data", key=key).problems == ()


async def test_it_goes_back_when_what_hung_has_come_back(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No earlier than that, and by itself."""
    monkeypatch.setattr(storage, "HUNG_S", 0.5)
    monkeypatch.setattr(disk_again, "FIRST_S", 0.05)
    async with serving(Parent()) as parent:
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        async with running(path) as edge:
            disk.hang()
            await edge.say(20.0)
            await until(lambda: edge.active("@node/storage_lost"))
            await until(lambda: raised(parent, "gw/@node/storage_lost"))
            assert edge.started_again == []
            disk.answer()
            await until(lambda: edge.started_again == [BACK])


async def test_a_site_of_its_own_goes_back_too(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stall does not leave it on memory for ever: what memory's life told is kept, and told."""
    monkeypatch.setattr(storage, "HUNG_S", 0.5)
    monkeypatch.setattr(disk_again, "FIRST_S", 0.05)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        disk.hang()
        await edge.say(20.0)
        await until(lambda: edge.active("@node/storage_lost"))
        assert not await edge.node.storage.drained()
        disk.answer()
        await until(lambda: edge.started_again)
        life = edge.node.storage.identity.life
        assert f"life {life}" in edge.started_again[0]
        assert (tmp_path / "data" / f"store.db.memory-{life}").exists()


async def test_a_store_in_memory_is_sent_to_no_disk_that_was_left_alone(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spool that was about to be cut is another life's by then: nothing commits behind it."""
    monkeypatch.setattr(storage, "HUNG_S", 0.5)
    asked, found, cuts = threading.Event(), threading.Event(), list[int]()

    def cut_to(_history: History, **_: object) -> tuple[int, int]:
        asked.set()
        found.wait(60)
        return 7, 0

    monkeypatch.setattr(History, "cut_to", cut_to)
    monkeypatch.setattr(Spool, "cut", lambda _, before: cuts.append(before))
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        node = edge.node
        assert node.storage.spool is not None
        cutting = asyncio.create_task(node.keeping._cut(node.storage.spool))
        await until(asked.is_set)
        disk.hang()
        await edge.say(150.0)
        await until(lambda: edge.active("@node/storage_lost"))
        found.set()
        await cutting
        assert cuts == []
        disk.answer()


async def test_a_store_in_memory_that_stands_is_replaced_as_one_on_a_disk(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was asked that asks the disk: alarms are not held back by it for ever."""
    monkeypatch.setattr(storage, "HUNG_S", 0.5)
    stands = threading.Event()
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        node = edge.node
        disk.hang()
        await edge.say(20.0)
        await until(lambda: edge.active("@node/storage_lost"))
        life = node.storage.identity.life
        node.storage.submit(Work(act=lambda _: stands.wait(60)))
        try:
            await until(lambda: node.storage.identity.life != life)
            await edge.say(150.0)
            await until(lambda: edge.active("A/h"))
            await until(lambda: node.storage.head[0] >= node.desk.chain.seq)
            assert not edge.active("@node/storage_slow")
        finally:
            stands.set()
            disk.answer()


async def test_a_snapshot_of_a_disk_that_was_left_alone_holds_up_no_end(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers what it asks then: it is told at once, and the end waits for no snapshot."""
    monkeypatch.setattr(storage, "HUNG_S", 0.5)
    answers, real = threading.Event(), snapshots.write

    def write(folder: Path, position: int, body: bytes) -> bytes:
        answers.wait(60)
        return real(folder, position, body)

    monkeypatch.setattr(snapshots, "write", write)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        node = edge.node
        await edge.say(20.0)
        await settled(edge)
        node.storage.snapshots.keep(node.line.position, node.line.engine.snapshot())
        writing = node.storage.snapshots._keeping
        assert writing is not None
        disk.hang()
        await edge.say(150.0)
        await until(lambda: edge.active("@node/storage_lost"))
        async with asyncio.timeout(snapshot_keeping.LAST_S / 2):
            await node.storage.snapshots.keep_last(node.line.position, b"")
        assert not writing.done()
        answers.set()
        await until(writing.done)
        disk.answer()


@pytest.mark.parametrize("step", ["open_store", "take_up"])
async def test_a_start_waits_for_no_disk_that_hangs(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The store is opened or read without an answer: the site is watched from memory."""
    monkeypatch.setattr(standstill, "STILL_S", 0.5)
    answers, real = threading.Event(), getattr(taking_up, step)

    def hanging(first: Any, *arguments: Any, **named: Any) -> Any:
        # Of the two readings the one of a store on the disk.
        if step == "open_store" or first.spool is not None:
            answers.wait(60)
        return real(first, *arguments, **named)

    monkeypatch.setattr(taking_up, step, hanging)
    try:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            assert edge.active("@node/storage_lost")
            assert edge.node.alone.any
            await edge.say(150.0)
            await until(lambda: "gw/A/h" in edge.sounding)
            await settled(edge)
            answers.set()
            await until(lambda: not edge.node.alone.any)
            assert edge.active("A/h")
            assert edge.node.storage.spool is None
            lock(tmp_path / "data").close()  # what came too late was closed again
    finally:
        answers.set()


async def test_an_end_waits_for_no_disk_that_hangs(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is asked to stop ends, and is ended at once, by force: a thread would hold it up."""
    monkeypatch.setattr(standstill, "STILL_S", 0.5)
    monkeypatch.setattr(snapshot_keeping, "LAST_S", 0.5)
    site = load_site(write_site(tmp_path, port=broker.port))
    nodes: list[EdgeNode] = []
    left: list[tuple[str, bool]] = []
    stop = asyncio.Event()

    def leave(*how: Any) -> None:
        left.append(how)

    edge = asyncio.create_task(run_edge(site, ready=nodes.append, stop=stop, leave=leave))
    await until(lambda: bool(nodes) and nodes[0].session.connected)
    disk.hang()
    await until(disk.hanging.is_set)
    stop.set()
    async with asyncio.timeout(20):
        assert await edge == ""
    assert left == [("", True)]
    assert nodes[0].alone.any
    # What the end of the process does for it.
    disk.answer()
    await until(lambda: not nodes[0].alone.any)
    nodes[0].storage._close()


async def test_after_a_failure_nothing_asks_that_disk_again(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses first and then answers nothing: not even a close of the store is waited for."""
    monkeypatch.setattr(standstill, "FAILED_S", standstill.STILL_S)
    answers, real = threading.Event(), Database.close

    def close(database: Database) -> None:
        if database.path is not None:
            answers.wait(60)
        real(database)

    site = load_site(write_site(tmp_path, port=broker.port))
    nodes: list[EdgeNode] = []
    left: list[tuple[str, bool]] = []

    def leave(*how: Any) -> None:
        left.append(how)

    edge = asyncio.create_task(run_edge(site, ready=nodes.append, leave=leave))
    try:
        await until(lambda: bool(nodes) and nodes[0].session.connected)
        monkeypatch.setattr(Database, "close", close)
        disk.fails = True
        async with asyncio.timeout(standstill.STILL_S - 5.0):
            why = await edge
        assert why.startswith(FAILED)
        assert left == [(why, False)]
    finally:
        answers.set()
    real(nodes[0].storage._committer.database)


async def test_a_start_after_a_failure_is_left_alone_sooner(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The siren is commanded ten seconds after an error, also where the disk then hangs."""
    monkeypatch.setenv(FAILURES, "1")
    monkeypatch.setattr(standstill, "FAILED_S", 0.5)
    answers, real = threading.Event(), taking_up.open_store

    def hanging(*arguments: Any, **named: Any) -> Any:
        answers.wait(60)
        return real(*arguments, **named)

    monkeypatch.setattr(taking_up, "open_store", hanging)
    try:
        async with (
            asyncio.timeout(standstill.STILL_S - 5.0),
            running(write_site(tmp_path, port=broker.port)) as edge,
        ):
            assert edge.active("@node/storage_lost")
            answers.set()
            await until(lambda: not edge.node.alone.any)
    finally:
        answers.set()
