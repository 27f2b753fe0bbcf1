"""Rows of the edge's store: each is written inside the transaction of its caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.alarms import store as alarm_store
from gateway.alarms.desk import Transition
from gateway.db import Database
from gateway.journal import close_segment, write_entries
from gateway.model import Cause
from gateway.northbound import outbox, pins
from gateway.northbound.losses import Hole
from gateway.roles.edge import ended


def write_transitions(
    database: Database,
    transitions: Sequence[Transition],
    destinations: Sequence[str],
    key: Ed25519PrivateKey,
) -> None:
    """Write what alarms went through: journal, an outbox for each receiver, present state, ends."""
    if not transitions:
        return
    entries = [(t.event.seq, t.entry) for t in transitions]
    write_entries(database, entries)
    rows = [outbox.Row(t.event.seq, t.event.alarm, t.entry) for t in transitions]
    outbox.append(database, rows, destinations)
    pins.pin(database, raised_ns(transitions))
    alarm_store.save(database, transitions)
    ended.write(database, transitions)
    close_segment(database, key, at_ns=transitions[-1].event.received_ns)


def raised_ns(transitions: Sequence[Transition]) -> set[int]:
    """Return when alarms of points were raised: when it was measured, and when it was received."""
    raises = [t.event for t in transitions if t.event.cause == Cause.RAISE and t.event.area]
    return {event.source_ns for event in raises} | {event.received_ns for event in raises}


def set_position(database: Database, position: int) -> None:
    """Write the spool position that alarm states were computed to."""
    database.execute(
        "INSERT INTO position (name, value) VALUES ('spool', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (position,),
    )


def write_holes(database: Database, holes: Iterable[Hole]) -> None:
    """Write where the spool holds nothing, as events tell: it is no damage."""
    if rows := list(holes):
        database.execute_many(
            "INSERT INTO spool_hole (position, size) VALUES (?, ?) "
            "ON CONFLICT (position) DO UPDATE SET size = MAX(size, excluded.size)",
            rows,
        )


def read_holes(database: Database) -> list[Hole]:
    """Return where the spool holds nothing, as far as events have told."""
    return [Hole(*row) for row in database.execute("SELECT position, size FROM spool_hole")]


def forget_holes(database: Database, *, before: int) -> None:
    """Forget the holes that end at or before a position: the segments before it are gone."""
    database.execute("DELETE FROM spool_hole WHERE position + size <= ?", (before,))


def write_snapshot(database: Database, position: int, body: bytes, *, made_ns: int) -> None:
    """Write the engine's state after everything before a spool position; it replaces the last."""
    database.execute(
        "INSERT INTO snapshot (id, position, body, made_ns) VALUES (1, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET position = excluded.position, "
        "body = excluded.body, made_ns = excluded.made_ns",
        (position, body, made_ns),
    )
