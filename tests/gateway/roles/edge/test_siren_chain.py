"""The panel's heartbeat proves the whole chain: broker, reception, engine and actions."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.roles.edge.line import Line
from gateway.simulation.broker import LocalBroker, mosquitto
from gateway.southbound.mqtt import BrokerSession
from tests.gateway.roles.edge.edge import running, until, write_site

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]


async def test_a_healthy_gateway_is_heard_each_second(tmp_path: Path) -> None:
    """Markers come back through the broker, so the panel hears heartbeats without an alarm."""
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            await until(lambda: len(edge.commands) >= 3)
            assert not any(command.on for command in edge.commands)
            assert edge.node.metrics.unrouted._value.get() == 0
            assert edge.node.metrics.messages._value.get() == 0


async def test_a_gateway_that_takes_nothing_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing reaches the engine there is no heartbeat, though the process beats on."""
    beats = 0
    mark = BrokerSession.mark

    def count(session: BrokerSession) -> None:
        nonlocal beats
        beats += 1
        mark(session)

    monkeypatch.setattr(BrokerSession, "mark", count)
    monkeypatch.setattr(Line, "take", lambda _line, _messages: None)
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            await until(lambda: beats >= 3)
            # What sounds is told once to a panel that may have missed it; then nothing.
            assert len(edge.commands) == 1
