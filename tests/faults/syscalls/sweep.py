"""Gateways that die at a named call of their start, their load or their stop, and come to rest."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiomqtt

from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import Bench
from tests.faults.site.load import HIGH, HIGHEST, NORMAL
from tests.faults.site.program import until
from tests.faults.syscalls import strace
from tests.faults.syscalls.calls import ANY, Mark, Point
from tests.faults.syscalls.held import HELD

#: Readings of the load, each with the events that it makes.
SCRIPT: Final = tuple(
    (point, value, events)
    for value, events in ((HIGH, 1), (HIGHEST, 1), (NORMAL, 2))
    for point in (1, 2, 4, 5)
)
#: What one that came to rest still has to do.
AFTER: Final = ((1, HIGH, 1), (1, NORMAL, 1))
#: Parts of a start and of a stop: behind a mark another thread makes the same calls anew.
START: Final = {
    "start": None,
    "key": Mark("unlink", "node.key.new"),
    "opened": Mark("fallocate", "reserve"),
}
STOP: Final = {
    "stop": None,
    "snapshot": Mark("fsync", "."),
    "close": Mark("fdatasync", "store.db-wal"),
}
#: One part of the load for each reading of the script.
LOAD: Final = {f"load {n}": n for n in range(len(SCRIPT))}
READY_S: Final = 60.0
SAID_S: Final = 20.0
STOPPED_S: Final = 30.0
SETTLE_LIMIT_S: Final = 60.0
#: When nothing waits any more nothing new comes after so long.
QUIET_S: Final = 0.4


@dataclass
class Gateway:
    """One that dies: from which message on all was said to it, and at which points it died."""

    node: str
    first: int
    deaths: list[Point] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)


class Sweep:
    """Kills at one point after the other.

    Parameters
    ----------
    bench
        With its broker and centre.
    names
        Gateways that the centre has invited, each for an empty store.
    """

    def __init__(self, bench: Bench, names: Sequence[str]) -> None:
        self.gateways: list[Gateway] = []
        self.reached: set[Point] = set()
        self._bench = bench
        self._names = iter(names)
        self._dying: Gateway | None = None

    async def kill(self, point: Point, *, alone: bool) -> None:
        """Kill at a point; unless alone, a gateway that died in its load dies in it again."""
        if alone or point.part not in LOAD or self._dying is None:
            await self.rest()
            self._bench.become(next(self._names))
            self._dying = Gateway(self._bench.node, len(self._bench.load.said))
            self.gateways.append(self._dying)
        self._dying.deaths.append(point)
        try:
            await self._come_to(point, self._dying)
        except (RuntimeError, TimeoutError) as error:
            self._dying.evidence.fail("I10", f"before {point}: {error}")
        if await ended(self._bench):
            self.reached.add(point)
        if point.part not in LOAD:
            await self.rest()

    async def rest(self) -> None:
        """Start the one that died: it goes on as if nothing had been, and is stopped."""
        gateway, self._dying = self._dying, None
        if gateway is None:
            return
        bench, evidence = self._bench, gateway.evidence
        try:
            await bench.start_edge()
            await ready(bench)
            await calmed(bench, gateway)
            await speak(bench, AFTER)
            waited = await bench.settle(quiet_s=QUIET_S)
            evidence.recover("everything has gone up", waited, limit_s=SETTLE_LIMIT_S)
        except (RuntimeError, TimeoutError) as error:
            evidence.fail("I10", f"started again: {error}")
        await ended(bench)
        evidence.site, evidence.edge, evidence.acknowledgements = bench.site, bench.data, True
        evidence.said = bench.load.said[gateway.first :]

    async def _come_to(self, point: Point, gateway: Gateway) -> None:
        """Do what comes before a point, and its part, until the edge is dead or past it."""
        bench = self._bench
        if point.part in START:
            bench.edge.before = HELD
            bench.edge.start()
            bench.edge.before = ()
            await until(lambda: strace.stopped(bench.edge.pid), READY_S, what="the program's stop")
            await dying(bench, point, START[point.part], lambda: go_on(bench))
            return
        await bench.start_edge()
        await ready(bench)
        if point.part in STOP:
            await speak(bench, SCRIPT)
            end = lambda: bench.edge.signal(signal.SIGTERM)  # noqa: E731
            await dying(bench, point, STOP[point.part], end)
            return
        await calmed(bench, gateway)
        place = LOAD[point.part]
        await speak(bench, SCRIPT[:place])
        async with attached(bench, point):
            await speak(bench, SCRIPT[place : place + 1])


async def dying(bench: Bench, point: Point, mark: Mark | None, begin: Callable[[], None]) -> None:
    """Begin a start or a stop, let it come behind a mark, and from there to the point."""
    if mark is not None:
        output = bench.site.with_name("mark")
        file = (bench.data / mark.file).resolve()
        stop = strace.Attached(
            bench.edge.pid, mark.name, "signal=SIGSTOP:when=1", file=file, output=output
        )
        async with stop:
            begin()
            await until(
                lambda: came(output) or not bench.edge.alive,
                READY_S,
                what="the mark",
            )
        await until(lambda: strace.stopped(bench.edge.pid), READY_S, what="the stop at the mark")
    subscriptions = bench.tap.subscriptions
    async with attached(bench, point):
        if mark is None:
            begin()
        go_on(bench)
        if point.part in START:
            await ready(bench, subscriptions=subscriptions)
        else:
            await until(lambda: not bench.edge.alive, STOPPED_S, what="the end")


def came(output: Path) -> bool:
    """Whether the tracer has stopped the process, other than as it found it stopped already."""
    return "stopped by SIGSTOP" in output.read_text().partition("--- SIGSTOP {")[2]


def attached(bench: Bench, point: Point) -> strace.Attached:
    """Return what kills the edge as it makes a call."""
    file = None if point.file == ANY else (bench.data / point.file).resolve()
    death = f"signal=SIGKILL:when={point.n}"
    return strace.Attached(bench.edge.pid, point.name, death, file=file)


def go_on(bench: Bench) -> None:
    """Let a stopped edge go on."""
    bench.edge.signal(signal.SIGCONT)


async def ended(bench: Bench) -> bool:
    """End the edge, as an operator does where it still lives; return whether it was killed."""
    if bench.edge.alive:
        await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
    assert bench.edge.process is not None
    status = bench.edge.process.returncode
    bench.edge.clear()
    return status == -signal.SIGKILL


async def ready(bench: Bench, *, subscriptions: int = 0) -> None:
    """Return when the edge is subscribed and paired and the centre has its events, or it died."""
    token = bench.data / "parent.token"

    def is_so() -> bool:
        there = bench.standing() if bench.tap.subscriptions > subscriptions else None
        return token.exists() and there is not None and there[0] > 0 and not there[1]

    await until(lambda: not bench.edge.alive or is_so(), READY_S, what="a start")


async def calmed(bench: Bench, gateway: Gateway) -> None:
    """Let each point be normal again that was left otherwise."""
    latest = {each.point: each.value for each in bench.load.said[gateway.first :]}
    high = [point for point, value in latest.items() if value != NORMAL]
    if not high:
        return
    async with aiomqtt.Client("127.0.0.1", bench.broker.port, timeout=10) as client:
        for point in high:
            await bench.load.say(client, point, NORMAL)
    await bench.settle(quiet_s=QUIET_S)


async def speak(bench: Bench, script: Sequence[tuple[int, float, int]]) -> None:
    """Say readings as long as the edge lives: the next when all of one has gone up."""
    async with aiomqtt.Client("127.0.0.1", bench.broker.port, timeout=10) as client:
        for point, value, events in script:
            await said(bench, client, point, value, events)


async def said(bench: Bench, client: aiomqtt.Client, point: int, value: float, events: int) -> None:
    """Say one reading; return when the centre has the events that it makes, or the edge died."""
    before = bench.standing()
    message = await bench.load.say(client, point, value)

    def is_so() -> bool:
        now = bench.standing()
        return (
            message.acknowledged is not None
            and before is not None
            and now is not None
            and now[0] >= before[0] + events
            and not now[1]
        )

    await until(lambda: not bench.edge.alive or is_so(), SAID_S, what="what a reading makes")
