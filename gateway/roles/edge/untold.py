"""Readings that were shed and that no event has told of yet, in the edge's store.

Their messages are acknowledged, so the commit that speaks of them counts them. An event tells of
many at once, later; its own commit takes them off. What a process left untold the next one tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.alarms.desk import Transition
from gateway.db import Database
from gateway.model import NANOSECONDS, Clock

FULL: Final = "storage full"
SLOW: Final = "storage slow, memory full"
#: An event that counts what a full disk cost comes no oftener.
EVERY_S: Final = 60.0


class FullDisk:
    """Counts what a full disk cost, and tells it in one event a minute: events need room too.

    Parameters
    ----------
    tell
        Makes a durable event of how many, and why.
    """

    def __init__(self, tell: Callable[[int, str], None], *, clock: Clock) -> None:
        self.readings = 0
        self._tell = tell
        self._clock = clock
        self._told_s = float("-inf")

    def tell(self, *, at_once: bool) -> None:
        """Tell of what was counted, if there is any, and it was long ago or must be told now."""
        now_s = self._clock.monotonic_ns() / NANOSECONDS
        if self.readings and (at_once or now_s - self._told_s >= EVERY_S):
            count, self.readings, self._told_s = self.readings, 0, now_s
            self._tell(count, FULL)


def settle(database: Database, shed: Mapping[str, int], transitions: Sequence[Transition]) -> None:
    """Count readings that were shed, by reason, and take off those that events tell of."""
    for why, readings in shed.items():
        if readings:
            database.execute(
                "INSERT INTO shed_untold (why, readings) VALUES (?, ?) "
                "ON CONFLICT (why) DO UPDATE SET readings = readings + excluded.readings",
                (why, readings),
            )
    for event in (t.event for t in transitions if t.event.kind == "shed"):
        database.execute(
            "UPDATE shed_untold SET readings = MAX(0, readings - ?) WHERE why = ?",
            (event.detail["count"], event.detail["why"]),
        )


def left(database: Database) -> list[tuple[str, int]]:
    """Return what no event has told of: the reason, and how many readings."""
    rows = database.execute("SELECT why, readings FROM shed_untold WHERE readings > 0 ORDER BY why")
    return [(str(why), int(readings)) for why, readings in rows]
