"""Metrics over HTTP, for a few callers at a time.

The library's own server gives every caller a thread for as long as the caller likes: ten thousand
that say nothing would take all threads and descriptors of the gateway. Here the one that has been
there longest makes room for the newest, so that also among them a scrape is answered.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import OrderedDict
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

#: More than one monitoring system and a person with a browser.
SEATS: Final = 16
#: Who says nothing for so long is sent away, s.
PATIENCE_S: Final = 5.0


class MetricsServer(ThreadingMixIn, WSGIServer):
    """A server of few threads."""

    daemon_threads = True
    request_queue_size = 128
    address_family = socket.AF_INET

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._held = threading.Lock()
        self._seated: OrderedDict[socket.socket, None] = OrderedDict()
        super().__init__(*arguments, **options)

    @property
    def seated(self) -> int:
        """How many callers are there now."""
        return len(self._seated)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the caller a thread; the oldest loses its seat where all are taken."""
        with self._held:
            while len(self._seated) >= SEATS:
                oldest, _ = self._seated.popitem(last=False)
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            self._seated[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Free the seat."""
        with self._held:
            self._seated.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a caller that broke off: it is its own affair."""

    def server_bind(self) -> None:
        """Bind without asking anybody for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _SixServer(MetricsServer):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def serve(host: str, port: int, registry: CollectorRegistry) -> MetricsServer:
    """Serve a registry on a thread of its own, until `shutdown`.

    Raises
    ------
    OSError, OverflowError
        The address cannot be had.
    """
    host = host.strip("[]")
    kind = _SixServer if ":" in host else MetricsServer
    server = make_server(host, port, make_wsgi_app(registry), kind, handler_class=_Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
