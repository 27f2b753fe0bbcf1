"""The outbox: events a receiver has not yet taken. A row leaves only on that receiver's receipt.

A node may have two receivers, its parent and its own screen; each has rows of its own. A row names
its alarm, empty for what concerns the node alone: events of one alarm are sent in the order they
were made, and an alarm that moves now overtakes those that moved an hour ago.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from gateway.db import Database

#: Numbers in one statement.
AT_ONCE: Final = 500


class Row(NamedTuple):
    """One event that waits: its number, the alarm it speaks for, its bytes."""

    seq: int
    alarm: str
    entry: bytes


def append(database: Database, rows: Sequence[Row], destinations: Sequence[str]) -> None:
    """Add events for each receiver; call it inside the transaction that journals them."""
    database.execute_many(
        "INSERT INTO outbox (destination, seq, alarm, entry) VALUES (?, ?, ?, ?)",
        [(destination, *row) for destination in destinations for row in rows],
    )
    size = sum(len(row.entry) for row in rows)
    for destination in destinations:
        _grow(database, destination, len(rows), size)


def oldest(
    database: Database,
    destination: str,
    limit: int,
    *,
    up_to: int | None = None,
    skip: Collection[int] = (),
    without: Collection[str] = (),
) -> list[Row]:
    """Return up to `limit` events for a receiver, in the order they were made.

    Parameters
    ----------
    up_to
        Number of the last one wanted; None for no end.
    skip
        Numbers that are left out.
    without
        Alarms of which nothing is wanted.
    """
    but = f"AND alarm NOT IN ({', '.join('?' * len(without))}) " if without else ""
    rows = database.execute(
        f"SELECT seq, alarm, entry FROM outbox WHERE destination = ? AND seq <= ? {but}"  # noqa: S608 - marks
        "ORDER BY seq LIMIT ?",
        (destination, 2**63 - 1 if up_to is None else up_to, *without, limit + len(skip)),
    )
    return [Row(*row) for row in rows if row[0] not in skip][:limit]


def live(
    database: Database, destination: str, limit: int, *, after: int, skip: Collection[int] = ()
) -> list[Row]:
    """Return up to `limit` events made after one, those that owe nothing first.

    An alarm of which older events wait has those sent before its new ones, however many they are,
    and behind every alarm that has fewer: none of these waits for another's past.

    Parameters
    ----------
    after
        Number of the last event that is not live.
    skip
        Numbers that are left out.
    """
    rows = database.execute(
        "SELECT seq, alarm, entry FROM outbox WHERE destination = ? AND seq > ? "
        "ORDER BY seq LIMIT ?",
        (destination, after, limit + len(skip)),
    )
    fresh = [Row(*row) for row in rows if row[0] not in skip][:limit]
    owing = {
        alarm: count
        for alarm in dict.fromkeys(row.alarm for row in fresh if row.alarm)
        if (count := _owed(database, destination, alarm, after, limit + len(skip)))
    }
    chosen = [row for row in fresh if row.alarm not in owing]
    for alarm, count in sorted(owing.items(), key=lambda item: item[1]):
        if len(chosen) >= limit:
            break
        older = database.execute(
            "SELECT seq, alarm, entry FROM outbox WHERE destination = ? AND alarm = ? "
            "AND seq <= ? ORDER BY seq LIMIT ?",
            (destination, alarm, after, count),
        )
        chosen += [Row(*row) for row in older if row[0] not in skip]
        if count < limit + len(skip):
            chosen += [row for row in fresh if row.alarm == alarm]
    return chosen[:limit]


def _owed(database: Database, destination: str, alarm: str, after: int, most: int) -> int:
    """Return how many events of an alarm wait from before; counted no further than `most`."""
    rows = database.execute(
        "SELECT COUNT(*) FROM (SELECT seq FROM outbox WHERE destination = ? AND alarm = ? "
        "AND seq <= ? LIMIT ?) AS older",
        (destination, alarm, after, most),
    )
    return int(rows[0][0])


def named(database: Database, destination: str, seq: int) -> list[Row]:
    """Return the event with this number, while it waits."""
    rows = database.execute(
        "SELECT seq, alarm, entry FROM outbox WHERE destination = ? AND seq = ?",
        (destination, seq),
    )
    return [Row(*row) for row in rows]


def received(database: Database, destination: str, seqs: Sequence[int]) -> None:
    """Remove what a receiver has committed; what comes back after a power cut, it knows already."""
    with database.transaction(durable=False):
        remove(database, destination, seqs)


def set_aside(
    database: Database, destination: str, rejected: Sequence[tuple[int, str]], *, at_ns: int
) -> None:
    """Move events a receiver will never accept to the dead letters, with its reason."""
    with database.transaction():
        for seq, reason in rejected:
            # One that was sent a second time, and was rejected again, has its newest reason.
            database.execute(
                "INSERT INTO dead_letter (destination, seq, entry, reason, at_ns) "
                "SELECT destination, seq, entry, ?, ? FROM outbox "
                "WHERE destination = ? AND seq = ? "
                "ON CONFLICT (destination, seq) DO UPDATE SET reason = excluded.reason, "
                "at_ns = excluded.at_ns",
                (reason, at_ns, destination, seq),
            )
        remove(database, destination, [seq for seq, _ in rejected])


def remove(database: Database, destination: str, seqs: Sequence[int]) -> int:
    """Delete rows inside a transaction of the caller; return how many there were."""
    sizes: list[int] = []
    for begin in range(0, len(seqs), AT_ONCE):
        some = seqs[begin : begin + AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = database.execute(
            f"DELETE FROM outbox WHERE destination = ? AND seq IN ({marks}) "  # noqa: S608 - marks
            "RETURNING LENGTH(entry)",
            (destination, *some),
        )
        sizes += [size for (size,) in rows]
    if sizes:
        _grow(database, destination, -len(sizes), -sum(sizes))
    return len(sizes)


def clear(database: Database, destination: str) -> int:
    """Delete all of a destination that is no more, inside a transaction of the caller."""
    database.execute("DELETE FROM outbox WHERE destination = ?", (destination,))
    rows = database.execute(
        "DELETE FROM outbox_size WHERE destination = ? RETURNING events", (destination,)
    )
    return int(rows[0][0]) if rows else 0


def waiting(database: Database, destination: str) -> int:
    """Return how many events wait for a receiver."""
    return size(database, destination)[0]


def size(database: Database, destination: str) -> tuple[int, int]:
    """Return how many events wait for a receiver, and their bytes."""
    rows = database.execute(
        "SELECT events, bytes FROM outbox_size WHERE destination = ?", (destination,)
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


def shed(database: Database, destination: str, *, most: int, alarms_most: int) -> int:
    """Delete the oldest events beyond a limit; return how many. The journal keeps them.

    Parameters
    ----------
    most
        Bytes that may wait; beyond them go events that concern the node alone.
    alarms_most
        Bytes beyond which alarm events go as well.
    """
    gone = 0
    for only, bound in (("AND alarm = '' ", most), ("", alarms_most)):
        while (over := size(database, destination)[1] - bound) > 0:
            rows = database.execute(
                "SELECT seq, LENGTH(entry) FROM outbox WHERE destination = ? "  # noqa: S608
                f"{only}ORDER BY seq LIMIT ?",
                (destination, AT_ONCE),
            )
            seqs: list[int] = []
            for seq, octets in rows:
                if over <= 0:
                    break
                seqs.append(seq)
                over -= octets
            if not seqs:
                break
            gone += shed_some(database, destination, seqs)
    return gone


def shed_some(database: Database, destination: str, seqs: Sequence[int]) -> int:
    """Delete these events, and count them as shed in the same transaction; return how many."""
    with database.transaction():
        gone = remove(database, destination, seqs)
        count_shed(database, destination, gone)
    return gone


def count_shed(database: Database, destination: str, events: int) -> None:
    """Count events that were shed, until an event tells of them; negative once it has."""
    database.execute(
        "UPDATE outbox_size SET shed = shed + ? WHERE destination = ?", (events, destination)
    )


def shed_untold(database: Database, destination: str) -> int:
    """Return how many events were shed that no event has told of."""
    rows = database.execute("SELECT shed FROM outbox_size WHERE destination = ?", (destination,))
    return int(rows[0][0]) if rows else 0


def _grow(database: Database, destination: str, events: int, octets: int) -> None:
    database.execute(
        "INSERT INTO outbox_size (destination, events, bytes, shed) VALUES (?, ?, ?, 0) "
        "ON CONFLICT (destination) DO UPDATE SET events = outbox_size.events + excluded.events, "
        "bytes = outbox_size.bytes + excluded.bytes",
        (destination, events, octets),
    )
