"""A folder whose process has ended while its disk keeps a thread: told apart from one in use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway import db, holding
from gateway.db import StoreInUseError, StoreLeftError, lock

#: Takes a folder; its first thread ends, as it does where another waits for a disk, or goes on.
HOLDER = """
import ctypes, sys, threading
from pathlib import Path
from gateway.db import lock
held = lock(Path(sys.argv[1]))
threading.Thread(target=sys.stdin.read).start()
print("held", flush=True)
if sys.argv[2] == "ends":
    ctypes.CDLL(None).pthread_exit(None)
sys.stdin.read()
"""


@contextmanager
def held(folder: Path, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process have a folder for the length of a block."""
    command = [sys.executable, "-c", HOLDER, str(folder), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        while how == "ends" and not holding.is_over(other.pid):
            assert other.poll() is None
        yield other
        other.kill()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "ENDING_S", 0.5)


def test_a_folder_of_one_that_has_ended_is_told_apart(tmp_path: Path) -> None:
    """It is no other process's: nobody could stop that one, and only the disk gives it back."""
    with held(tmp_path, "ends"), pytest.raises(StoreLeftError, match="has ended"):
        lock(tmp_path)
    lock(tmp_path).close()


def test_a_folder_of_one_that_lives_is_his(tmp_path: Path) -> None:
    """Two on one folder would write over each other."""
    with held(tmp_path, "lives") as other:
        with pytest.raises(StoreInUseError, match="another process runs"):
            lock(tmp_path)
        with (tmp_path / "lock").open("rb") as file:
            assert holding.holder(file) == other.pid
    lock(tmp_path).close()


def test_one_that_is_just_ending_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment later it has let go: a life in memory would be begun for nothing."""
    monkeypatch.setattr(db, "ENDING_S", 30.0)
    with held(tmp_path, "ends") as other:
        monkeypatch.setattr(db.time, "sleep", lambda _: (other.kill(), other.wait()))
        lock(tmp_path).close()


def test_a_lock_that_says_nothing_counts_as_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without record locks, and of a program from before them."""
    monkeypatch.setattr(holding, "tell", lambda _: None)
    first = lock(tmp_path)
    with pytest.raises(StoreInUseError):
        lock(tmp_path)
    first.close()
