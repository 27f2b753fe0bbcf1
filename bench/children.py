"""Processes of a bench beside the edge: each says "ready", waits for a line, answers in JSON."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench import BenchError


@contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module as a process that is ready when the block begins."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line(process)
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[str]) -> None:
    """Let it begin."""
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that it says.

    Raises
    ------
    BenchError
        It ended without one.
    """
    said = process.stdout.readline() if process.stdout else ""
    if not said:
        raise BenchError(f"{process.args!r} ended without an answer: status {process.wait()}")
    return said


def has_said(process: subprocess.Popen[str], *, within_s: float) -> bool:
    """Wait so long at the most for its next line; return whether there is one."""
    if process.stdout is None:
        return True
    return bool(select.select([process.stdout], [], [], within_s)[0])


def words(**values: object) -> list[str]:
    """Return values as the words of a command line."""
    return [word for key, value in values.items() for word in (f"--{key}", str(value))]
