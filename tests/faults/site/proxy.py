"""A TCP proxy with weather: slow, sliced, stalled, frozen, swallowing, cut, and cruel to HTTP."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from gateway.simulation.broker import free_port

UP: Final = "up"
DOWN: Final = "down"
READ_BYTES: Final = 65_536
#: Told of every piece that came: connection, direction, bytes (empty when it opens).
Watch = Callable[[int, str, bytes], None]


@dataclass(slots=True)
class Weather:
    """What happens to bytes from now on.

    Parameters
    ----------
    latency_s
        Each piece is held back so long, in each direction.
    slice_bytes
        Pieces are cut to this size; 0 leaves them.
    stall_share, stall_s
        This share of the pieces is held back so long.
    frozen
        Nothing is read: the sender's buffers fill. What came goes on when it thaws.
    swallowing
        Everything is read and nothing goes on: a half-open connection.
    reset_requests
        This share of HTTP requests ends in a reset of both sides once the request has gone up.
    lost_answers
        This share of HTTP answers is lost, and the connection with it: the work was done.
    """

    latency_s: float = 0.0
    slice_bytes: int = 0
    stall_share: float = 0.0
    stall_s: float = 0.0
    frozen: bool = False
    swallowing: bool = False
    reset_requests: float = 0.0
    lost_answers: float = 0.0


class Proxy:
    """Listens on a port of its own and connects each client to the target.

    Parameters
    ----------
    target
        Port on loopback.
    chance
        Decides what the weather leaves open.
    watch
        Sees what passes, as it comes.
    """

    def __init__(self, target: int, *, chance: random.Random, watch: Watch | None = None) -> None:
        self.port = free_port()
        self.weather = Weather()
        #: What the weather did: name -> how often.
        self.done: dict[str, int] = {}
        self._target = target
        self._chance = chance
        self._watch = watch or (lambda *_: None)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def listens(self) -> bool:
        """Whether it is open."""
        return self._server is not None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Be gone, as a process that was killed: every connection is reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        number = self._count
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            back, onward = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(onward)
            self._watch(number, UP, b"")
            both = (onward, writer)
            pumps = [
                asyncio.create_task(self._pump(number, UP, reader, both)),
                asyncio.create_task(self._pump(number, DOWN, back, both)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # the target is away: so is this connection
        except asyncio.CancelledError:
            pass
        finally:
            for each in (writer, onward):
                if each is not None:
                    self._writers.discard(each)
                    each.close()
            self._tasks.discard(task)

    async def _pump(
        self,
        number: int,
        direction: str,
        source: asyncio.StreamReader,
        both: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        sink = both[0] if direction == UP else both[1]
        request = Request()
        with suppress(OSError):
            while True:
                await self._thawed()
                data = await source.read(READ_BYTES)
                if not data:
                    return
                # What came while it froze waits here, as in a kernel's buffer.
                await self._thawed()
                self._watch(number, direction, data)
                weather = self.weather
                if weather.swallowing:
                    continue
                if direction == DOWN and self._happens("lost answer", weather.lost_answers):
                    self._reset(both)
                    return
                await self._send(sink, data)
                if (
                    direction == UP
                    and request.whole(data)
                    and self._happens("reset request", weather.reset_requests)
                ):
                    self._reset(both)
                    return

    async def _thawed(self) -> None:
        while self.weather.frozen:
            await asyncio.sleep(0.02)

    async def _send(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        weather = self.weather
        if weather.latency_s:
            await asyncio.sleep(weather.latency_s)
        if self._happens("stall", weather.stall_share):
            await asyncio.sleep(weather.stall_s)
        size = weather.slice_bytes or len(data)
        for begin in range(0, len(data), size):
            sink.write(data[begin : begin + size])
            await sink.drain()
            if weather.slice_bytes:
                # Else the kernel would gather the slices again.
                await asyncio.sleep(0)

    def _happens(self, what: str, share: float) -> bool:
        if not share or self._chance.random() >= share:
            return False
        self.done[what] = self.done.get(what, 0) + 1
        return True

    def _reset(self, both: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        for writer in both:
            reset(writer)


class Request:
    """Finds where HTTP requests end, by their stated length."""

    def __init__(self) -> None:
        self._held = b""

    def whole(self, data: bytes) -> bool:
        """Take what came; return whether a request has come to its end with it."""
        self._held += data
        ended = False
        while (head := self._held.find(b"\r\n\r\n")) >= 0:
            length = 0
            for line in self._held[:head].lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            if len(self._held) < head + 4 + length:
                break
            self._held = self._held[head + 4 + length :]
            ended = True
        return ended


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, as a peer that knows nothing of it."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
