"""The player and its broker: what the record says is what was published, byte for byte."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from device_profiles.instant import to_nanoseconds
from gateway.clock import SystemClock
from gateway.model import NANOSECONDS
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker, mosquitto
from gateway.simulation.plant import Fault, FaultKind, Scenario, Signal, SimulatedPlant
from gateway.simulation.player import Player
from tests.gateway.roles.edge.edge import write_site

PROGRAMS = [
    pytest.param(
        mosquitto(),
        marks=[
            pytest.mark.broker,
            pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
        ],
        id="mosquitto",
    ),
    pytest.param(None, id="amqtt"),
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_local_broker_answers_while_it_is_asked_for(tmp_path: Path, program: str | None) -> None:
    """It accepts connections when `start` returns, none after `stop`, and starts again."""
    broker = LocalBroker(tmp_path / "broker", program=program)
    for _ in range(2):
        with broker:
            socket.create_connection(("127.0.0.1", broker.port), timeout=5).close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", broker.port), timeout=5)
    broker.stop()


def test_a_broker_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    """Its own words are in the error, and nothing is waited for that has ended."""
    with (
        pytest.raises(ConnectionError, match="did not come up"),
        LocalBroker(tmp_path / "broker", program="false"),
    ):
        pass


@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
async def test_the_record_is_what_was_published(tmp_path: Path) -> None:
    """Every message is recorded once with its time and values; a silent sensor says nothing."""
    site = load_site(write_site(tmp_path, port=1))
    faults = (
        Fault(tag="B", kind=FaultKind.BROKEN, start_s=0.0, end_s=0.12),
        Fault(tag="A", kind=FaultKind.SILENT, start_s=0.25, end_s=9.0),
        Fault(tag="B", kind=FaultKind.SILENT, start_s=0.35, end_s=9.0),
    )
    signals = {"A": Signal(base=20, noise=1), "B": Signal(base=30, noise=1)}
    simulated = SimulatedPlant(signals, Scenario(name="faults", faults=faults))
    clock = SystemClock()
    player = Player(site.plant, simulated, clock=clock, period_s=0.1)
    heard: list[dict[str, Any]] = []
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.subscribe("plant/#", qos=1)
            until = clock.now_ns() + NANOSECONDS // 2
            await player.play(client, until_ns=until, wait=asyncio.sleep)
            async with asyncio.timeout(30):
                async for message in client.messages:
                    assert str(message.topic) == "plant/d1"
                    assert isinstance(message.payload, bytes)
                    heard.append(json.loads(message.payload))
                    if len(heard) == player.record.messages:
                        break
    # Silent from 0.35 s on; a machine that stalls may lose a turn, never add one.
    assert 0 < player.record.messages <= 5
    said = iter(player.record.said)
    for payload in heard:
        for point, key in ((0, "a"), (1, "b")):
            each = next(said)
            assert each.point == point
            assert each.source_ns == to_nanoseconds(payload["ts"], "auto")
            assert each.source_ns <= each.published_ns
            value = payload.get(key)
            if isinstance(value, float | int):
                assert value == each.value
            else:
                assert math.isnan(each.value)
    assert next(said, None) is None
