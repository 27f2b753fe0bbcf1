"""Rows of the outbox that no receiver takes any more: shed at a bound, or of no export at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.db import Database

#: Before the names of destinations that are exports.
PREFIX: Final = "export:"


def destination(name: str) -> str:
    """Return under which name an export's rows stand."""
    return f"{PREFIX}{name}"


def shed(database: Database, name: str, keep: int) -> int:
    """Remove the oldest rows of a destination beyond `keep`; return how many."""
    rows = database.execute(
        "SELECT seq FROM outbox WHERE destination = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        (name, keep),
    )
    if not rows:
        return 0
    [(count,)] = database.execute(
        "SELECT COUNT(*) FROM outbox WHERE destination = ? AND seq <= ?", (name, rows[0][0])
    )
    with database.transaction():
        database.execute(
            "DELETE FROM outbox WHERE destination = ? AND seq <= ?", (name, rows[0][0])
        )
    return int(count)


def forget(database: Database, names: Sequence[str]) -> dict[str, int]:
    """Remove the rows of exports that are none of these; return how many waited for each."""
    found = database.execute(
        "SELECT destination, COUNT(*) FROM outbox WHERE destination LIKE ? GROUP BY destination",
        (f"{PREFIX}%",),
    )
    gone = {str(name): int(count) for name, count in found if name not in names}
    if gone:
        with database.transaction():
            for name in gone:
                database.execute("DELETE FROM outbox WHERE destination = ?", (name,))
    return gone
