"""A store that fails while the edge runs: it starts anew once, and then goes on in memory."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from gateway.alarms import store as alarm_store
from gateway.alarms.store import CLOCK
from gateway.clock import SystemClock
from gateway.model import NANOSECONDS, AlarmEvent, decode_event
from gateway.northbound.spool_writer import Spool
from gateway.roles.edge import folding, outgoing, room
from gateway.roles.edge.disk_again import FAILURES
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.run import run_edge
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.conftest import Disk
from tests.gateway.roles.edge.edge import WAIT_S, Edge, running, until, write_site

pytestmark = pytest.mark.broker


async def settled(edge: Edge) -> None:
    """Wait until everything said so far has been taken and acknowledged."""
    await until(lambda: edge.node.metrics.messages._value.get() >= edge.said)
    await until(lambda: not edge.node.line.owed.receipts)


async def test_a_store_that_fails_while_nothing_is_said_makes_it_start_anew(
    tmp_path: Path, broker: LocalBroker, disk: Disk
) -> None:
    """Whatever met the failing disk first, the process is told to execute itself again."""
    site = load_site(write_site(tmp_path, port=broker.port))
    nodes: list[EdgeNode] = []
    edge = asyncio.create_task(run_edge(site, ready=nodes.append))
    await until(lambda: bool(nodes) and nodes[0].session.connected)
    disk.fails = True
    async with asyncio.timeout(30):
        assert "Input/output error" in await edge


async def test_who_is_asked_to_stop_does_not_begin_anew(
    tmp_path: Path, broker: LocalBroker, disk: Disk
) -> None:
    """A store that fails while a gateway ends does not keep it from ending."""
    site = load_site(write_site(tmp_path, port=broker.port))
    nodes: list[EdgeNode] = []
    stop = asyncio.Event()
    edge = asyncio.create_task(run_edge(site, ready=nodes.append, stop=stop))
    await until(lambda: bool(nodes) and nodes[0].session.connected)
    disk.fails = True
    stop.set()
    async with asyncio.timeout(30):
        assert await edge == ""


async def test_after_the_second_failure_it_goes_on_in_memory(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task dies of it: a new life, what stands told anew, messages taken, sirens commanded."""
    monkeypatch.setenv(FAILURES, "1")
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(150.0)
        await settled(edge)
        life = edge.node.storage.identity.life
        disk.fails = True
        await until(lambda: edge.active("@node/storage_lost"))
        assert edge.started_again == []
        assert edge.node.storage.identity.life != life
        await edge.say(150.0, point="b")
        await until(lambda: {"gw/A/h", "gw/B/h"} <= edge.sounding)
        await settled(edge)
        rows = await edge.node.storage.act(lambda d: d.execute("SELECT entry FROM journal"))
        events = [decode_event(row[0]) for row in rows]
        assert events[0].kind == "life"
        told = [(event.tag, event.rule, event.cause) for event in events]
        assert ("A", "h", "carry") in told
        assert ("B", "h", "raise") in told
        assert ("@node", "storage_lost", "raise") in told


@pytest.mark.parametrize("fails", [False, True])
async def test_of_a_store_that_was_given_up_nothing_more_is_heard(
    tmp_path: Path,
    broker: LocalBroker,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
    *,
    fails: bool,
) -> None:
    """Else a commit that ends late names its number as the new life's, or begins yet another."""
    monkeypatch.setenv(FAILURES, "1")
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        storage = edge.node.storage
        await settled(edge)
        old = storage._committer
        disk.hang()
        await edge.say(150.0)
        await until(lambda: edge.active("A/h") and disk.hanging.is_set())
        storage._fold_failed(old, "Input/output error")
        life = storage.identity.life
        await settled(edge)
        disk.fails = fails
        disk.answer()
        await until(lambda: not old.busy_since)
        await asyncio.sleep(0)  # what it has to tell comes in this turn of the loop
        assert storage.identity.life == life
        assert storage.head == await storage.act(alarm_store.head)


class SetClock(SystemClock):
    """The machine's clock, which a test may set."""

    step_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.step_ns


