"""The outbox: events the parent has not yet received. A row leaves only on the parent's receipt."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.db import Database


def append(database: Database, entries: Sequence[tuple[int, bytes]]) -> None:
    """Add events; call it inside the transaction that journals them."""
    database.execute_many("INSERT INTO outbox (seq, entry) VALUES (?, ?)", entries)


def oldest(database: Database, limit: int) -> list[tuple[int, bytes]]:
    """Return up to `limit` events, in the order they were made."""
    return [
        (seq, entry)
        for seq, entry in database.execute(
            "SELECT seq, entry FROM outbox ORDER BY seq LIMIT ?", (limit,)
        )
    ]


def received(database: Database, seqs: Sequence[int]) -> None:
    """Remove what the parent has committed."""
    with database.transaction():
        database.execute_many("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in seqs])


def set_aside(database: Database, rejected: Sequence[tuple[int, str]], *, at_ns: int) -> None:
    """Move events the parent will never accept to the dead letters, with its reason."""
    with database.transaction():
        for seq, reason in rejected:
            database.execute(
                "INSERT INTO dead_letter (seq, entry, reason, at_ns) "
                "SELECT seq, entry, ?, ? FROM outbox WHERE seq = ?",
                (reason, at_ns, seq),
            )
            database.execute("DELETE FROM outbox WHERE seq = ?", (seq,))


def waiting(database: Database) -> int:
    """Return how many events wait."""
    return int(database.execute("SELECT COUNT(*) FROM outbox")[0][0])
