"""Connections of a centre's store that only read, each in one snapshot, on threads of their own.

What alarms wait for (whose credential it is, the watch, what goes up) is read apart from what
people ask for: a report that takes a minute, on every reader there is, holds up no alarm. What the
parent is told whole, of a fleet, is read apart from both.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from typing import Final, TypeVar

from gateway.db import Database

T = TypeVar("T")


class For(Enum):
    """For whom something is read."""

    PEOPLE = auto()
    ALARMS = auto()
    PARENT = auto()


#: Of people.
READERS: Final = 3
THREADS: Final = {For.PEOPLE: READERS, For.ALARMS: 1, For.PARENT: 1}


class Readers:
    """Threads that read.

    Parameters
    ----------
    database
        The writer's connection; each thread opens one of its own beside it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = {
            whom: ThreadPoolExecutor(count, thread_name_prefix=f"centre-{whom.name.lower()}")
            for whom, count in THREADS.items()
        }
        self._local = threading.local()
        self._opened: list[Database] = []

    async def run(self, work: Callable[[Database], T], *, whom: For) -> T:
        """Run `work` on a reader, which sees one committed state throughout."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads[whom], self._snapshot, work)

    def close(self) -> None:
        """Wait for what is being read, and close."""
        for threads in self._threads.values():
            threads.shutdown(wait=True)
        for reader in self._opened:
            reader.close()

    def _snapshot(self, work: Callable[[Database], T]) -> T:
        reader: Database | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._database.reader()
            self._local.reader = reader
            self._opened.append(reader)
        reader.execute("BEGIN")
        try:
            return work(reader)
        finally:
            reader.execute("ROLLBACK")
