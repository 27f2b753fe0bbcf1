"""Metrics are served to whoever asks, and hold nothing for who does not."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Gauge

from gateway.roles.edge import serving
from gateway.roles.edge.serving import SEATS, MetricsServer, serve


@pytest.fixture(params=["127.0.0.1", "[::1]"])
def server(request: pytest.FixtureRequest) -> Iterator[MetricsServer]:
    registry = CollectorRegistry()
    Gauge("seats", "Of a test.", registry=registry).set(7)
    try:
        made = serve(request.param, 0, registry)
    except OSError as error:
        pytest.skip(f"{request.param}: {error}")
    yield made
    made.shutdown()
    made.server_close()


def scraped(server: MetricsServer) -> str:
    host, port = server.server_address[:2]
    shown = f"[{host}]" if ":" in str(host) else host
    with urllib.request.urlopen(f"http://{shown}:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def test_among_silent_callers_a_scrape_is_answered(server: MetricsServer) -> None:
    """Two hundred that connect and say nothing hold few threads, and no scrape up."""
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(server.server_address[:2]))
        assert "seats 7.0" in scraped(server)
        assert server.seated <= SEATS
        until = time.monotonic() + 30
        while threading.active_count() > before + SEATS and time.monotonic() < until:
            time.sleep(0.01)
        assert threading.active_count() <= before + SEATS


def test_who_says_nothing_is_sent_away(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent caller loses its seat though nobody else wants it."""
    monkeypatch.setattr(serving._Handler, "timeout", 0.05)
    with socket.create_connection(server.server_address[:2], timeout=30) as caller:
        assert caller.recv(1) == b""
    assert "seats 7.0" in scraped(server)
