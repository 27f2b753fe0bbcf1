"""Four tiers whose links can be cut: gateways, an enterprise, a township, a county and a city."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from argon2 import PasswordHasher

from gateway import lifeline
from gateway.clock import SystemClock
from gateway.config import load
from gateway.db import Database
from gateway.identity import Identity, random_bits
from gateway.journal import Chain, write_entries
from gateway.northbound import outbox, wire
from gateway.northbound.settings import ParentSettings
from gateway.northbound.source import Source, Whole, own_whole
from gateway.northbound.uplink import SUMMARIES_KEPT
from gateway.observe import Metrics
from gateway.roles.centre import CentreSettings, RunningCentre, open_centre
from gateway.roles.upward import PARENT, Above, Upward

TIERS = ("enterprise", "township", "county", "city")
START_S = 60.0
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
#: Each transition: what it is called, from which states, to which.
MOVES = {
    "raise": ({"NORM"}, "UNACK"),
    "acknowledge": ({"UNACK", "RTNUN"}, ""),
    "clear": ({"UNACK", "ACKED"}, ""),
}


class Link:
    """A wire between two nodes: a TCP proxy that forwards, until it is cut."""

    def __init__(self, name: str, port: int, target: int) -> None:
        self.name = name
        self.port = port
        self.whole = True
        #: Posts to the intake that found it cut.
        self.stopped = 0
        self._target = target
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection at once, in the middle of whatever was on its way."""
        self.whole = False
        for task in self._tasks:
            task.cancel()

    def heal(self) -> None:
        self.whole = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        pumps: list[asyncio.Task[None]] = []
        writers = [writer]
        try:
            if self.whole:
                back, there = await asyncio.open_connection("127.0.0.1", self._target)
                writers.append(there)
                pumps = [
                    asyncio.create_task(_pump(reader, there)),
                    asyncio.create_task(_pump(back, writer)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            else:
                self.stopped += wire.INTAKE.encode() in await reader.readline()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            # All that needs no waiting first: it may be cut a second time meanwhile.
            for each in writers:
                each.transport.abort()
            for pump in pumps:
                pump.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*pumps, return_exceptions=True)
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


class Gateway:
    """A gateway as its parent knows it: journal and outbox on disk, alarms that move, an uplink."""

    def __init__(self, name: str, folder: Path, settings: ParentSettings) -> None:
        self.node = name
        self.folder = folder
        self.settings = settings
        self.lost: list[str] = []
        self._life()

    def _life(self) -> None:
        self.chain = Chain(Identity(self.node, random_bits(), random_bits()))
        self.alarms: dict[str, tuple[int, int, str, bytes]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect for a while, in a new epoch on the same store."""
        self.folder.mkdir(exist_ok=True)
        who = self.chain.identity
        identity = Identity(self.node, who.life, random_bits())
        self.chain = Chain(identity, seq=self.chain.seq, head=self.chain.head)
        self.database = Database(self.folder / f"{who.life}.db", "edge")
        self.upward = Upward(
            [Above(PARENT, self.settings)],
            node=self.node,
            folder=self.folder,
            source=self._source(),
            carry_out=lambda *_: None,
            summaries=SUMMARIES_KEPT,
            clock=SystemClock(),
            metrics=Metrics(),
        )
        try:
            async with self.upward:
                yield
        finally:
            self.database.close()

    def lose_store(self) -> None:
        """Begin a new life, between two openings."""
        self.lost.append(self.chain.identity.life)
        self._life()

    def move(self, alarm: str, cause: str) -> bool:
        """Make one transition, if the alarm's state allows it."""
        occurrence, revision, state, _ = self.alarms.get(alarm, (0, 0, "NORM", b""))
        allowed, after = MOVES[cause]
        if state not in allowed:
            return False
        if cause == "acknowledge":
            after = "ACKED" if state == "UNACK" else "NORM"
        elif cause == "clear":
            after = "RTNUN" if state == "UNACK" else "NORM"
        occurrence += cause == "raise"
        now = SystemClock().now_ns()
        event, entry = self.chain.seal(
            "alarm", alarm=alarm, cause=cause, occurrence=occurrence, revision=revision + 1,
            tag=alarm.split("/")[1], area="A1", hazard="ammonia_refrigeration", rule="h",
            before=state, after=after, priority="high", quality="GOOD", source_ns=now,
            received_ns=now, value=120.0, unit="ppm", limit=100.0,
        )  # fmt: skip
        with self.database.transaction(durable=False):
            write_entries(self.database, [(event.seq, entry)])
            outbox.append(self.database, [outbox.Row(event.seq, alarm, entry)], [PARENT])
        self.alarms[alarm] = (occurrence, revision + 1, after, entry)
        self.upward.wake()
        return True

    def journal(self) -> dict[int, bytes]:
        rows = self.database.execute("SELECT seq, entry FROM journal")
        return {seq: bytes(entry) for seq, entry in rows}

    async def _whole(self, connection: str) -> Whole:
        inventory = wire.Inventory(
            node=self.node, name=self.node, enterprise="Chain", uscc="", division="330106003000",
            grid="", areas=[], points=[],
        )  # fmt: skip
        standing = [entry for _, _, state, entry in self.alarms.values() if state != "NORM"]
        present = wire.Present(
            life=self.chain.identity.life,
            seq=self.chain.seq,
            alarms=[msgspec.Raw(entry) for entry in standing],
        )
        return own_whole(connection, inventory, present)

    def _source(self) -> Source:
        async def store(act: Any) -> Any:
            return act(self.database)

        return Source(
            identity=lambda: self.chain.identity,
            whole=self._whole,
            status=lambda: (self.chain.seq, self.chain.head, 1.0, []),
            store=store,
            anchored=lambda _seq, _head: None,
            rejected=lambda _: None,
        )


class Tier:
    """One centre: in this process, or in one of its own; its store is read from outside."""

    def __init__(self, name: str, folder: Path, text: str, *, process: bool) -> None:
        self.name = name
        self.folder = folder
        self.config = folder / f"{name}.toml"
        self.config.write_text(text, encoding="utf-8")
        self.running: RunningCentre | None = None
        self._process = process

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        if self._process:
            async with self._spawned():
                yield
            return
        settings, _ = load(self.config, CentreSettings)
        async with open_centre(settings, clock=SystemClock(), hasher=CHEAP) as self.running:
            yield

    @asynccontextmanager
    async def _spawned(self) -> AsyncIterator[None]:
        log = (self.folder / f"{self.name}.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "centre", "--config", str(self.config),
            stdout=log, stderr=log, env=lifeline.environment(),
        )  # fmt: skip
        try:
            await self._listens()
            yield
        finally:
            process.terminate()
            await process.wait()
            log.close()

    async def _listens(self) -> None:
        settings, _ = load(self.config, CentreSettings)
        async with asyncio.timeout(START_S):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", settings.listen.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    def reader(self) -> Database:
        return Database(self.folder / self.name / "centre.sqlite", "centre", read_only=True)


def centre_text(
    name: str,
    folder: Path,
    *,
    port: int,
    nodes: Sequence[str] = (),
    centres: Sequence[str] = (),
    parent: str = "",
    code: Path | None = None,
) -> str:
    """Return a centre's file."""
    children = ", ".join(f'{{ id = "{each}" }}' for each in centres)
    text = (
        f'[node]\nid = "{name}"\n[listen]\naddress = "127.0.0.1:{port}"\n'
        f'[store]\nfolder = "{folder / name}"\n'
        f"[pairing]\nnodes = {list(nodes)}\ncentres = [{children}]\n"
    )
    if parent:
        text += f'[parent]\nurl = "{parent}"\ncode_file = "{code}"\n'
    return text


class Opened:
    """Something open that can be closed and opened again while the rest goes on."""

    def __init__(self, thing: Tier | Gateway) -> None:
        self.thing = thing
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        await self._stack.enter_async_context(self.thing.open())

    async def stop(self) -> None:
        await self._stack.aclose()
