"""Ports and brokers for demo and tests."""

import socket
from collections import deque

import pytest

from gateway.simulation import broker


def test_a_free_port_is_none_that_a_connection_could_be_given() -> None:
    """What a test starts again on the same port must not find another's connection there."""
    # The kernel chooses this one, as it does for connections (ip_local_port_range).
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = server.getsockname()[1]
    assert max(broker.free_port() for _ in range(200)) < min(given, 32768)


def test_a_taken_port_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two ports of which somebody listens on one, the other is returned."""
    first, second = broker.free_port(), broker.free_port()
    monkeypatch.setattr(broker, "PORTS", [first, second])
    monkeypatch.setattr(broker, "GIVEN", deque(maxlen=0))
    with socket.create_server(("127.0.0.1", first)):
        assert {broker.free_port() for _ in range(20)} == {second}


def test_a_port_that_nobody_listens_on_yet_is_not_given_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asks for several ports before listening on any has as many."""
    monkeypatch.setattr(broker, "PORTS", range(20_000, 20_018))
    monkeypatch.setattr(broker, "GIVEN", deque(maxlen=1_000))
    given = [broker.free_port() for _ in range(12)]
    assert len(set(given)) == 12
