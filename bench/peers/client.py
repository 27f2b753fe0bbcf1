"""A small client as a peer: a program of ours that runs in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.peers import PeerError
from bench.peers.process import process, said

ROOT: Final = Path(__file__).parents[2]


class Client:
    """A client that said it is subscribed."""

    def __init__(self, running: subprocess.Popen[str], folder: Path) -> None:
        self._running = running
        self._folder = folder

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running.pid

    def finish(self) -> tuple[int, float]:
        """Wait for its own word."""
        end = json.loads(self.line())
        return int(end["taken"]), float(end["last_s"])

    def line(self) -> str:
        """Return what it says next."""
        line = self._running.stdout.readline() if self._running.stdout else ""
        if not line:
            raise PeerError(f"ended without an answer: {said(self._folder)}")
        return line


@contextmanager
def client(python: Path, module: str, *arguments: str, folder: Path) -> Iterator[Client]:
    """Run a module of ours with a peer's interpreter; it is subscribed when the block begins."""
    command = [str(python), "-m", module, *arguments]
    with process(
        command, folder=folder, environment={"PYTHONPATH": str(ROOT)}, answers=True
    ) as running:
        one = Client(running, folder)
        one.line()
        yield one
