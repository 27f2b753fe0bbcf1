"""Ten minutes in the broker's queue, handed over in seconds: no rate, no trend, nothing cleared."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiomqtt
import pytest

from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.roles.edge.edge import running, stored, until, verified

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]
AWAY_S = 600
SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = {{ name = "E" }}
[broker]
url = "mqtt://127.0.0.1:{port}"
version = "{version}"
[store]
folder = "{folder}"
[siren]
topic = "site/siren"
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
"""
#: A device without a clock, and what it is watched for.
DEVICE = """[[device]]
id = "d{n}"
profile = "generic/json"
area = "A1"
topic = "plant/d{n}"
time = "received"
[[device.point]]
channel = "nh3"
pointer = "/v"
tag = "T{n:02}"
unit = "ppm"
range = [0, 1000]
interval = "1s"
limits = {{ h = 100, hh = 500, deadband = 5 }}
rate = {{ limit = 30, tau = "2s" }}
trend = {{ horizon = "60s", tau = "1s" }}
"""


def write_site(folder: Path, port: int, version: str, devices: int) -> Path:
    path = folder / "site.toml"
    text = SITE.format(port=port, version=version, folder=folder / "data")
    path.write_text(text + "".join(DEVICE.format(n=n) for n in range(devices)), encoding="utf-8")
    return path


def queued(device: int, second: int) -> float:
    """What a device said while nobody listened: each sort once in four.

    A slow climb that is a leap when ten minutes pass in a second; an alarm that stood before and
    comes back to normal in between; a spell beyond the limit that is over; a quiet point.
    """
    sort = device % 4
    if sort == 0:
        return 20.0 + 0.12 * second
    if sort == 1:
        return 20.0 if 100 <= second < 500 else 150.0
    if sort == 2:
        return 150.0 if 200 <= second < 300 else 20.0
    return 20.0 + second % 3


async def say(client: aiomqtt.Client, second: int, devices: int) -> None:
    for device in range(devices):
        payload = json.dumps({"v": queued(device, second)})
        await client.publish(f"plant/d{device}", payload, qos=1)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("version", "devices"),
    [
        ("5", 8),
        pytest.param("3.1.1", 40, marks=pytest.mark.more),
        pytest.param("5", 40, marks=pytest.mark.more),
    ],
)
async def test_a_queue_of_ten_minutes_raises_limits_alone(
    tmp_path: Path, version: str, devices: int
) -> None:
    """What waited raises its limits; no rate and no trend rises from it, and it ends nothing."""
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        path = write_site(tmp_path, broker.port, version, devices)
        async with running(path) as edge:
            for _ in range(3):
                await say(edge.client, 0, devices)
                await asyncio.sleep(0)
            high = [n for n in range(devices) if n % 4 == 1]
            await until(lambda: all(edge.active(f"T{n:02}/h") for n in high))
            await until(lambda: not edge.node.line.owed.receipts)
        standing = len(stored(tmp_path / "data"))
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            for second in range(AWAY_S):
                await say(client, second, devices)
        async with running(path) as edge:
            count = edge.node.metrics.messages._value
            await until(lambda: count.get() >= devices * AWAY_S, 120)
            await until(lambda: not edge.node.session.fenced, 120)
            await until(lambda: not edge.node.line.owed.receipts, 60)
    told = [(e.tag, e.rule, e.cause) for e in stored(tmp_path / "data")[standing:] if e.tag]
    plant = [each for each in told if each[0] != "@node" and each[1] != "no_data"]
    raised = {f"T{n:02}" for n in range(devices) if n % 4 == 2}
    assert [each for each in plant if each[2] != "raise"] == []
    assert sorted(plant) == sorted((tag, "h", "raise") for tag in raised)
    assert not verified(tmp_path / "data").problems
