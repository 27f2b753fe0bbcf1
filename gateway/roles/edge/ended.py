"""Orders that have ended: an id that ended in an event is not carried out again, ever since.

The row is written in the very transaction that journals the event, so a crash leaves both or
neither: an order that comes again after it was either carried out, or was not. Rows are kept twice
as long as an order may live.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.alarms.desk import Transition
from gateway.db import Database
from gateway.model import NANOSECONDS, AlarmEvent

KEPT_NS: Final = 50 * 3600 * NANOSECONDS
#: At most so many are kept, the last ended: one a second, for longer than any of them lives.
KEPT: Final = 200_000
#: Old rows are looked for once in so many.
PRUNE_EVERY: Final = 100
#: The kinds of event in which an order ends.
KINDS: Final = frozenset({"order", "act"})


class Ended:
    """What is known of ended orders, in memory; the store holds the same."""

    def __init__(self, rows: Iterable[tuple[str, str]] = ()) -> None:
        self._known = dict.fromkeys(rows)

    def __contains__(self, order: tuple[str, str]) -> bool:
        """Whether an order (maker, id) has ended."""
        return order in self._known

    def add(self, origin: str, identity: str) -> None:
        """Note that one ends now."""
        self._known[origin, identity] = None
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]


def load(database: Database) -> list[tuple[str, str]]:
    """Return the ended orders of a store, the first that ended first."""
    rows = database.execute("SELECT origin, id FROM ended_order ORDER BY ended_ns, origin, id")
    return [(row[0], row[1]) for row in rows]


def write(database: Database, transitions: Iterable[Transition]) -> None:
    """Write which orders these events end; call it in the transaction that journals them."""
    rows = [row for each in transitions if (row := _row(each.event)) is not None]
    if not rows:
        return
    database.execute_many(
        "INSERT INTO ended_order (origin, id, ended_ns) VALUES (?, ?, ?) "
        "ON CONFLICT (origin, id) DO NOTHING",
        rows,
    )
    count = database.execute("SELECT COUNT(*) FROM ended_order")[0][0]
    if count % PRUNE_EVERY == 0 or count > KEPT:
        database.execute("DELETE FROM ended_order WHERE ended_ns < ?", (rows[-1][2] - KEPT_NS,))
        database.execute(
            "DELETE FROM ended_order WHERE (origin, id) IN (SELECT origin, id FROM ended_order "
            "ORDER BY ended_ns DESC LIMIT -1 OFFSET ?)",
            (KEPT,),
        )


def _row(event: AlarmEvent) -> tuple[str, str, int] | None:
    if event.kind not in KINDS:
        return None
    # Without its maker it was not proven to be an order: another that bears its id may be the true.
    origin, identity = event.detail.get("origin"), event.detail.get("order")
    if not isinstance(origin, str) or not isinstance(identity, str):
        return None
    return origin, identity, event.received_ns
