"""Dead letters: events that a receiver will never take as they are, until a person decides.

They are kept with the receiver's reason, apart from the outbox, so that they hold up nothing. Sent
again they go back into it; discarded they are gone from here, and stay in the journal.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.db import Database, Value
from gateway.journal import as_bytes
from gateway.model import decode_event
from gateway.northbound import outbox, wire

RETRY: Final = "dead-letter-retry"
DISCARD: Final = "dead-letter-discard"
#: Of one receiver; beyond it the oldest go, and are counted. No receiver's push out another's.
KEPT: Final = 20_000
AT_ONCE: Final = 500


class Letter(NamedTuple):
    """One event that a receiver rejected, when, and why."""

    receiver: str
    seq: int
    entry: bytes
    reason: str
    at_ns: int


class Release(wire.Order, frozen=True, kw_only=True):
    """What an operator of the site decides about dead letters; it never comes from a parent.

    Parameters
    ----------
    receiver
        Whose; empty for every receiver's.
    seq
        Which one; 0 for all.
    """

    receiver: str = ""
    seq: int = 0


def listed(database: Database, limit: int) -> list[Letter]:
    """Return the newest dead letters, the newest last."""
    rows = database.execute(
        "SELECT destination, seq, entry, reason, at_ns FROM dead_letter "
        "ORDER BY at_ns DESC, seq DESC LIMIT ?",
        (limit,),
    )
    return [Letter(row[0], row[1], as_bytes(row[2]), row[3], row[4]) for row in reversed(rows)]


def count(database: Database) -> int:
    """Return how many there are."""
    return int(database.execute("SELECT COUNT(*) FROM dead_letter")[0][0])


def release(database: Database, what: Release) -> int:
    """Send again, or discard, what an operator named; return how many events that were.

    Nothing is sent again to a receiver that this node has no more: it would wait for ever.
    """
    where, values = "(? = '' OR destination = ?) AND (? = 0 OR seq = ?)", _values(what)
    if what.action == RETRY:
        where += " AND destination IN (SELECT destination FROM outbox_size)"
    released = 0
    while True:
        with database.transaction():
            rows = database.execute(
                f"SELECT destination, seq, entry FROM dead_letter WHERE {where} "  # noqa: S608
                "ORDER BY destination, seq LIMIT ?",
                (*values, AT_ONCE),
            )
            for destination, seq, entry in rows:
                database.execute(
                    "DELETE FROM dead_letter WHERE destination = ? AND seq = ?", (destination, seq)
                )
                if what.action == RETRY:
                    body = as_bytes(entry)
                    row = outbox.Row(seq, decode_event(body).alarm, body)
                    outbox.append(database, [row], [destination])
        released += len(rows)
        if len(rows) < AT_ONCE:
            return released


def _values(what: Release) -> tuple[Value, ...]:
    return what.receiver, what.receiver, what.seq, what.seq


def prune(database: Database, most: int) -> None:
    """Discard a receiver's oldest beyond so many; its count of what was shed tells of them."""
    for destination, kept in database.execute(
        "SELECT destination, COUNT(*) FROM dead_letter GROUP BY destination"
    ):
        if kept > most:
            _discard(database, destination, kept - most)


def _discard(database: Database, destination: str, oldest: int) -> None:
    with database.transaction():
        rows = database.execute(
            "SELECT seq FROM dead_letter WHERE destination = ? ORDER BY at_ns, seq LIMIT ?",
            (destination, oldest),
        )
        for (seq,) in rows:
            database.execute(
                "DELETE FROM dead_letter WHERE destination = ? AND seq = ?", (destination, seq)
            )
        outbox.count_shed(database, destination, len(rows))
