"""The outbox: events a receiver has not yet taken. A row leaves only on that receiver's receipt.

A node may have two receivers, its parent and its own screen; each has rows of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.db import Database


def append(
    database: Database, entries: Sequence[tuple[int, bytes]], destinations: Sequence[str]
) -> None:
    """Add events for each receiver; call it inside the transaction that journals them."""
    database.execute_many(
        "INSERT INTO outbox (destination, seq, entry) VALUES (?, ?, ?)",
        [(destination, seq, entry) for destination in destinations for seq, entry in entries],
    )


def oldest(database: Database, destination: str, limit: int) -> list[tuple[int, bytes]]:
    """Return up to `limit` events for a receiver, in the order they were made."""
    return [
        (seq, entry)
        for seq, entry in database.execute(
            "SELECT seq, entry FROM outbox WHERE destination = ? ORDER BY seq LIMIT ?",
            (destination, limit),
        )
    ]


def received(database: Database, destination: str, seqs: Sequence[int]) -> None:
    """Remove what a receiver has committed; what comes back after a power cut, it knows already."""
    with database.transaction(durable=False):
        database.execute_many(
            "DELETE FROM outbox WHERE destination = ? AND seq = ?",
            [(destination, seq) for seq in seqs],
        )


def set_aside(
    database: Database, destination: str, rejected: Sequence[tuple[int, str]], *, at_ns: int
) -> None:
    """Move events a receiver will never accept to the dead letters, with its reason."""
    with database.transaction():
        for seq, reason in rejected:
            database.execute(
                "INSERT INTO dead_letter (destination, seq, entry, reason, at_ns) "
                "SELECT destination, seq, entry, ?, ? FROM outbox "
                "WHERE destination = ? AND seq = ?",
                (reason, at_ns, destination, seq),
            )
            database.execute(
                "DELETE FROM outbox WHERE destination = ? AND seq = ?", (destination, seq)
            )


def waiting(database: Database, destination: str) -> int:
    """Return how many events wait for a receiver."""
    rows = database.execute("SELECT COUNT(*) FROM outbox WHERE destination = ?", (destination,))
    return int(rows[0][0])
