"""What dies in a gateway itself is told as an alarm, and the process begins anew where it must."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import NoReturn

import pytest

from gateway.alarms.actions import Siren
from gateway.clock import SystemClock
from gateway.roles.edge import run, self_fault
from gateway.roles.edge.anew import RESTARTED
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.run import DIED, run_edge
from gateway.roles.edge.site import load_site
from gateway.roles.edge.storage import FAILED
from gateway.roles.edge.work import Work
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, stored, until, write_site

pytestmark = pytest.mark.broker

ALARM = "@node/self_fault"


def dies(*_: object) -> NoReturn:
    """Raise what nobody foresaw."""
    raise LookupError("nobody foresaw this")


def active(node: EdgeNode) -> bool:
    """Whether the alarm is in force."""
    return node.desk.status(f"gw/{ALARM}").active


def told(path: Path) -> list[tuple[str, str]]:
    """Kind of, and what is said in, each event about the gateway itself."""
    return [
        (event.kind, str(event.detail.get("reason", event.detail.get("restarted", ""))))
        for event in stored(path / "data")
        if event.kind in {"start", "fault"}
    ]


async def begun(path: Path, port: int) -> tuple[EdgeNode, asyncio.Task[str], asyncio.Event]:
    """An edge as a process runs it, connected."""
    nodes: list[EdgeNode] = []
    stop = asyncio.Event()
    site = load_site(write_site(path, port=port))
    edge = asyncio.create_task(run_edge(site, ready=nodes.append, stop=stop))
    await until(lambda: edge.done() or (bool(nodes) and nodes[0].session.connected))
    return nodes[0], edge, stop


async def test_a_callback_that_raises_is_an_alarm(tmp_path: Path, broker: LocalBroker) -> None:
    """It is no line in a log alone: alarm and event, and all goes on."""
    node, edge, stop = await begun(tmp_path, broker.port)
    asyncio.get_running_loop().call_soon(dies)
    await until(lambda: active(node))
    assert not edge.done()
    stop.set()
    assert await edge == ""
    ((_, reason),) = [each for each in told(tmp_path) if each[0] == "fault"]
    assert "nobody foresaw this" in reason
    assert asyncio.get_running_loop().get_exception_handler() is None


async def test_what_a_broken_connection_leaves_is_no_fault(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Neither an error of the network nor a future that nobody asks is the program's own fault."""

    def refuse() -> NoReturn:
        raise ConnectionResetError("by peer")

    node, edge, stop = await begun(tmp_path, broker.port)
    loop = asyncio.get_running_loop()
    loop.call_soon(refuse)
    dropped = loop.create_future()
    dropped.set_exception(LookupError("nobody asks"))
    del dropped
    gc.collect()
    seen = loop.create_future()
    loop.call_later(0.1, seen.set_result, None)
    await seen
    assert not active(node)
    stop.set()
    assert await edge == ""


async def test_an_alarm_ends_a_while_after_the_last_fault(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not stand for ever, and a fault each moment does not fill the journal."""
    monkeypatch.setattr(self_fault, "STANDS_NS", 1_500_000_000)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        for _ in range(100):
            edge.node.fault.tell("again")
        assert edge.active(ALARM)
        await until(lambda: not edge.active(ALARM))
    assert told(tmp_path).count(("fault", "again")) == 1


async def test_a_gateway_that_hears_nothing_of_itself_says_so(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages to itself that no longer pass the chain are an alarm, within ten seconds."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await until(lambda: edge.node.line.siren.marked_ns is not None)
        await until(lambda: edge.node.fault._came)
        monkeypatch.setattr(Siren, "marked", lambda *_, **__: None)
        await until(lambda: edge.active(ALARM), 11)
        await until(lambda: told(tmp_path)[-1][0] == "fault")
    assert "nothing it sends to itself has come back" in told(tmp_path)[-1][1]


async def test_a_broker_that_gives_nothing_back_from_the_start_is_no_fault(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An access list may forbid the gateway's own topic: that is not its program's fault."""
    monkeypatch.setattr(Siren, "marked", lambda *_, **__: None)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        for _ in range(3 * self_fault.MISSED):
            edge.node.fault.look(edge.node.session.connection)
        assert not edge.active(ALARM)


async def test_a_store_thread_that_dies_makes_it_start_anew(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Also of what is no ordinary error: a thread is not lost in silence."""

    def kill(_: object) -> NoReturn:
        raise SystemExit("killed")

    node, edge, _ = await begun(tmp_path, broker.port)
    node.storage.submit(Work(act=kill))
    async with asyncio.timeout(30):
        assert await edge == f"{FAILED}killed"


@pytest.mark.parametrize("young", [False, True], ids=["old", "young"])
async def test_a_part_that_dies_makes_it_start_anew(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, *, young: bool
) -> None:
    """The taking of messages among them; what dies at once is left to the supervisor's pause."""
    monkeypatch.setattr(run, "YOUNG_NS", 10**15 if young else 0)
    node, edge, _ = await begun(tmp_path, broker.port)
    monkeypatch.setattr(node.line, "advance", dies)
    async with asyncio.timeout(30):
        if young:
            with pytest.raises(LookupError, match="nobody foresaw"):
                await edge
        else:
            assert (await edge).startswith(DIED)
    assert any(kind == "fault" and DIED in why for kind, why in told(tmp_path))


async def test_why_it_began_anew_is_in_the_journal(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start says why it was one, once, and the alarm that died with the process is raised."""
    why = "the event loop stood still for 20 s in x.py:1 f"
    monkeypatch.setenv(RESTARTED, why)
    node, edge, stop = await begun(tmp_path, broker.port)
    assert active(node)
    stop.set()
    assert await edge == ""
    _, edge, stop = await begun(tmp_path, broker.port)
    stop.set()
    await edge
    starts = [reason for kind, reason in told(tmp_path) if kind == "start"]
    assert starts == [why, ""]


async def test_back_on_the_disk_is_no_fault(tmp_path: Path, broker: LocalBroker) -> None:
    """A start for the store's sake says why, and raises nothing about the program."""
    site = load_site(write_site(tmp_path, port=broker.port))
    why = f"{FAILED}Input/output error"
    async with EdgeNode(site, clock=SystemClock(), again=pytest.fail, restarted=why) as node:
        assert not active(node)
    assert told(tmp_path) == [("start", why)]
