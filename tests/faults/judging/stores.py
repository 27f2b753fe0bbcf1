"""The two stores of a run as the judge reads them after its end, with the product's own readers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from device_profiles.quality import Quality
from gateway.db import Database, StoreError
from gateway.journal import as_bytes, digest, verify
from gateway.model import AlarmEvent, decode_event
from gateway.northbound.spool import (
    Configuration,
    Kind,
    Quarantined,
    decode_readings,
    marker,
    records,
    segments,
)

#: So begins why readings were not kept. Events, summaries and what an export sheds are counted in
#: the same way and excuse no reading; what was lent to a slow disk and is now stored is there.
READINGS_SHED: Final = (
    "storage full",
    "storage slow, memory full",
    "acknowledged from memory, lost with the store",
    "the spool was damaged",
)


@dataclass(slots=True)
class EdgeStore:
    """What lies in an edge's folder."""

    readings: set[tuple[str, int, float]] = field(default_factory=set)
    quarantined: set[bytes] = field(default_factory=set)
    #: Tag -> readings of it that say that a message could not be decoded.
    undecodable: Counter[str] = field(default_factory=Counter)
    events: list[AlarmEvent] = field(default_factory=list)
    states: dict[str, tuple[str, int]] = field(default_factory=dict)
    waiting: int = 0
    problems: list[str] = field(default_factory=list)
    life: str = ""
    #: Hash of each entry of the journal, as reckoned from its bytes.
    hashes: dict[tuple[str, int], str] = field(default_factory=dict)


@dataclass(slots=True)
class CentreStore:
    """What lies in a centre's folder, in the order of its commits."""

    events: list[AlarmEvent] = field(default_factory=list)
    hashes: list[tuple[str, str]] = field(default_factory=list)
    states: dict[str, tuple[str, int]] = field(default_factory=dict)
    anchors: dict[tuple[str, str, int], str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    #: Hash of each event by node, life and sequence, as reckoned from its bytes.
    heads: dict[tuple[str, str, int], str] = field(default_factory=dict)


def spooled(folder: Path) -> EdgeStore:
    """Read an edge's spool alone, also while it is written."""
    found = EdgeStore()
    tags: list[str] = []
    for record in records(folder, 0):
        if record.kind == Kind.CONFIGURATION:
            tags = msgspec.json.decode(record.body, type=Configuration).tags
        elif record.kind == Kind.READINGS:
            batch = decode_readings(record.body)
            points, times, values = (
                each.tolist() for each in (batch.point, batch.time_ns, batch.value)
            )
            found.readings |= {
                (tags[point], at, value)
                for point, at, value in zip(points, times, values, strict=True)
            }
            for point in batch.point[batch.quality == Quality.UNDECODABLE].tolist():
                found.undecodable[tags[point]] += 1
        elif record.kind == Kind.QUARANTINE:
            found.quarantined.add(msgspec.msgpack.decode(record.body, type=Quarantined).payload)
    return found


def read_edge(folder: Path) -> EdgeStore:
    """Read an edge's spool, archive and store."""
    found = spooled(folder / "spool")
    found.readings |= archived(folder)
    path = folder / "store.db"
    if not path.exists():
        return found
    try:
        database = Database(path, "edge", read_only=True)
    except StoreError as error:
        found.problems.append(str(error))
        return found
    found.problems += sound(database)
    found.problems += verify(database).problems
    for (entry,) in database.execute("SELECT entry FROM journal ORDER BY seq"):
        event = decode_event(entry)
        found.events.append(event)
        found.hashes[event.life, event.seq] = digest(as_bytes(entry))
    found.life = found.events[-1].life if found.events else ""
    found.states = {
        alarm: (state, revision)
        for alarm, state, revision in database.execute("SELECT alarm, state, revision FROM alarm")
    }
    found.waiting = database.execute("SELECT COUNT(*) FROM outbox WHERE destination = 'parent'")[0][
        0
    ]
    database.close()
    return found


def archived(folder: Path) -> set[tuple[str, int, float]]:
    """Return the readings that lie in the archive alone, their segments cut."""
    files = sorted(str(path) for path in (folder / "history").glob("**/*.parquet"))
    if not files or all(marker(path).exists() for _, path in segments(folder / "spool")[:-1]):
        return set()
    rows = duckdb.connect().execute(
        "SELECT tag, epoch_ns(time), value FROM read_parquet(?)", [files]
    )
    return {(tag, at, value) for tag, at, value in rows.fetchall()}


def read_centre(folder: Path) -> CentreStore:
    """Read a centre's store."""
    found = CentreStore()
    try:
        database = Database(folder / "centre.sqlite", "centre", read_only=True)
    except StoreError as error:
        found.problems.append(str(error))
        return found
    found.problems += sound(database)
    found.problems += verify(database).problems
    for entry, stated in database.execute("SELECT entry, hash FROM event ORDER BY position"):
        event, reckoned = decode_event(entry), digest(as_bytes(entry))
        found.events.append(event)
        found.hashes.append((reckoned, stated))
        found.heads[event.node, event.life, event.seq] = reckoned
    found.states = {
        alarm: (state, revision)
        for alarm, state, revision in database.execute("SELECT alarm, state, revision FROM mirror")
    }
    found.anchors = {
        (node, life, seq): head
        for node, life, seq, head in database.execute("SELECT node, life, seq, head FROM anchor")
    }
    database.close()
    return found


def sound(database: Database) -> list[str]:
    """Return what SQLite itself finds wrong."""
    rows = database.execute("PRAGMA integrity_check(3)")
    return [f"{database.path}: {row[0]}" for row in rows if row[0] != "ok"]


def events_shed(events: list[AlarmEvent]) -> int:
    """Return how many events the durable shed events count as not sent."""
    return sum(
        int(event.detail.get("count") or 0)
        for event in events
        if event.kind == "shed" and event.detail.get("what") == "events"
    )


def readings_shed(events: list[AlarmEvent]) -> int:
    """Return how many readings the durable shed events count as not kept."""
    return sum(
        int(event.detail.get("count") or 0)
        for event in events
        if event.kind == "shed"
        and "what" not in event.detail
        and str(event.detail.get("why")).startswith(READINGS_SHED)
    )
