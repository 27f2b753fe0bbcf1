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
from gateway.roles.edge import anew
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


#: The same, under one that begins anew; what begins tells what it has found.
BEGINS = """
import asyncio, os, sys
from pathlib import Path
from gateway import db
from gateway.clock import SystemClock
from gateway.northbound.spool import Configuration
from gateway.roles.edge import anew
from gateway.roles.edge.recovery import open_store
from gateway.tasks import beside
folder = Path(sys.argv[1])
opened = open_store(folder, configuration=Configuration(hash="", tags=[]), clock=SystemClock())
if anew.RESTARTED in os.environ:
    place = "memory" if opened.spool is None else "disk"
    print("begun", os.getpid(), place, os.environ[anew.RESTARTED], flush=True)
    sys.exit()
file = os.open(folder / "any", os.O_WRONLY | os.O_CREAT)
os.write(file, b"x")
print("open", flush=True)
sys.stdin.readline()
async def hang():
    asyncio.ensure_future(beside(os.fsync, file))
    await asyncio.to_thread(sys.stdin.readline)
asyncio.run(hang())
getattr(anew, sys.argv[2])("the reason", *sys.argv[3:])
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LossyDisk]:
    with LossyDisk(tmp_path / "disk") as made:
        try:
            yield made
        finally:
            made.answer()


def begun(disk: LossyDisk, program: str, *more: str) -> subprocess.Popen[bytes]:
    """Start a program on the disk, and let that hang under a thread of it."""
    command = [sys.executable, "-c", program, str(disk.place), *more]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    disk.hang()
    process.stdin.write(b"\n")
    process.stdin.flush()
    disk.held()
    return process


def begins_anew(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Let a program begin anew; return which process it is then, and where its store is."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    for line in process.stdout:
        told, *what = line.decode().split(maxsplit=3)
        if told == "begun":
            pid, place, why = what
            assert why == "the reason\n"
            return int(pid), place
    raise AssertionError("it has not begun anew")


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


@pytest.mark.parametrize("how", ["execute_again", "leave hangs", "restart"])
def test_what_begins_anew_does_not_wait_for_the_disk(disk: LossyDisk, how: str) -> None:
    """Also where only work beside the loop hangs: another process runs, and takes memory."""
    process = begun(disk, BEGINS, *how.split())
    pid, place = begins_anew(process)
    assert place == "memory"
    assert pid != process.pid
    assert process.poll() is None
    disk.answer()
    with process:
        pass


def test_without_a_call_that_hangs_it_stays_the_same_process(disk: LossyDisk) -> None:
    """Whoever started it keeps the process that he started."""
    process = begun(disk, BEGINS, "execute_again")
    disk.answer()
    assert begins_anew(process) == (process.pid, "disk")
    with process:
        pass


def test_a_thread_that_no_signal_ends_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever began it: the kernel says so, and not of one that merely waits for its turn."""
    monkeypatch.setattr(anew, "SOUND_S", 0.0)
    for number, (name, state) in enumerate([("python", "S"), ("a) D (b", "R")]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} ({name}) {state} 1 2 3")
    assert not anew.hangs(tmp_path)
    (tmp_path / "1" / "stat").write_text("1 (store) D 1 2 3")
    assert anew.hangs(tmp_path)
