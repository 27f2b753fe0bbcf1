"""A process beside the edge ends with it, and is not waited for beside a disk that failed."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from gateway.roles.edge.child import STOP_S, keep_running
from gateway.roles.edge.standstill import LeftAlone
from tests.gateway.roles.edge.edge import until

#: Says that it runs, and what asked it to end; it does not end by being asked.
STUBBORN = """
import signal, sys, time
from pathlib import Path
said = Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: said.write_text("asked"))
said.write_text("runs")
time.sleep(600)
"""


@pytest.mark.parametrize("failed", [False, True])
async def test_it_is_asked_to_end_unless_the_disk_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, failed: bool
) -> None:
    """Until it has ended the edge that begins anew watches nothing."""
    monkeypatch.setattr("gateway.roles.edge.child.STOP_S", 0.5)
    said = tmp_path / "said"
    running = asyncio.create_task(
        keep_running(
            "it", sys.executable, "-c", STUBBORN, str(said), alone=LeftAlone(failed=failed)
        )
    )
    await until(lambda: said.exists() and said.read_text() == "runs")
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert said.read_text() == ("runs" if failed else "asked")
    assert time.monotonic() - began < STOP_S
