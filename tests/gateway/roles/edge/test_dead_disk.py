"""Processes that a disk does not let go: no signal ends them, and the site is watched all the same.

The disk is one of the laboratory's own, served behind the kernel, so that calls truly hang there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import db, holding
from gateway.clock import SystemClock
from gateway.northbound.spool import Configuration
from gateway.roles.edge.disk_again import refusal
from gateway.roles.edge.recovery import open_store
from tests.faults.disks.power import LossyDisk, missing
from tests.gateway.roles.edge.edge import until

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "present")
CONFIGURATION = Configuration(hash="", tags=[])

#: Has a store, and a thread that syncs a file on its disk when it is told to.
HANGS = """
import os, sys, threading
from pathlib import Path
from gateway.clock import SystemClock
from gateway.northbound.spool import Configuration
from gateway.roles.edge.recovery import open_store
folder = Path(sys.argv[1])
opened = open_store(folder, configuration=Configuration(hash="", tags=[]), clock=SystemClock())
file = os.open(folder / "any", os.O_WRONLY | os.O_CREAT)
os.write(file, b"x")
print("open", flush=True)
sys.stdin.readline()
threading.Thread(target=os.fsync, args=(file,), daemon=True).start()
sys.stdin.readline()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LossyDisk]:
    with LossyDisk(tmp_path / "disk") as made:
        try:
            yield made
        finally:
            made.answer()


def begun(disk: LossyDisk, program: str) -> subprocess.Popen[bytes]:
    """Start a program on the disk, and let that hang under a thread of it."""
    command = [sys.executable, "-c", program, str(disk.place)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    disk.hang()
    process.stdin.write(b"\n")
    process.stdin.flush()
    disk.held()
    return process


async def test_a_start_takes_memory_where_the_disk_keeps_the_last_process(
    disk: LossyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator starts an edge anew whose disk is dead: the site is watched, and it goes back."""
    monkeypatch.setattr(db, "ENDING_S", 0.2)
    folder = disk.place  # the folder above it is elsewhere, and answers
    process = begun(disk, HANGS)
    process.kill()
    await until(lambda: holding.is_over(process.pid))
    opened = open_store(folder, configuration=CONFIGURATION, clock=SystemClock())
    assert opened.spool is None
    assert "has ended, but its disk" in opened.trouble
    opened.close()
    disk.answer()
    with process:
        pass
    assert refusal(folder, 1024, held=False) == ""
    again = open_store(folder, configuration=CONFIGURATION, clock=SystemClock())
    assert again.spool is not None
    again.close()
