"""Connections of a centre's store that only read, each in one snapshot, on threads of their own.

What alarms wait for (whose credential it is, the watch, what goes up) is read apart from what
people ask for: a report that takes a minute, on every reader there is, holds up no alarm.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from gateway.db import Database

#: Of people, and of alarms.
READERS: Final = 3
APART: Final = 1
T = TypeVar("T")


class Readers:
    """Threads that read.

    Parameters
    ----------
    database
        The writer's connection; each thread opens one of its own beside it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked = ThreadPoolExecutor(READERS, thread_name_prefix="centre-reader")
        self._apart = ThreadPoolExecutor(APART, thread_name_prefix="centre-apart")
        self._local = threading.local()
        self._opened: list[Database] = []

    async def run(self, work: Callable[[Database], T], *, apart: bool) -> T:
        """Run `work` on a reader, which sees one committed state throughout."""
        threads = self._apart if apart else self._asked
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, self._snapshot, work)

    def close(self) -> None:
        """Wait for what is being read, and close."""
        self._asked.shutdown(wait=True)
        self._apart.shutdown(wait=True)
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
