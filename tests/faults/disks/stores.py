"""What an edge's store and a centre's go through, written as they write it, to be cut anywhere."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.alarms import store as alarm_store
from gateway.alarms.catalogue import Catalogue, node_alarms
from gateway.alarms.desk import Desk
from gateway.clock import ManualClock
from gateway.db import Database
from gateway.identity import Identity, load_key
from gateway.journal import Chain, verify
from gateway.model import NANOSECONDS, Detection, decode_event
from gateway.northbound import outbox, wire
from gateway.roles.edge.rows import set_position, write_snapshot, write_transitions
from gateway.supervision import intake
from gateway.supervision.feed import Hub
from gateway.supervision.store import Store
from gateway.supervision.throttle import Damper
from gateway.supervision.write import Write
from tests.faults.disks.disk import Disk
from tests.faults.disks.recording import Recording
from tests.faults.disks.server import write as write_out

NOON: Final = 1_790_000_000 * NANOSECONDS
NODE: Final = "gw"
LIFE: Final = "a" * 16


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store must hold from a moment on.

    Parameters
    ----------
    events
        So many of the journal's first.
    position
        The spool position of the same commit.
    """

    events: int = 0
    position: int = 0


def own_desk() -> tuple[Desk, dict[str, int]]:
    """Return a desk with the alarms that a node raises about itself, and the row of each."""
    own = node_alarms(NODE, "330106003000")
    definitions = Catalogue(NODE).with_own(own)
    rows = {each.alarm: number for number, each in enumerate(definitions)}
    return Desk(definitions, Chain(Identity(NODE, LIFE, "e" * 16))), rows


def edge_load(folder: Path, recording: Recording, *, commits: int, chance: random.Random) -> None:
    """Write an edge's store: commits, receipts, snapshots, folds; note what is committed."""
    key = load_key(folder)
    database = Database(folder / "store.db", "edge", wal_pages=40)
    desk, rows = own_desk()
    active: dict[str, bool] = {}
    position = 0
    for number in range(commits):
        moved = []
        for alarm in chance.sample(sorted(rows), 2):
            active[alarm] = not active.get(alarm, False)
            now = NOON + number * NANOSECONDS
            moved += desk.detect(Detection(rows[alarm], active[alarm], now, now, float("nan")))
        position += 100
        with database.transaction():
            write_transitions(database, moved, ["parent"], key)
            set_position(database, position)
            if number % 7 == 3:
                write_snapshot(
                    database, position, chance.randbytes(9000), made_ns=NOON + number * NANOSECONDS
                )
        recording.note(Kept(desk.chain.seq, position))
        if number % 3 == 2:
            waiting = outbox.oldest(database, "parent", 5)
            outbox.received(database, "parent", [row[0] for row in waiting])
        if number % 11 == 7:
            database.fold()
            database.fold_rest()
    database.close()


def edge_faults(folder: Path, kept: Kept | None) -> Iterator[str]:
    """Open an edge's store after a cut and yield what is wrong with it."""
    kept = kept or Kept()
    database = Database(folder / "store.db", "edge")
    try:
        yield from unsound(database)
        seq, _ = alarm_store.head(database)
        rows = database.execute("SELECT value FROM position WHERE name = 'spool'")
        position = rows[0][0] if rows else 0
        if seq < kept.events or position < kept.position:
            yield f"entry {seq}, position {position}: {kept} had been committed"
        revisions: dict[str, int] = {}
        for (entry,) in database.execute("SELECT entry FROM journal ORDER BY seq"):
            event = decode_event(entry)
            revisions[event.alarm] = event.revision
        statuses, _ = alarm_store.load(database)
        found = {alarm: status.revision for alarm, status in statuses.items()}
        if found != revisions:
            yield f"alarms at {found}, the journal says {revisions}"
        there = [row[0] for row in database.execute("SELECT seq FROM outbox ORDER BY seq")]
        if there != list(range(seq - len(there) + 1, seq + 1)):
            yield f"entries up to {seq}, of those {there} wait for the parent"
    finally:
        database.close()


def unsound(database: Database) -> Iterator[str]:
    """Yield what SQLite and the journal's own check find."""
    for (found,) in database.execute("PRAGMA integrity_check"):
        if found != "ok":
            yield str(found)
    yield from verify(database).problems


