"""A peer as a process: the processor time of it and all it started, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from bench import BenchError

TICKS: Final = os.sysconf("SC_CLK_TCK")
#: Fields of /proc/<pid>/stat after the name: the parent; user, system, and of ended children.
PARENT: Final = 1
TIMES: Final = slice(11, 15)
LOG: Final = "peer.log"


class Running(Protocol):
    """A peer that is subscribed."""

    @property
    def pid(self) -> int:
        """The process at the head of it."""

    def finish(self) -> tuple[int, float]:
        """Wait until all is taken, or nothing comes; return how many, and when the last was."""


def cpu_s(pid: int) -> float:
    """Return the user and system time of a process and of all that descend from it, s."""
    stats = {each: fields for each in _pids() if (fields := _stat(each))}
    tree = {pid}
    while found := {
        each for each, fields in stats.items() if each not in tree and int(fields[PARENT]) in tree
    }:
        tree |= found
    if pid not in stats:
        raise BenchError(f"process {pid} is gone: its processor time cannot be read")
    return sum(int(time) for each in tree for time in stats[each][TIMES]) / TICKS


@contextmanager
def process(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], answers: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Run a program for the length of a block, and end it with all that it started.

    Parameters
    ----------
    command, folder, environment
        What to run, where, and what to add to its environment; its log lies in the folder.
    answers
        Its standard output is for us; otherwise it goes into the log.
    """
    with (
        (folder / LOG).open("wb") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if answers else log,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as running,
    ):
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def said(folder: Path) -> str:
    """Return the last line of a peer's log."""
    text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing said")


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
