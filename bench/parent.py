"""A node above, as far as a bench needs one: it takes what the edge sends and notes when it came.

It speaks the wire's intake, heartbeat and order stream over plain HTTP on loopback. It answers only
what it has read whole, and keeps nothing: what it adds to a delivery is next to nothing.
"""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from bench.durable import BY_READINGS
from gateway.model import decode_event
from gateway.northbound import wire

#: The order stream says that it lives.
SIGN_S: Final = 10.0


class Delivered(NamedTuple):
    """An alarm's event, its source time, and when its intake was here (ns since the epoch)."""

    seq: int
    source_ns: int
    at_ns: int


class Parent:
    """Listens for the length of a block."""

    def __init__(self) -> None:
        self.delivered: list[Delivered] = []
        self.summaries = 0
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Its address, as a site file states it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Return whether it has ended within so long."""
        return self._ended.wait(seconds)

    def take(self, body: bytes, at_ns: int) -> bytes:
        """Note what an intake brings and return its receipts."""
        intake = msgspec.json.decode(body, type=wire.Intake)
        for item in intake.items:
            if item.kind == "event":
                event = decode_event(item.body)
                if event.cause in BY_READINGS and event.value is not None:
                    self.delivered.append(Delivered(event.seq, event.source_ns, at_ns))
            self.summaries += item.kind == "summary"
        stored = [wire.Receipt(id=item.id, status="stored") for item in intake.items]
        return wire.encode(wire.Receipts(receipts=stored))


def _answering(parent: Parent) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The head of an answer and its body are one packet.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            now = time.time_ns()
            if self.path == wire.INTAKE:
                self._answer(parent.take(body, now))
            elif self.path == wire.HEARTBEAT:
                beat = wire.HeartbeatAnswer(clock_ns=now, anchored_seq=0, anchored_head="")
                self._answer(wire.encode(beat))
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def do_GET(self) -> None:
            if self.path != wire.ORDERS:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self.close_connection = True
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                self.wfile.flush()
                while not parent.wait(SIGN_S):
                    self.wfile.write(b": alive\n\n")
                    self.wfile.flush()
            except OSError:
                return  # the edge has gone

        def _answer(self, body: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Say nothing on stderr."""

    return Handler
