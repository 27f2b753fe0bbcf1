"""A whole site on one bench: broker, edge and centre as real processes, proxies between them, a
load that remembers, a tap on the edge's acknowledgements, and a siren panel.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiomqtt

from gateway.simulation.broker import LocalBroker, free_port, mosquitto
from tests.chain.site import POINTS, centre_text, site_text
from tests.faults.catalogue import Room, UnavailableError
from tests.faults.judging.evidence import SIREN_S, Evidence
from tests.faults.judging.stores import spooled
from tests.faults.site.load import HIGH, Load
from tests.faults.site.panel import TOPIC, Panel
from tests.faults.site.program import Program, resources, until
from tests.faults.site.proxy import Proxy
from tests.faults.site.sight import STATE, metric, rows
from tests.faults.site.tap import Tap

NODE: Final = "chain-gw"
SETTLE_S: Final = 90.0
#: A siren is listened for so long, also where it is late.
SOUNDED_S: Final = 20.0
#: An on-delay of the site, and what ticks and the uplink then need.
QUIET_S: Final = 3.0
#: A line or a broker that stands still looks to a gateway like a fault of its own; the alarm falls
#: a minute after that, and may be in force at the end of a run.
SELF_FAULT: Final = "self_fault"
#: What an edge of this size may take.
MEMORY_MIB: Final = 300.0
DESCRIPTORS: Final = 100.0
THREADS: Final = 64.0


class Bench:
    """The bench for the length of a block; the edge is started by whoever uses it.

    Parameters
    ----------
    room
        Of the run: its folder, its seed, its mutant.
    points, delayed, interval
        Of the site.
    data
        The edge's store; a folder of the run unless given (a mount, say).
    before
        Stands before the edge's command.
    environment, centre_environment
        Of the edge, and of the centre.
    centre
        Whether there is one; without, nothing goes up.
    tables
        Stand in the site file as they are.
    program
        What the edge is, where no mutant is run.
    others
        Gateways that the edge may be later (`become`).
    """

    def __init__(
        self,
        room: Room,
        *,
        points: int = POINTS,
        delayed: bool = True,
        interval: str = "10min",
        data: Path | None = None,
        before: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        centre_environment: dict[str, str] | None = None,
        poison: float = 0.0,
        tables: str = "",
        program: str = "gateway",
        others: Sequence[str] = (),
    ) -> None:
        server = mosquitto()
        if server is None:
            raise UnavailableError("mosquitto is not installed")
        self.room = room
        self.folder = room.folder
        self.chance = random.Random(room.case.seed)
        self.data = data or self.folder / "data"
        self.node = NODE
        self.site = self.folder / "edge.toml"
        self.metrics_port = free_port()
        mutant = f"tests.faults.mutants.{room.mutant}" if room.mutant else ""
        self.edge = Program(
            "edge",
            self.folder,
            module=mutant or program,
            before=before,
            environment=environment,
        )
        self.centre = Program(
            "centre",
            self.folder,
            module=mutant or "gateway",
            environment=centre_environment,
        )
        self.broker = LocalBroker(self.folder / "broker", program=server)
        self.load = Load(random.Random(room.case.seed + 1), points, delayed=delayed, poison=poison)
        self.load.stored = self._stored
        self.tap = Tap(self.load.note)
        self.panel = Panel(self.broker.port)
        #: Between edge and broker, between edge and centre.
        self.front = Proxy(self.broker.port, chance=self.chance, watch=self.tap.watch)
        self.back_target = free_port()
        self.back = Proxy(self.back_target, chance=self.chance)
        self.peaks: dict[str, float] = {}
        self._others = others
        self._site = {"points": points, "delayed": delayed, "interval": interval, "tables": tables}
        self._stack = AsyncExitStack()
        self._playing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _build(self) -> None:
        # Whichever it is by then.
        self._stack.callback(lambda: self.edge.clear())  # noqa: PLW0108
        self._stack.callback(self.centre.clear)
        self._stack.enter_context(self.broker)
        await self._stack.enter_async_context(self.front)
        await self._stack.enter_async_context(self.back)
        (self.folder / "centre.toml").write_text(
            centre_text(self.folder / "centre", port=self.back_target, others=self._others)
        )
        self._write_site()
        self.centre.start()
        for node in (NODE, *self._others):
            code = self._code(node)
            await until(
                lambda code=code: code.exists() or not self.centre.alive,
                90,
                what="the centre's pairing code",
            )
            if not code.exists():
                raise RuntimeError(f"the centre ended: {self.centre.said[-3000:]}")
        await self._stack.enter_async_context(self.panel)
        watching = asyncio.create_task(self._watch(), name="resources")
        self._stack.callback(watching.cancel)

    def _code(self, node: str) -> Path:
        return self.folder / "centre" / f"pairing-{node}.code"

    def _write_site(self) -> None:
        tables = (
            f'[siren]\ntopic = "{TOPIC}"\n'
            f'[metrics]\nlisten = "127.0.0.1:{self.metrics_port}"\n'
            + (self._site["tables"] or f'[store]\nfolder = "{self.data}"\n')
        )
        self.site.write_text(
            site_text(
                f"mqtt://127.0.0.1:{self.front.port}",
                parent=f"http://127.0.0.1:{self.back.port}",
                code_file=str(self._code(self.node)),
                points=self._site["points"],
                delayed=self._site["delayed"],
                interval=self._site["interval"],
                tables=tables,
                node=self.node,
            )
        )

    def become(self, node: str) -> None:
        """Let the edge be another of the gateways: with a site file and a store of its own."""
        self.node = node
        folder = self.folder / node
        folder.mkdir()
        self.site, self.data = folder / "edge.toml", folder / "data"
        self._write_site()
        self.edge = self.edge.elsewhere(folder)

    async def start_edge(self, *, within_s: float = 90.0) -> None:
        """Start the edge and return when the broker has answered its subscription.

        Raises
        ------
        RuntimeError
            The edge ended before, or never subscribed at all: then nothing can be tried on it.
        TimeoutError
            It did before, and does no more.
        """
        before, began = self.tap.subscriptions, time.monotonic()
        self.edge.start()
        try:
            await self.subscribed(before, within_s=within_s)
        except TimeoutError as error:
            if before:
                raise
            raise RuntimeError("there is no edge to try anything on") from error
        most = self.room.figures.get("start s", 0.0)
        self.room.figures["start s"] = max(most, time.monotonic() - began)

    async def subscribed(self, before: int, *, within_s: float = 90.0) -> None:
        """Return when the edge has subscribed once more than `before` times, and let it be heard.

        Raises
        ------
        RuntimeError
            The edge ended before, with what it logged.
        TimeoutError
            It runs, and did not subscribe in time.
        """
        deadline = time.monotonic() + within_s
        while self.tap.subscriptions <= before:
            if not self.edge.alive:
                raise RuntimeError(f"the edge ended: {self.edge.said[-3000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"the edge did not subscribe within {within_s:g} s: {self.edge.said[-3000:]}"
                )
            await asyncio.sleep(0.005)
        self.load.listened.set()

    def play(self) -> None:
        """Let the load begin."""
        self._playing = asyncio.create_task(self.load.play(self.broker.port), name="load")
        self._stack.callback(self._playing.cancel)

    def beside(self, *, first: int, rate_hz: float = 100.0) -> None:
        """Let the load say that points from `first` on are normal; others are for alarms."""
        self.load.first, self.load.calm, self.load.rate_hz = first, True, rate_hz
        self.play()

    def also(self, end: Callable[[], object]) -> None:
        """Do this too when the bench is left."""
        self._stack.callback(end)

    async def hush(self) -> None:
        """Let the load end."""
        self.load.stopped = True
        if self._playing is not None:
            await self._playing

    async def kill_broker(
        self, number: signal.Signals = signal.SIGKILL, *, away_s: float = 0.0
    ) -> None:
        """End the broker, which forgets everything, and start it again; the load waits."""
        self.load.listened.clear()
        self.load.forgotten = True
        self.broker.end(number)
        # Sessions that died with it have no subscription until the edge makes one anew.
        self._before_broker = self.tap.subscriptions
        await asyncio.sleep(away_s)
        await asyncio.to_thread(self.broker.start)

    async def heard_again(self, *, within_s: float = 90.0) -> None:
        """Return when the edge is subscribed at the broker that was started again."""
        await self.subscribed(self._before_broker, within_s=within_s)

    async def say(self, point: int, value: float, *, client: aiomqtt.Client | None = None) -> float:
        """Publish one reading; return when, monotonic s."""
        if client is not None:
            return (await self.load.say(client, point, value)).published
        async with aiomqtt.Client("127.0.0.1", self.broker.port, timeout=10) as own:
            return (await self.load.say(own, point, value)).published

    async def siren(
        self, point: int, *, value: float = HIGH, within_s: float = SOUNDED_S
    ) -> float | None:
        """Raise the alarm of a point that was normal; return how long its siren took, s."""
        at = await self.say(point, value)
        tag = f"T{point:02}"
        with suppress(TimeoutError):
            await until(lambda: self.panel.sounding(tag, since=at) is not None, within_s)
        heard = self.panel.sounding(tag, since=at)
        return None if heard is None else heard - at

    async def sounded(
        self, evidence: Evidence, point: int, what: str, *, limit_s: float = SIREN_S
    ) -> None:
        """Raise the alarm of a point and leave in the evidence how long its siren took.

        A mutant that was late once has shown what it had to.
        """
        if self.room.mutant and any(each.late for each in evidence.sounded or ()):
            return
        within_s = 2 * limit_s if self.room.mutant else SOUNDED_S
        seconds = await self.siren(point, within_s=within_s)
        evidence.sound(what, seconds, limit_s=limit_s)
        if seconds is not None:
            most = self.room.figures.get("siren s", 0.0)
            self.room.figures["siren s"] = max(most, seconds)

    def metric(self, name: str) -> float | None:
        """Return a metric of the edge, summed over its labels; None while it does not answer."""
        return metric(self.metrics_port, name)

    def state(self, alarm: str, *, store: str = "edge") -> str:
        """Return the state of an alarm in the store of edge or centre; empty for none."""
        found = self.ask(store, STATE[store], (alarm,))
        return str(found[0][0]) if found else ""

    def ask(
        self, store: str, sql: str, parameters: tuple[str, ...] = ()
    ) -> list[tuple[object, ...]]:
        """Return rows of the store of edge or centre; none while it cannot be read."""
        path = self.data / "store.db" if store == "edge" else self.folder / "centre/centre.sqlite"
        return rows(path, store, sql, parameters)

    def _stored(self) -> set[tuple[int, int]]:
        """Return point and source time of every reading in the spool."""
        readings = spooled(self.data / "spool").readings
        return {(int(tag[1:]), at) for tag, at, _ in readings}

    async def settle(self, *, within_s: float = SETTLE_S, quiet_s: float = QUIET_S) -> float:
        """Wait until the edge has everything, delays have run out and nothing waits; return s."""
        began = time.monotonic()
        since, seen = began, None
        while time.monotonic() - began < within_s:
            now = await asyncio.to_thread(self.standing)
            if now != seen or self.load.waiting or now is None or now[1]:
                since, seen = time.monotonic(), now
            elif time.monotonic() - since > quiet_s:
                break
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    def standing(self) -> tuple[int, int] | None:
        """Return how long the edge's journal is, and how much waits in its outbox."""
        rows = self.ask("edge", "SELECT (SELECT COUNT(*) FROM journal), (SELECT COUNT(*) FROM "
                                 "outbox WHERE destination = 'parent')")  # fmt: skip
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    async def finish(self, **known: object) -> Evidence:
        """End edge and centre as an operator does, and return what the run shows."""
        for program in (self.edge, self.centre):
            if program.alive:
                await asyncio.to_thread(program.end, signal.SIGTERM)
        evidence = Evidence(
            site=self.site,
            said=self.load.heard,
            acknowledgements=True,
            edge=self.data,
            centre=self.folder / "centre",
        )
        for name, limit in (
            ("memory, MiB", MEMORY_MIB),
            ("descriptors", DESCRIPTORS),
            ("threads", THREADS),
        ):
            if name in self.peaks:
                evidence.bound(name, self.peaks[name], limit=limit)
        for name, value in known.items():
            setattr(evidence, name, value)
        return evidence

    async def _watch(self) -> None:
        """Note the most that the edge takes, twice a second."""
        while True:
            await asyncio.sleep(0.5)
            if self.edge.alive:
                for name, value in resources(self.edge.pid).items():
                    self.peaks[name] = max(value, self.peaks.get(name, 0.0))
