"""A whole edge in this process, on a real broker: what it is told, and what it then holds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from gateway.alarms.actions import SirenCommand
from gateway.clock import SystemClock
from gateway.db import Database
from gateway.journal import Verification, verify
from gateway.model import AlarmEvent, Clock, decode_event
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.site import load_site

WAIT_S = 30.0
SIREN = "site/siren"
SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = {{ name = "E" }}
[broker]
url = "mqtt://127.0.0.1:{port}"
{more}
[store]
folder = "{folder}"
reserve_mib = {reserve}
[siren]
topic = "site/siren"
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "A1"
topic = "plant/d1"
time = "/ts"
[[device.point]]
channel = "nh3"
pointer = "/a"
tag = "A"
unit = "ppm"
range = [0, 1000]
interval = "10min"
limits = {{ h = 100, hh = 500, deadband = 5 }}
[[device.point]]
channel = "nh3"
pointer = "/b"
tag = "B"
unit = "ppm"
range = [0, 1000]
interval = "10min"
limits = {{ h = 100, latch = true }}
"""


def write_site(
    folder: Path, *, port: int, store: str = "data", more: str = "", reserve: int = 1
) -> Path:
    """Write a site of one device with two points; return its path."""
    path = folder / "site.toml"
    text = SITE.format(port=port, folder=store, more=more, reserve=reserve)
    path.write_text(text, encoding="utf-8")
    return path


async def until(condition: Callable[[], object], seconds: float = WAIT_S) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"not within {seconds:g} s")


@dataclass
class Edge:
    """A running edge, and a client of the same broker."""

    node: EdgeNode
    client: aiomqtt.Client
    commands: list[SirenCommand]
    started_again: list[str]
    last_ms: int = 0
    said: int = 0
    forgive: bool = False

    async def say(self, *values: float, point: str = "a") -> None:
        """Publish readings of one point at QoS 1, each a millisecond newer than the last."""
        for value in values:
            self.last_ms = max(self.last_ms + 1, time.time_ns() // 1_000_000)
            payload = json.dumps({"ts": self.last_ms, point: value})
            await self.client.publish("plant/d1", payload, qos=1)
            self.said += 1

    def active(self, alarm: str) -> bool:
        """Whether an alarm's condition holds, as the desk knows it."""
        return self.node.desk.status(f"gw/{alarm}").active

    @property
    def sounding(self) -> set[str]:
        """What the siren panel was told last."""
        return set(self.commands[-1].alarms) if self.commands else set()


def stored(path: Path) -> list[AlarmEvent]:
    """Every event of a store, in order."""
    database = Database(path / "store.db", "edge", read_only=True)
    rows = database.execute("SELECT entry FROM journal ORDER BY seq")
    database.close()
    return [decode_event(row[0]) for row in rows]


def verified(path: Path, *, key: str = "") -> Verification:
    """What the journal's own check finds."""
    database = Database(path / "store.db", "edge", read_only=True)
    found = verify(database, key=key)
    database.close()
    return found


@asynccontextmanager
async def running(
    path: Path, *, client_port: int = 0, clock: Clock | None = None
) -> AsyncIterator[Edge]:
    """An edge that has subscribed, and somebody who speaks to it and hears its siren."""
    site = load_site(path)
    again: list[str] = []
    commands: list[SirenCommand] = []

    async def hear(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            assert not message.retain
            commands.append(msgspec.json.decode(message.payload, type=SirenCommand))

    async with aiomqtt.Client("127.0.0.1", client_port or site.settings.broker.port) as client:
        await client.subscribe(SIREN, qos=1)
        hearing = asyncio.create_task(hear(client))
        try:
            async with EdgeNode(site, clock=clock or SystemClock(), again=again.append) as node:
                await until(lambda: node.session.connected)
                made = Edge(node, client, commands, again)
                yield made
                # A task of the node that died would otherwise go unseen.
                for task in () if made.forgive else node._tasks:
                    if task.done() and not task.cancelled() and task.exception() is not None:
                        pytest.fail(f"{task.get_name()} died: {task.exception()!r}")
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
