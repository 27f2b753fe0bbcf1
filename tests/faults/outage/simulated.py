"""An edge through whose clock days pass, as a process, its parent, and what its store holds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.db import Database, StoreError
from gateway.northbound import outbox
from gateway.simulation.broker import free_port
from tests.chain.site import centre_text
from tests.faults.outage.days import NODE, site_text
from tests.faults.site.program import Program, until

#: A store that cannot be asked has more waiting than any that can.
MANY: Final = 1_000_000


class SimulatedEdge:
    """The process of `tests.faults.outage.days`, asked a question a line."""

    def __init__(self, folder: Path, mutant: str = "") -> None:
        self.folder = folder
        self.behind = 0
        #: Where its parent listens.
        self.port = 0
        self._mutant = mutant
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it as far behind as it is."""
        command = ("-m", "tests.faults.outage.days", str(self.folder), "--behind", str(self.behind))
        with (self.folder / "edge.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, "--mutant", self._mutant, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=log, limit=2**24, start_new_session=True,
            )  # fmt: skip
        await self._answer("ready")

    async def ask(self, *question: Any) -> dict[str, Any]:
        """Give a command; return its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        return await self._answer()

    async def run(self, seconds: int) -> dict[str, Any]:
        """Let time pass in it."""
        found = await self.ask("run", seconds)
        self.behind -= seconds
        return found

    async def end(self, number: signal.Signals) -> None:
        """Send it a signal, or ask it to end in good order where that is SIGTERM."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        if number == signal.SIGTERM:
            process.stdin.write(b'["end"]\n')
        elif process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.wait_for(process.wait(), 60)
        self._process = None

    async def _answer(self, key: str = "") -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b"{"):
                found: dict[str, Any] = json.loads(line)
                if not key or key in found:
                    return found
        log = (self.folder / "edge.log").read_text(encoding="utf-8")
        raise RuntimeError(f"the edge ended: {log[-2000:]}")


def rows(path: Path, role: str, ask: Callable[[Database], Any]) -> Any:
    """Ask a store that somebody else writes; None while it cannot be asked."""
    try:
        database = Database(path, role, read_only=True)
    except (StoreError, OSError):
        return None
    try:
        return ask(database)
    except StoreError:
        return None
    finally:
        database.close()


def mib(folder: Path, pattern: str = "*") -> float:
    """Return how much lies in the files of a folder."""
    found = (path.stat().st_size for path in folder.rglob(pattern) if path.is_file())
    return sum(found) / 2**20


def left_in(data: Path) -> int:
    """Return how many events its parent has not got; `MANY` where the store cannot be asked."""
    found = rows(data / "store.db", "edge", lambda database: outbox.waiting(database, "parent"))
    return MANY if found is None else int(found)


async def paired(edge: SimulatedEdge, centre: Program, data: Path) -> None:
    """Start a parent in the edge's folder, and the edge."""
    edge.port, folder = free_port(), edge.folder
    code = folder / "centre" / f"pairing-{NODE}.code"
    (folder / "centre.toml").write_text(
        centre_text(folder / "centre", port=edge.port, node=NODE), encoding="utf-8"
    )
    (folder / "edge.toml").write_text(
        site_text(data, parent=f"http://127.0.0.1:{edge.port}", code=code), encoding="utf-8"
    )
    centre.start()
    await until(code.exists, 90, what="the centre's pairing code")
    await edge.start()


async def met(edge: SimulatedEdge) -> None:
    """Return when the edge has met its parent."""
    deadline = time.monotonic() + 60
    while not (await edge.ask("look"))["connected"]:
        assert time.monotonic() < deadline, "the edge never met its parent"
        await asyncio.sleep(0.1)
