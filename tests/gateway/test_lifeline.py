"""Children of an edge do not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.lifeline import PARENT, environment

CHILD = """
import time
from gateway.lifeline import tie
tie()
print("tied", flush=True)
time.sleep(600)
"""
PARENT_OF = """
import os, subprocess, sys
from gateway.lifeline import environment
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=environment(), stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""  # noqa: E501


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    """A parent that is killed, and says nothing to anybody, takes its child with it."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT_OF, CHILD], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        deadline = time.monotonic() + 30
        while not gone(child):
            assert time.monotonic() < deadline
            os.sched_yield()


def test_who_is_nobodys_child_is_not_tied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that a person started ends when he says so: the name of another is not enough."""
    monkeypatch.setenv(PARENT, "1")
    done = subprocess.run(
        [sys.executable, "-c", "from gateway.lifeline import tie; tie(); print('on')"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "on\n"


def test_a_child_is_told_whose_it_is() -> None:
    """The environment names this process, and is otherwise what it was."""
    assert environment() == {**os.environ, PARENT: str(os.getpid())}