async def test_a_life_in_memory_begins_by_the_clock_that_the_line_knows(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was set and not yet followed moves what stands once, behind the new life."""
    monkeypatch.setenv(FAILURES, "1")
    clock = SetClock()
    async with running(write_site(tmp_path, port=broker.port), clock=clock) as edge:
        await edge.say(150.0)
        await settled(edge)
        storage = edge.node.storage
        clock.step_ns = 3600 * NANOSECONDS
        storage._fold_failed(storage._committer, "Input/output error")
        await until(lambda: edge.active("@node/clock_set"))
        rows = await storage.act(lambda d: d.execute("SELECT entry FROM journal ORDER BY seq"))
        events = [decode_event(row[0]) for row in rows]
        (followed,) = [event for event in events if event.kind == CLOCK]
        carried = [event for event in events if event.kind == "life" or event.cause == "carry"]
        assert "A" in {event.tag for event in carried}
        assert all(event.received_ns <= int(followed.detail["before_ns"] or 0) for event in carried)


async def test_a_journal_in_memory_is_bounded(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long time without a disk the newest events are kept, and each that was shed counts."""
    monkeypatch.setenv(FAILURES, "1")
    monkeypatch.setattr(outgoing, "LOOK_S", 0.02)
    monkeypatch.setattr(outgoing, "TELL_NS", 0)
    monkeypatch.setattr(outgoing, "JOURNAL_KEPT", 12)
    monkeypatch.setattr(outgoing, "JOURNAL_LOT", 8)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        disk.fails = True
        await edge.say(150.0)
        await until(lambda: edge.active("@node/storage_lost"))

        async def journal() -> list[AlarmEvent]:
            rows = await edge.node.storage.act(
                lambda d: d.execute("SELECT entry FROM journal ORDER BY seq")
            )
            return [decode_event(row[0]) for row in rows]

        counted: dict[int, int] = {}

        async def told() -> bool:
            """Whether as many were counted as are missing, and those are many."""
            kept = await journal()
            for event in kept:
                if event.kind == "shed" and event.detail.get("what") == "journal":
                    counted[event.seq] = int(event.detail["count"] or 0)
            assert len(kept) < 12 + 8 + 20
            return sum(counted.values()) == kept[0].seq - 1 >= 40

        async with asyncio.timeout(WAIT_S):
            while not await told():
                await edge.say(10.0)
                await settled(edge)
                await edge.say(150.0)
                await settled(edge)


async def test_a_disk_that_hangs_and_then_fails_is_lost_and_counted(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was acknowledged from memory and never stored is counted in the new life."""
    monkeypatch.setenv(FAILURES, "1")
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await settled(edge)
        disk.hang()
        await edge.say(150.0)
        await until(lambda: edge.active("@node/storage_slow"))
        await edge.say(*([151.0] * 9))
        await settled(edge)
        disk.fails = True
        disk.answer()
        await until(lambda: edge.active("@node/storage_lost"))
        await until(lambda: not edge.active("@node/storage_slow"))
        assert edge.node.metrics.store_trouble._value.get() == 3
        rows = await edge.node.storage.act(lambda d: d.execute("SELECT entry FROM journal"))
        events = [decode_event(row[0]) for row in rows]
        (shed,) = [event for event in events if event.kind == "shed"]
        assert shed.detail["count"] == 10


async def test_what_was_told_of_a_disk_ends_with_it(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full, low, and read without end: "lost" says it all, and what was shed until then is told."""
    monkeypatch.setenv(FAILURES, "1")
    monkeypatch.setattr(room, "LOOK_S", 0.02)
    monkeypatch.setattr(room, "is_low", lambda *_, **__: True)
    monkeypatch.setattr(folding, "HELD_PAGES", -1)

    def append(_spool: Spool, _blob: bytes, _position: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await settled(edge)
        monkeypatch.setattr(Spool, "append", append)
        await edge.say(21.0)
        told = ("storage_full", "storage_low", "storage_held")
        for rule in told:
            await until(lambda rule=rule: edge.active(f"@node/{rule}"))
        await settled(edge)
        await edge.say(22.0)
        await settled(edge)
        storage = edge.node.storage
        await until(lambda: storage._cost.readings)
        untold = storage._cost.readings
        monkeypatch.setattr(folding, "HELD_PAGES", 1 << 30)
        disk.fails = True
        await edge.say(150.0)
        await until(lambda: edge.active("@node/storage_lost"))
        for rule in told:
            await until(lambda rule=rule: not edge.active(f"@node/{rule}"))
        rows = await storage.act(lambda d: d.execute("SELECT entry FROM journal"))
        events = [decode_event(row[0]) for row in rows]
        shed = {str(e.detail["why"]): e.detail["count"] for e in events if e.kind == "shed"}
        assert shed["storage full"] == untold
        assert storage._cost.readings == 0
        assert not storage._full
