"""A screen that has no place to live must not keep the edge from watching."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.simulation.broker import LocalBroker, free_port
from tests.gateway.roles.edge.edge import running, until, write_site

pytestmark = pytest.mark.broker


async def test_without_a_folder_the_edge_runs_and_the_screen_does_not(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Detection never stops: not for the screen's disk either."""
    (tmp_path / "taken").write_text("a file stands where the folder should be")
    screen = f'[screen]\nlisten = "127.0.0.1:{free_port()}"'
    path = write_site(tmp_path, port=broker.port, store="taken/data", more=screen)
    async with running(path) as edge:
        assert edge.active("@node/storage_lost")
        await edge.say(150.0)
        await until(lambda: "gw/A/h" in edge.sounding)
