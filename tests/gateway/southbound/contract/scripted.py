"""A broker that does what no real one would: it keeps to a script, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from tests.gateway.southbound.contract.frames import (
    CONNECT,
    PINGREQ,
    PINGRESP_BYTES,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    Packet,
    Publish,
    answer,
    connack,
    filters,
    frames,
    length_of,
    publish,
    published,
    suback,
)
from tests.gateway.southbound.session import until


class Line:
    """One connection of the session, seen from the broker."""

    def __init__(self, broker: Scripted, writer: asyncio.StreamWriter) -> None:
        self.said: list[Packet] = []
        self.ended = False
        self.stood = False
        self._broker = broker
        self._writer = writer

    def send(self, stream: bytes) -> None:
        """Write bytes, whatever they are."""
        self._writer.write(stream)

    def publish(self, *messages: Publish) -> None:
        """Write whole PUBLISH packets in one piece."""
        five = self._broker.five
        self.send(b"".join(publish(message, five=five) for message in messages))

    def cut(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection after what was written."""
        self._writer.close()

    def of(self, kind: int) -> list[Packet]:
        """The packets of one kind that came."""
        return [packet for packet in self.said if packet.kind == kind]

    def identifiers(self, kind: int = PUBACK) -> list[int]:
        """The identifiers of the acknowledgements that came."""
        return [packet.identifier for packet in self.of(kind)]

    def published(self) -> list[Publish]:
        """What the session published."""
        found = (published(packet, five=self._broker.five) for packet in self.of(PUBLISH))
        return [message for message in found if message is not None]

    async def took(self, kind: int, count: int = 1) -> list[Packet]:
        """Wait until so many packets of a kind came."""
        await until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    async def gone(self) -> None:
        """Wait until the session has given this connection up."""
        await until(lambda: self.ended)


class Scripted:
    """Greets, grants, answers pings and acknowledges; everything else is the test's.

    Parameters
    ----------
    version
        "3.1.1" or "5".
    """

    def __init__(self, version: str) -> None:
        self.five = version == "5"
        self.version = version
        self.connack = connack(five=self.five)
        self.grants: Callable[[int], bytes] = lambda count: b"\x01" * count
        self.pongs = True
        self.pubacks = True
        self.lines: list[Line] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for line in self.lines:
            line.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def line(self, number: int = 1) -> Line:
        """Wait for the connection of that number, subscribed."""
        await until(lambda: len(self.lines) >= number and self.lines[number - 1].stood)
        return self.lines[number - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = asyncio.current_task()
        assert own is not None
        self._tasks.add(own)
        line = Line(self, writer)
        self.lines.append(line)
        held = b""
        try:
            while piece := await reader.read(65_536):
                held += piece
                for packet in frames(held):
                    held = held[length_of(packet) :]
                    line.said.append(packet)
                    self._answer(line, packet)
        except OSError:
            pass
        finally:
            line.ended = True
            writer.transport.abort()
            self._tasks.discard(own)

    def _answer(self, line: Line, packet: Packet) -> None:
        if packet.kind == CONNECT:
            line.send(self.connack)
        elif packet.kind == SUBSCRIBE:
            wanted = filters(packet.body, five=self.five)
            line.send(suback(packet.identifier, self.grants(len(wanted)), five=self.five))
            line.stood = True
        elif packet.kind == PINGREQ and self.pongs:
            line.send(PINGRESP_BYTES)
        elif packet.kind == PUBLISH and packet.first & 6 and self.pubacks:
            said = published(packet, five=self.five)
            assert said is not None
            line.send(answer(PUBACK, said.identifier))
