"""Rows of the outbox that no receiver takes any more: shed at a bound, or of no export at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.db import Database
from gateway.journal import as_bytes
from gateway.northbound import outbox

#: Before the names of destinations that are exports.
PREFIX: Final = "export:"


def destination(name: str) -> str:
    """Return under which name an export's rows stand."""
    return f"{PREFIX}{name}"


def shed(database: Database, name: str, keep: int) -> int:
    """Shed some of the oldest rows beyond `keep`; return how many: 0 once none is."""
    over = outbox.waiting(database, name) - keep
    if over <= 0:
        return 0
    rows = database.execute(
        "SELECT seq FROM outbox WHERE destination = ? ORDER BY seq LIMIT ?",
        (name, min(over, outbox.AT_ONCE)),
    )
    return outbox.shed_some(database, name, [int(seq) for (seq,) in rows])


def unchanged(database: Database, name: str, rows: Sequence[outbox.Row]) -> set[int]:
    """Return the numbers under which these very events still wait.

    After the store of a node was lost its numbers begin anew, for other events.
    """
    marks = ", ".join("?" * len(rows))
    held = {
        int(seq): as_bytes(entry)
        for seq, entry in database.execute(
            f"SELECT seq, entry FROM outbox WHERE destination = ? AND seq IN ({marks})",  # noqa: S608 - marks
            (name, *(row.seq for row in rows)),
        )
    }
    return {row.seq for row in rows if held.get(row.seq) == as_bytes(row.entry)}


def forget(database: Database, names: Sequence[str]) -> dict[str, int]:
    """Remove what there is of exports that are none of these.

    Returns
    -------
    dict of str to int
        How many events waited for each, dead letters among them.
    """
    found = {
        str(name)
        for table in ("outbox_size", "dead_letter", "export_alert")
        for (name,) in database.execute(
            f"SELECT DISTINCT destination FROM {table} WHERE destination LIKE ?",  # noqa: S608 - own
            (f"{PREFIX}%",),
        )
    }
    gone = sorted(found - set(names))
    if not gone:
        return {}
    with database.transaction():
        counts = {name: _cleared(database, name) for name in gone}
    return {name: count for name, count in counts.items() if count}


def _cleared(database: Database, name: str) -> int:
    database.execute("DELETE FROM export_alert WHERE destination = ?", (name,))
    letters = database.execute(
        "DELETE FROM dead_letter WHERE destination = ? RETURNING seq", (name,)
    )
    return outbox.clear(database, name) + len(letters)
