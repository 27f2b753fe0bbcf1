"""A broker session under test, what it handed over, and a line to the broker that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import aiomqtt
import numpy as np

from gateway.clock import SystemClock
from gateway.southbound.arrivals import Arrivals, Receipt
from gateway.southbound.mqtt import BrokerSession
from gateway.southbound.settings import BrokerSettings

WAIT_S = 30.0


async def until(condition: Callable[[], bool], seconds: float = WAIT_S) -> None:
    """Wait for a condition; fail when it does not come."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"not within {seconds:g} s")


class Heard(NamedTuple):
    """One message as a listener keeps it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int
    connection: int
    fenced: bool


def owed(messages: Sequence[Heard]) -> list[Receipt]:
    """What is owed for these messages, all of one connection."""
    identifiers = np.array([each.mid for each in messages if each.qos], np.int32)
    return [Receipt(messages[0].connection, identifiers)]


@dataclass
class Listener:
    """Everything a session said."""

    messages: list[Heard] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    markers: int = 0
    changes: list[str | None] = field(default_factory=list)

    @property
    def bodies(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    def deliver(self, arrivals: Arrivals) -> bool:
        self.markers += arrivals.marked
        self.receipts.append(arrivals.receipt())
        for index in range(len(arrivals)):
            *message, own = arrivals.message(index)
            if not own:
                self.messages.append(Heard(*message, arrivals.connection, arrivals.fenced))
        return True

    async def took(self, count: int) -> list[Heard]:
        """Wait until so many messages came in all, and return them."""
        await until(lambda: len(self.messages) >= count)
        return self.messages


@asynccontextmanager
async def session(
    port: int,
    *filters: str,
    version: str = "5",
    node: str = "gw",
    url: str = "",
    heard_itself: bool = False,
    **settings: str | int,
) -> AsyncIterator[tuple[BrokerSession, Listener]]:
    """A started session; it may not be connected yet."""
    heard = Listener()
    address = url or f"mqtt://127.0.0.1:{port}"
    stated = BrokerSettings.model_validate({"url": address, "version": version, **settings})
    async with BrokerSession(
        stated,
        node=node,
        filters=filters or ("plant/+/v",),
        clock=SystemClock(),
        deliver=heard.deliver,
        changed=heard.changes.append,
        heard_itself=heard_itself,
    ) as started:
        yield started, heard


async def say(port: int, topic: str, *bodies: bytes, retain: bool = False) -> None:
    """Publish at QoS 1; return when the broker has taken everything."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for body in bodies:
            await client.publish(topic, body, qos=1, retain=retain)


class Tap:
    """Stands between session and broker; `cut` breaks the line, `deaf` lets nothing reach it."""

    def __init__(self, port: int) -> None:
        self.deaf = False
        self._broker = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection at once."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = asyncio.current_task()
        assert own is not None
        self._tasks.add(own)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._broker)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(own)
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back, up=True), self._pump(there, writer))
        finally:
            for each in (writer, back):
                each.transport.abort()
                self._writers.discard(each)
            self._tasks.discard(own)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool = False
    ) -> None:
        try:
            while piece := await reader.read(65536):
                if not (up and self.deaf):
                    writer.write(piece)
                    await writer.drain()
        except OSError:
            pass
        writer.transport.abort()
