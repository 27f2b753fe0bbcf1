"""A gateway's store with events that wait, and real HTTP servers for it to deliver to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from gateway.clock import ManualClock
from gateway.db import Database
from gateway.identity import Identity, random_bits
from gateway.journal import Chain, write_entries
from gateway.model import decode_event
from gateway.northbound import outbox, wire
from gateway.northbound.source import Source, Whole, own_whole
from gateway.northbound.uplink import Uplink
from gateway.observe import Metrics
from tests.gateway.supervision.world import NO_TLS, NOON_NS

DEADLINE_S = 40.0


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition; how long a slow machine takes does not matter."""
    async with asyncio.timeout(DEADLINE_S):
        for _ in count():
            if condition():
                return
            await asyncio.sleep(0.01)


class Gateway:
    """What an uplink needs of a node: a store, an identity, a present state."""

    def __init__(self, path: Path | None, *, destinations: Sequence[str] = ("parent",)) -> None:
        self.database = Database(path, "edge")
        self.destinations = destinations
        self.clock = ManualClock(NOON_NS)
        self.metrics = Metrics()
        self.identity = Identity("gw1", random_bits(), random_bits())
        self.chain = Chain(self.identity)
        self.present: list[bytes] = []
        self.rejected: list[int] = []
        self.anchors: list[tuple[int, str]] = []
        self.act: Callable[[Callable[[Database], Any]], Any] = lambda act: act(self.database)

    def make(self, count: int = 1, *, alarm: str = "") -> list[bytes]:
        """Make events as the edge does: journalled and in every outbox, in one transaction."""
        made = [
            self.chain.seal(
                "alarm", alarm=alarm or f"gw1/T{n}/h", cause="raise", revision=1, occurrence=1,
                before="NORM", after="UNACK", source_ns=NOON_NS, hazard="ammonia_refrigeration",
            )[1]
            for n in range(self.chain.seq, self.chain.seq + count)
        ]  # fmt: skip
        entries = list(enumerate(made, start=self.chain.seq - count + 1))
        rows = [outbox.Row(seq, decode_event(entry).alarm, entry) for seq, entry in entries]
        with self.database.transaction():
            write_entries(self.database, entries)
            outbox.append(self.database, rows, self.destinations)
        return made

    def waiting(self, destination: str = "parent") -> int:
        return outbox.waiting(self.database, destination)

    def dead(self) -> list[tuple[int, str]]:
        return self.database.execute("SELECT seq, reason FROM dead_letter ORDER BY seq")

    def new_life(self) -> None:
        self.identity = Identity("gw1", random_bits(), random_bits())
        self.chain = Chain(self.identity)

    async def store(self, act: Callable[[Database], Any]) -> Any:
        return await asyncio.to_thread(self.act, act)

    async def whole(self, connection: str) -> Whole:
        inventory = wire.Inventory(
            node="gw1", name="Site", enterprise="Lake Cold Store", uscc="",
            division="330106003000", grid="", areas=[], points=[],
        )  # fmt: skip
        present = wire.Present(
            life=self.identity.life,
            seq=self.chain.seq,
            alarms=[msgspec.Raw(entry) for entry in self.present],
        )
        return own_whole(connection, inventory, present)

    def source(self) -> Source:
        return Source(
            identity=lambda: self.identity,
            whole=self.whole,
            status=lambda: (self.chain.seq, self.chain.head, 1.0, []),
            store=self.store,
            anchored=lambda seq, head: self.anchors.append((seq, head)),
            rejected=self.rejected.append,
        )

    def uplink(
        self,
        url: str,
        token: str = "t",
        *,
        destination: str = "parent",
        verify: ssl.SSLContext = NO_TLS,
    ) -> Uplink:
        return Uplink(
            url,
            token,
            destination=destination,
            source=self.source(),
            clock=self.clock,
            metrics=self.metrics,
            verify=verify,
        )


