"""The forgetful disk behind the kernel: programs use it as any other until its power is cut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.db import Database
from tests.faults.disks.power import LossyDisk, missing

WHY_NOT = missing()
needs_fuse = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "present")

PROGRAM = """
import os, sys
from pathlib import Path
folder = Path(sys.argv[1]) / "folder"
folder.mkdir()
kept = folder / "kept"
with kept.open("wb") as file:
    file.write(b"k" * 10000)
    file.flush()
    os.fsync(file.fileno())
for path in (folder, folder.parent):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
(folder / "loose").write_bytes(b"l" * 10000)
(folder / "old").write_bytes(b"o")
(folder / "old").rename(folder / "new")
assert sorted(os.listdir(folder)) == ["kept", "loose", "new"]
assert (folder / "loose").read_bytes() == b"l" * 10000
"""

STORE = """
import sys
from pathlib import Path
from gateway.db import Database
store = Database(Path(sys.argv[1]) / "store.db", "edge")
store.execute("PRAGMA synchronous=" + sys.argv[2])
beside = store.reader()
for number in range(1, 10_000):
    with store.transaction():
        store.execute(
            "INSERT INTO position (name, value) VALUES ('n', ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value", (number,))
    assert beside.execute("SELECT value FROM position")[0][0] == number
    print(number, flush=True)
"""


def within(disk: LossyDisk, program: str, *arguments: str) -> list[str]:
    """Return the command that runs a program on the disk."""
    return [sys.executable, "-c", program, str(disk.place), *arguments]


@needs_fuse
def test_programs_see_a_disk_and_a_cut_takes_what_was_not_synced(tmp_path: Path) -> None:
    """A program reads what it wrote; of that a cut leaves what was synced, and less of the rest."""
    with LossyDisk(tmp_path / "disk") as disk:
        subprocess.run(within(disk, PROGRAM), check=True, timeout=60)
        worlds = []
        for seed in range(40):
            disk.write(seed, tmp_path / f"world-{seed}")
            worlds.append(tmp_path / f"world-{seed}" / "folder")
        disk.fail()
        disk.failed()
        disk.restore(1)
        worlds.append(disk.place / "folder")
        assert all((world / "kept").read_bytes() == b"k" * 10000 for world in worlds)
        assert any(not (world / "loose").exists() for world in worlds)
        assert any(not (world / "new").exists() for world in worlds)
        assert any((world / "old").exists() for world in worlds)
        again = (worlds[-1] / "kept").stat()
        assert again.st_size == 10000


def lost(folder: Path, synchronous: str) -> int:
    """Return in how many worlds after a cut a store has not what it said was committed."""
    missing_in = 0
    with LossyDisk(folder / "disk") as disk:
        for number in range(3):
            program = subprocess.Popen(
                within(disk, STORE, synchronous), stdout=subprocess.PIPE, start_new_session=True
            )
            assert program.stdout is not None
            program.stdout.readline()
            disk.fail(program.pid, after=150 + 77 * number)
            disk.failed()
            for seed in range(12):
                disk.write(seed, folder / f"world-{number}-{seed}")
            disk.restore(number)
            assert program.wait(timeout=30) < 0
            told = int(program.stdout.read().split()[-1])
            program.stdout.close()
            for seed in range(12):
                store = Database(folder / f"world-{number}-{seed}" / "store.db", "edge")
                assert store.execute("PRAGMA integrity_check") == [("ok",)]
                rows = store.execute("SELECT value FROM position")
                missing_in += not rows or rows[0][0] < told
                store.close()
    return missing_in


@needs_fuse
@pytest.mark.timeout(120)
def test_a_store_on_it_keeps_every_commit(tmp_path: Path) -> None:
    """A store in WAL mode, with a reader beside, has after each cut what it said it committed."""
    assert lost(tmp_path, "FULL") == 0


@needs_fuse
@pytest.mark.timeout(120)
def test_a_store_that_does_not_sync_is_caught(tmp_path: Path) -> None:
    """With ``synchronous=NORMAL`` the same cuts find commits that are gone."""
    assert lost(tmp_path, "NORMAL") > 0