@dataclass(slots=True)
class Batches:
    """What a child sends: batches of events, and how many of them were answered."""

    batches: list[list[wire.Item]] = field(default_factory=list)

    @classmethod
    def made(cls, count: int, size: int) -> Batches:
        """Make so many batches of so many events, one chain."""
        chain = Chain(Identity(NODE, LIFE, "e" * 16))
        made = cls()
        for _ in range(count):
            batch = []
            for _ in range(size):
                raised = chain.seq % 2 == 0
                event, entry = chain.seal(
                    "alarm",
                    alarm=f"{NODE}/T1/h",
                    tag="T1",
                    rule="h",
                    cause="raise" if raised else "clear",
                    before="NORM" if raised else "UNACK",
                    after="UNACK" if raised else "NORM",
                    occurrence=chain.seq // 2 + 1,
                    revision=chain.seq + 1,
                    source_ns=NOON + chain.seq,
                    received_ns=NOON + chain.seq,
                )
                batch.append(wire.item("event", f"{event.life}/{event.seq}", entry))
            made.batches.append(batch)
        return made


async def send(store: Store, items: list[wire.Item]) -> list[str]:
    """Let a centre's store take a batch as its intake does; return the receipts."""
    batch = wire.Intake(node=NODE, life=LIFE, epoch="e" * 16, items=items)
    damper = Damper(store.clock)
    found = await store.write(lambda write: intake.take(write, NODE, batch, damper=damper))
    return [receipt.status for receipt in found.receipts]


def centre_store(folder: Path) -> Store:
    """Return the store of a centre in a folder."""
    return Store(folder, "centre", clock=ManualClock(NOON), hub=Hub())


async def centre_load(folder: Path, recording: Recording, batches: Batches) -> None:
    """Let a centre take batch after batch; note after each receipt how many events it has."""
    count = 0
    async with centre_store(folder) as store:
        await store.write(pair)
        for batch in batches.batches:
            receipts = await send(store, batch)
            assert set(receipts) == {"stored"}
            count += len(batch)
            recording.note(count)


async def centre_faults(folder: Path, stored: int, batches: Batches) -> list[str]:
    """Start a centre after a cut, send again what was not answered, and return what is wrong."""
    found: list[str] = []
    everything = [item for batch in batches.batches for item in batch]
    async with centre_store(folder) as store:
        await store.write(pair)
        had = await store.read(numbers)
        if had[:stored] != list(range(1, stored + 1)):
            found.append(f"{stored} events were told as stored, there are {len(had)}")
        # One transaction a batch: all of it or nothing.
        size = len(batches.batches[0])
        if len(had) % size:
            found.append(f"{len(had)} events: part of a batch of {size}")
        for first in range(stored, len(everything), size):
            receipts = await send(store, everything[first : first + size])
            if not set(receipts) <= {"stored", "duplicate"}:
                found.append(f"sent again: {receipts}")
        if await store.read(numbers) != list(range(1, len(everything) + 1)):
            found.append("not every event is there once after it was sent again")
        found += await store.read(lambda database: list(unsound(database)))
        rows = await store.read(
            lambda database: database.execute("SELECT revision FROM mirror WHERE node = ?", (NODE,))
        )
        if rows != [(len(everything),)]:
            found.append(f"the mirror stands at revision {rows}, not {len(everything)}")
        forks = await store.read(
            lambda database: database.execute("SELECT fork FROM node WHERE node = ?", (NODE,))
        )
        found += [f"a fork is shown: {text}" for (text,) in forks if text]
    return found


def pair(write: Write) -> None:
    """Let the centre know the child."""
    write.execute(
        "INSERT INTO node (node, name, enterprise, uscc, division, assigned, grid, public_key, "
        "inventory, refused_division, fork, paired_ns) "
        "VALUES (?, '', '', '', '330106', 1, '', '', '', '', '', 0) ON CONFLICT (node) DO NOTHING",
        (NODE,),
    )


def numbers(database: Database) -> list[int]:
    """Return the sequence numbers of the events that are stored."""
    return [row[0] for row in database.execute("SELECT seq FROM event ORDER BY seq")]


def laid_out(disk: Disk, folder: Path, key: Path) -> Path:
    """Write a disk into an empty folder, with the key that was made before; return the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    write_out(disk, folder)
    (folder / "node.key").write_bytes(key.read_bytes())
    return folder