@dataclass
class Answer:
    """One scripted answer of a parent."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    #: Take the post as always and answer as scripted all the same.
    takes: bool = False
    hangs: bool = False


@dataclass
class Post:
    """One request a parent received."""

    path: str
    at: float
    headers: dict[str, str]
    items: list[wire.Item]


class Parent:
    """A parent of wire v1 that can be told to misbehave; without a script it takes everything."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        #: What each order stream sends before it ends; the last one stays open.
        self.streams: deque[bytes] = deque()
        self.posts: list[Post] = []
        self.beats: list[wire.Heartbeat] = []
        self.stored: dict[str, bytes] = {}
        self.doubled: list[str] = []
        self.rejects: dict[str, str] = {}
        #: A post that holds one of these is not understood.
        self.poison: set[str] = set()
        self.refused = 0
        #: Answers that name what was not asked, leave out what was, or say it twice.
        self.receipts: Callable[[list[wire.Receipt]], list[wire.Receipt]] = list
        #: Larger bodies are refused, as a proxy does.
        self.most: int | None = None
        self.silent = False
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        self.stream_status = 200
        self.pairs: list[Answer] = []
        self.asked_to_pair: list[bytes] = []
        self.closing = asyncio.Event()
        self.url = ""

    @property
    def intakes(self) -> list[Post]:
        return [post for post in self.posts if post.path == wire.INTAKE]

    def kinds(self) -> list[str]:
        return [item.kind for post in self.intakes for item in post.items]

    def of_kind(self, kind: str) -> list[bytes]:
        return [
            bytes(item.body) for post in self.intakes for item in post.items if item.kind == kind
        ]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        if scope["path"] == wire.ORDERS:
            self.asked.append(headers.get("last-event-id", ""))
            self.asked_at.append(time.monotonic())
            await self._stream(send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = await self._answer(scope["path"], headers, body)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(k.encode(), v.encode("latin-1")) for k, v in answer.headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path == wire.HEARTBEAT:
            beat = msgspec.json.decode(body, type=wire.Heartbeat)
            self.beats.append(beat)
            answer = wire.HeartbeatAnswer(
                clock_ns=1, anchored_seq=beat.last_seq, anchored_head=beat.head
            )
            return Answer(body=wire.encode(answer))
        if path == wire.PAIR:
            self.asked_to_pair.append(body)
            return self.pairs.pop(0)
        if self.most is not None and len(body) > self.most:
            return Answer(413, b"<html>Request Entity Too Large</html>")
        intake = msgspec.json.decode(body, type=wire.Intake)
        self.posts.append(Post(path, time.monotonic(), headers, intake.items))
        if any(item.id in self.poison for item in intake.items):
            self.refused += 1
            return Answer(400, b'{"detail":{"code":"body"}}')
        scripted = self.script.popleft() if self.script else Answer(takes=True)
        receipts = [self._take(item) for item in intake.items] if scripted.takes else []
        if scripted.hangs:
            await self.closing.wait()
        if scripted.takes and scripted.status == 200 and not scripted.body:
            named = [] if self.silent else self.receipts(receipts)
            return Answer(body=wire.encode(wire.Receipts(receipts=named)))
        return scripted

    def _take(self, item: wire.Item) -> wire.Receipt:
        if item.id in self.rejects:
            return wire.Receipt(id=item.id, status="rejected", reason=self.rejects[item.id])
        if item.id in self.stored:
            self.doubled.append(item.id)
            return wire.Receipt(id=item.id, status="duplicate")
        self.stored[item.id] = bytes(item.body)
        return wire.Receipt(id=item.id, status="stored")

    async def _stream(self, send: Any) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.stream_status,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        text = self.streams.popleft() if self.streams else b": nothing\n\n"
        await send({"type": "http.response.body", "body": text, "more_body": True})
        if not self.streams and self.stream_status == 200:
            await self.closing.wait()
        await send({"type": "http.response.body", "body": b""})


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(parent: Parent, *, port: int = 0) -> AsyncIterator[Parent]:
    """Serve a parent on loopback."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        parent.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = _Server(
            uvicorn.Config(
                parent, http="h11", ws="none", lifespan="off", log_config=None, access_log=False,
                timeout_graceful_shutdown=2, date_header=False,
            )
        )  # fmt: skip
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until(lambda: server.started or task.done())
            yield parent
        finally:
            parent.closing.set()
            server.should_exit = True
            await task


class Cutter:
    """A relay in front of a server that can lose answers on their way back."""

    def __init__(self, port: int) -> None:
        self.lose = 0
        self.lost: list[bytes] = []
        self.url = ""
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break every connection that stands."""
        for writer in self._open:
            writer.transport.abort()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, up_writer}
        there = asyncio.create_task(self._copy(reader, up_writer, answers=False))
        back = asyncio.create_task(self._copy(up_reader, writer, answers=True))
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for side in (writer, up_writer):
            self._open.discard(side)
            side.transport.abort()
        await asyncio.gather(there, back)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if answers and self.lose:
                    self.lose -= 1
                    self.lost.append(data)
                    return
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def cutting(port: int) -> AsyncIterator[Cutter]:
    """Put a relay in front of a port of loopback."""
    cutter = Cutter(port)
    server = await asyncio.start_server(cutter.relay, "127.0.0.1", 0)
    cutter.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield cutter
    finally:
        server.close()
        cutter.cut()
        await server.wait_closed()
