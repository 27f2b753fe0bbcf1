"""The watch over one connection's socket: when it is read, rested, paused and written to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from gateway.southbound.client import BufferedClient

#: Reads of a busy socket are this far apart: what comes in between is taken together.
APART_S: Final = 0.001


class SocketWatch:
    """Has the event loop watch a socket until `close`.

    Parameters
    ----------
    client, sock
        The client, connected, and its socket.
    take
        Takes what the client has read. Returns whether the broker has room to send more while the
        socket is not read for a moment.
    """

    def __init__(
        self, client: BufferedClient, sock: socket.socket, *, take: Callable[[], bool]
    ) -> None:
        self.paused = False
        self.read_at = 0.0
        self._client = client
        self.socket = sock
        self._take = take
        self._closed = False
        self._listening = self._writing = False
        self._rest: asyncio.TimerHandle | None = None

    @property
    def resting(self) -> bool:
        """Whether a busy socket is left alone for a moment."""
        return self._rest is not None

    def read(self) -> None:
        """Read once, have it taken, send what is owed, and see when to read again."""
        if self._closed or self.paused or self.resting:
            return
        loop = asyncio.get_running_loop()
        before, self.read_at = self.read_at, loop.time()
        came = self._client.receive()
        room = self._take()
        self.flush()
        if self._closed or self.paused:
            return
        resting = came and room and self.read_at - before < 2 * APART_S
        self._listen(wanted=not resting)
        if resting:
            self._rest = loop.call_later(APART_S, self._rested)
        elif self._client.unannounced:
            loop.call_soon(self.read)

    def pause(self) -> None:
        """Read no more: the broker waits."""
        self.paused = True
        self._listen(wanted=False)

    def resume(self) -> None:
        """Read again."""
        if self.paused:
            self.paused = False
            # What TLS holds is announced by nobody.
            asyncio.get_running_loop().call_soon(self.read)

    def flush(self) -> None:
        """Send what the client holds; what the kernel does not take, when it has room."""
        if self._closed:
            return
        if self._client.want_write():
            self._client.loop_write()
        if self._closed or self._client.want_write() == self._writing:
            return
        loop = asyncio.get_running_loop()
        self._writing = not self._writing
        if self._writing:
            loop.add_writer(self.socket, self.flush)
        else:
            loop.remove_writer(self.socket)

    def close(self) -> None:
        """Watch no more.

        Before the socket is closed: the loop would keep the number, and a new socket that is given
        the same number would never be reported readable.
        """
        if self._closed:
            return
        self._closed = True
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self.socket.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.socket)
            loop.remove_writer(self.socket)

    def _listen(self, *, wanted: bool) -> None:
        if wanted == self._listening or self._closed:
            return
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self.socket, self.read)
        else:
            loop.remove_reader(self.socket)
        self._listening = wanted

    def _rested(self) -> None:
        self._rest = None
        self.read()
