"""The same readings live, through a real broker, and replayed from a file: the same events."""

from __future__ import annotations

import asyncio
import csv
import json
import math
import time
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from gateway.clock import SystemClock
from gateway.db import Database
from gateway.model import LIVE_ONLY
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.site import Site, load_site
from gateway.roles.replay import replay_file
from gateway.simulation.broker import LocalBroker, mosquitto

SECONDS = 16
SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = {{ name = "E" }}
[broker]
url = "{broker}"
version = "{version}"
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "A1"
topic = "p/d1"
time = "/ts"
[[device.point]]
channel = "nh3"
pointer = "/a"
tag = "A"
unit = "ppm"
range = [0, 1000]
interval = "1s"
limits = {{ h = 100, hh = 115, deadband = 5, off_delay = "2s" }}
trend = {{ horizon = "60s", tau = "1s" }}
rate = {{ limit = 30, tau = "2s" }}
[[device.point]]
channel = "nh3"
pointer = "/b"
tag = "B"
unit = "ppm"
range = [0, 1000]
interval = "1s"
limits = {{ h = 100, on_delay = "1500ms" }}
[[device]]
id = "d2"
profile = "generic/json"
area = "A1"
topic = "p/d2"
time = "/ts"
[[device.point]]
channel = "nh3"
pointer = "/c"
tag = "C"
unit = "ppm"
range = [0, 1000]
interval = "1s"
limits = {{ h = 100, on_delay = "1s" }}
"""


def values(second: int) -> tuple[float | None, float | None, float | None]:
    """What the points read: a rise with a spike, a plateau, a sensor that falls silent."""
    a = 10.0 + 10.0 * second if second < 12 else 20.0
    b = 150.0 if 3 <= second < 8 else 20.0
    c = None if 5 <= second < 11 else (150.0 if second == 4 else 20.0)
    return a, (None if second == 9 else b), c


async def play(site: Site, port: int) -> list[tuple[int, str, float]]:
    """Publish in step with the clock; return what was said."""
    said: list[tuple[int, str, float]] = []
    begin = (time.time_ns() // 1_000_000_000 + 1) * 1_000 + 500
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for second in range(SECONDS):
            source = begin + 1000 * second
            await asyncio.sleep(max(0.0, source / 1000 - time.time()))
            a, b, c = values(second)
            await client.publish("p/d1", json.dumps({"ts": source, "a": a, "b": b}), qos=1)
            said += [(source, "A", math.nan if a is None else a)]
            said += [(source, "B", math.nan if b is None else b)]
            if c is not None:
                await client.publish("p/d2", json.dumps({"ts": source, "c": c}), qos=1)
                said += [(source, "C", c)]
    del site
    return said


def record(path: Path, said: list[tuple[int, str, float]]) -> None:
    """Write what was said as a long file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "tag", "value", "quality"])
        for source, tag, value in said:
            row = (source, tag, "nan" if math.isnan(value) else repr(value))
            writer.writerow((*row, "MISSING" if math.isnan(value) else "GOOD"))


def stripped(entries: list[bytes], *, until_ns: int) -> list[dict[str, object]]:
    """Events without the fields in which live and replay may differ."""
    found = []
    for entry in entries:
        event = msgspec.json.decode(entry)
        # Before the first reading a live node has its own instants for its life and start.
        own = event["kind"] in {"life", "start"}
        if event["source_ns"] > until_ns:
            continue
        found.append(
            {
                key: value
                for key, value in event.items()
                if key not in LIVE_ONLY and not (own and key == "source_ns")
            }
        )
    return found


@pytest.mark.broker
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize("version", [pytest.param("3.1.1", marks=pytest.mark.more), "5"])
async def test_live_and_replay_give_the_same_events(tmp_path: Path, version: str) -> None:
    """Readings sent on time through a broker and replayed from a file give the same events."""
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        path = tmp_path / "site.toml"
        path.write_text(SITE.format(broker=broker.url, version=version), encoding="utf-8")
        site = load_site(path)
        async with EdgeNode(site, clock=SystemClock(), again=pytest.fail) as node:
            async with asyncio.timeout(20):
                while not node.session.connected:
                    await asyncio.sleep(0.01)
            said = await play(site, broker.port)
            await asyncio.sleep(0.5)
    until = said[-1][0] * 1_000_000
    database = Database(tmp_path / "data" / "store.db", "edge", read_only=True)
    live = [row[0] for row in database.execute("SELECT entry FROM journal ORDER BY seq")]
    database.close()
    record(tmp_path / "said.csv", said)
    out = tmp_path / "alarms.jsonl"
    replay_file(site, tmp_path / "said.csv", out, batch=5)
    replayed = out.read_bytes().splitlines()
    expected = stripped(replayed, until_ns=until)
    assert stripped(live, until_ns=until) == expected
    rules = {(event["tag"], event["rule"], event["cause"]) for event in expected}
    assert ("C", "no_data", "raise") in rules
    assert ("C", "no_data", "clear") in rules
    assert ("C", "h", "raise") in rules  # its delay ran out by the clock, in silence
    assert ("B", "h", "raise") in rules
    assert {("A", "trend", "raise"), ("A", "hh", "raise"), ("A", "hh", "clear")} <= rules
    for batch in (1, 4096):
        again = tmp_path / f"again-{batch}.jsonl"
        replay_file(site, tmp_path / "said.csv", again, batch=batch)
        assert again.read_bytes() == out.read_bytes()
