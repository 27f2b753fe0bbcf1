"""Connections to a centre: who begins a request finishes it, or is cut off.

uvicorn waits for ever for the rest of a request, so a handful of half-sent ones from anywhere
would hold memory and sockets until no child gets through. What the centre itself keeps waiting (a
body that nobody reads yet, an answer, a stream) is never cut.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: A request is whole after so long, or so much of it has come, each time anew.
PATIENCE_S = 20.0
LEAST_BYTES = 20 * 1024
#: Open at once; beyond it requests are answered 503. Below LimitNOFILE of the unit, with room for
#: three connections of each of thousands of children.
CONNECTIONS = 20_000

OWED = frozenset({h11.IDLE, h11.SEND_BODY})


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with an end to its patience."""

    _received = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what was sent; a whole request ends the wait."""
        self._received += len(data)
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request, which may have begun already."""
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        if self.conn.their_state not in OWED or self.transport.is_closing():
            self._stop()
        elif self._timer is None:
            self._received = 0
            self._timer = self.loop.call_later(PATIENCE_S, self._judge)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _judge(self) -> None:
        self._timer = None
        # While reading is paused it is the centre that keeps the sender waiting.
        if self.flow.read_paused or self._received >= LEAST_BYTES:
            self._watch()
        else:
            self.transport.abort()
