"""When alarms became durable, seen from outside: another reader of the store looks each ms.

A commit shows to other connections when its sync is done, not before, so what is seen is durable.
The look itself comes up to a millisecond later, and later still while the machine is busy: the
figure is an upper bound. It reads without locks that a writer would wait for.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from gateway.model import Cause, decode_event

LOOK_S: Final = 0.001
#: What readings make; an operator's act, or a node's own alarm, was published by nobody.
BY_READINGS: Final = frozenset({Cause.RAISE.value, Cause.CLEAR.value})


class Durable(NamedTuple):
    """An alarm's event: source time, received time, and when it was seen committed (ns)."""

    source_ns: int
    received_ns: int
    seen_ns: int


class Watch:
    """Watches a store's journal for the length of a block.

    Parameters
    ----------
    store
        The SQLite file of a running edge.
    """

    def __init__(self, store: Path) -> None:
        self.seen: list[Durable] = []
        self._store = store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> list[Durable]:
        """Look a last time and return what was seen.

        Raises
        ------
        sqlite3.Error
            The store could not be read.
        """
        self._ended.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.seen

    def _look(self) -> None:
        try:
            self._follow()
        except sqlite3.Error as error:
            self._error = error

    def _follow(self) -> None:
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as database:
            (last,) = database.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
            version = -1
            ended = False
            while not ended:
                ended = self._ended.wait(LOOK_S)
                (now,) = database.execute("PRAGMA data_version").fetchone()
                if now == version:
                    continue
                version = now
                rows = database.execute(
                    "SELECT seq, entry FROM journal WHERE seq > ? ORDER BY seq", (last,)
                ).fetchall()
                at_ns = time.time_ns()
                for seq, entry in rows:
                    last = seq
                    event = decode_event(entry)
                    if event.cause in BY_READINGS and event.value is not None:
                        self.seen.append(Durable(event.source_ns, event.received_ns, at_ns))
