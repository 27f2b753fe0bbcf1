"""A site with a screen of its own: a centre beside the edge, paired and fed without a hand."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from gateway.northbound import outbox
from gateway.simulation.broker import LocalBroker, free_port
from tests.gateway.roles.edge.edge import Edge, running, until, write_site

pytestmark = pytest.mark.broker


async def empty(edge: Edge) -> bool:
    """Whether the screen has taken everything."""
    left: int = await edge.node.storage.act(lambda database: outbox.waiting(database, "screen"))
    return not left


async def test_the_screen_is_started_paired_fed_and_kept_running(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """It answers on its own address, takes every event, comes back when killed, ends with us."""
    port = free_port()
    path = write_site(
        tmp_path, port=broker.port, more=f'[screen]\nlisten = "127.0.0.1:{port}"'
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        try:
            return httpx.get(address, timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        await until(answers, 60)
        await until(lambda: bool(edge.node.upward.uplinks), 60)
        await until(lambda: edge.node.upward.uplinks[0].connected, 60)
        for _ in range(600):
            if await empty(edge):
                break
        assert await empty(edge)
        # Detection went on meanwhile; now the screen dies.
        own = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and f"{tmp_path}/data/screen/centre.toml" in command(entry)
        ]
        assert len(own) == 1
        os.kill(own[0], 9)
        await until(lambda: not answers(), 30)
        await edge.say(20.0)
        await until(lambda: not edge.active("A/h"))
        await until(answers, 60)
    await until(lambda: not answers(), 30)


def command(process: Path) -> str:
    """The command line of a process; empty when it is gone."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
