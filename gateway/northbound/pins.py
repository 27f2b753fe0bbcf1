"""Pins: raw readings around each alarm are kept longer than those of other times.

What was measured in the half hour before an alarm and in the one after it tells how it came about.
A pin is the minute of a raise; files of the history that hold any of its hour stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.db import Database

MINUTE_NS: Final = 60_000_000_000
AROUND_NS: Final = 30 * MINUTE_NS
Window = tuple[int, int]


class Pruning(msgspec.Struct, frozen=True, kw_only=True):
    """What is removed: what was received before an instant, but for what is pinned (spans, ns).

    Pinned files take `pinned_bytes` at most; beyond it the oldest go as well.
    """

    before_ns: int
    pinned: list[Window] = []
    pinned_bytes: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the archive: files written, and pinned readings that had to go.

    `oldest_ns` is when the oldest reading left was received, 0 where there is none.
    """

    written: int
    unpinned: int
    oldest_ns: int


def pin(database: Database, times_ns: Iterable[int]) -> None:
    """Pin what was measured around these times; call it inside the transaction of the raises."""
    minutes = {time_ns // MINUTE_NS for time_ns in times_ns}
    database.execute_many(
        "INSERT INTO pin (minute) VALUES (?) ON CONFLICT (minute) DO NOTHING",
        [(minute,) for minute in sorted(minutes)],
    )


def windows(database: Database) -> list[Window]:
    """Return what is pinned as spans of time (ns), the oldest first; spans that meet are one."""
    found: list[Window] = []
    for (minute,) in database.execute("SELECT minute FROM pin ORDER BY minute"):
        begin = minute * MINUTE_NS - AROUND_NS
        end = (minute + 1) * MINUTE_NS + AROUND_NS
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def forget(database: Database, before_ns: int) -> None:
    """Forget pins of which no file holds anything any more."""
    database.execute(
        "DELETE FROM pin WHERE minute < ?", ((before_ns - AROUND_NS) // MINUTE_NS - 1,)
    )
