"""An edge in this process, started anew as often as it wants, with somebody who hears its siren.

Where a fault lies in files and not in processes this is as true as a process of its own, and ten
times as fast.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiomqtt
import msgspec

from gateway.alarms.actions import SirenCommand
from gateway.config import ConfigError
from gateway.pipeline.binding import SiteError
from gateway.roles.edge.disk_again import FAILURES
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.run import run_edge
from gateway.roles.edge.site import load_site
from tests.chain.site import site_text

SIREN: Final = "panel/siren"
POINTS: Final = 3
#: More starts than the product needs are a crash loop.
MOST_STARTS: Final = 3
decode = msgspec.json.Decoder(SirenCommand).decode


def write_site(folder: Path, port: int) -> Path:
    """Write a site of a few points without a parent; return its file."""
    tables = f'[siren]\ntopic = "{SIREN}"\n[store]\nfolder = "data"\nreserve_mib = 1\n'
    path = folder / "edge.toml"
    path.write_text(site_text(f"mqtt://127.0.0.1:{port}", points=POINTS, tables=tables))
    return path


@dataclass
class EdgeHere:
    """A running edge and what is known of it."""

    client: aiomqtt.Client
    nodes: list[EdgeNode] = field(default_factory=list)
    sounding: frozenset[str] = frozenset()
    heard: int = 0
    starts: int = 0
    died: str = ""
    #: When the last reading was made, ms since 1970.
    said_ms: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def node(self) -> EdgeNode:
        """The newest start."""
        return self.nodes[-1]

    async def say(self, point: int, value: float) -> None:
        """Publish a reading of one point, as of now, and later than the one before."""
        self.said_ms = max(time.time_ns() // 1_000_000, self.said_ms + 1)
        payload = json.dumps({"ts": self.said_ms, "v": value})
        await self.client.publish(f"plant/d{point:02}", payload, qos=1)

    async def sounds(self, alarm: str, *, within_s: float) -> float | None:
        """Return after how many seconds an alarm sounds, or None."""
        began = time.monotonic()
        while time.monotonic() - began < within_s and not self.ended.is_set():
            if alarm in self.sounding:
                return time.monotonic() - began
            await asyncio.sleep(0.01)
        return None

    async def subscribed(self, *, within_s: float) -> bool:
        """Wait until it listens to the broker; return whether it does."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self.ended.is_set():
            if self.nodes and self.node.session.connected:
                return True
            await asyncio.sleep(0.01)
        return False

    async def keep_running(self, site: Path, stop: asyncio.Event) -> None:
        """Start it again as its process does after a failed store, until it is stopped."""
        failed = 0
        try:
            while self.starts < MOST_STARTS:
                self.starts += 1
                os.environ[FAILURES] = str(failed)
                if not await run_edge(load_site(site), ready=self.nodes.append, stop=stop):
                    return
                stop.clear()
                failed += 1
            self.died = f"started {self.starts} times and not done"
        except (ConfigError, SiteError) as error:
            self.died = f"refused: {error}"
        except Exception as error:  # noqa: BLE001 - whatever it dies of is what is looked for
            self.died = f"died: {type(error).__name__}: {error}"
        finally:
            os.environ.pop(FAILURES, None)
            self.ended.set()


@asynccontextmanager
async def edge_here(site: Path, port: int) -> AsyncIterator[EdgeHere]:
    """Run an edge for the length of a block."""
    stop = asyncio.Event()

    async def hear(edge: EdgeHere) -> None:
        async for message in edge.client.messages:
            command = decode(bytes(message.payload))
            edge.sounding = frozenset(command.alarms) if command.on else frozenset()
            edge.heard += 1

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(SIREN, qos=1)
        edge = EdgeHere(client)
        hearing = asyncio.create_task(hear(edge))
        running = asyncio.create_task(edge.keep_running(site, stop))
        try:
            yield edge
        finally:
            stop.set()
            await running
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
