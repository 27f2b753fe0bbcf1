"""Starting where the last run ended, however it ended.

Detector state is a function of the spool. So the newest snapshot is loaded and the spool after it
is run through the same engine at its recorded times; what that yields up to the committed position
is discarded (the store holds it), and what follows is applied. Only then does the edge subscribe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import folders
from gateway.alarms import store as alarm_store
from gateway.alarms.catalogue import Catalogue
from gateway.alarms.desk import Desk, Transition
from gateway.db import (
    Database,
    StoreBrokenError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreInUseError,
    lock,
)
from gateway.identity import Identity, load_key, random_bits
from gateway.journal import Chain
from gateway.model import Clock, Detection
from gateway.northbound.losses import Hole, holes, losses
from gateway.northbound.spool import (
    Configuration,
    Kind,
    Record,
    decode_readings,
    decode_tick,
    newest_readings,
    records,
)
from gateway.northbound.spool_writer import Spool
from gateway.observe import log
from gateway.pipeline.clock_step import decode_step
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch
from gateway.roles.edge import snapshots, untold, witness
from gateway.roles.edge.rows import read_holes
from gateway.roles.edge.soundness import doubt

#: Readings that are run at once: a record of a few costs as much as one of hundreds.
GATHERED: Final = 8_192
#: The storage folds the store's log long before; this bounds it where that cannot be done.
LOG_PAGES: Final = 20_000
LOG = log("roles.edge.recovery")

decode_configuration = msgspec.json.Decoder(Configuration).decode


@dataclass(frozen=True, slots=True)
class Opened:
    """An open store: `spool` is None when it is in memory; `trouble` says why it is.

    `held` keeps other processes from the folder while it is open; None in memory. `key` signs the
    journal. `losses` are what a damaged spool no longer holds; `holes` are all that no commit
    speaks of yet. `untold` are readings shed by a process that died before it told of them.
    """

    held: BinaryIO | None
    key: Ed25519PrivateKey
    database: Database
    spool: Spool | None
    life: str
    new_life: bool
    trouble: str
    losses: tuple[Hole, ...] = ()
    holes: tuple[Hole, ...] = ()
    untold: tuple[tuple[str, int], ...] = ()

    def close(self) -> None:
        """Close everything, and let another process have the folder."""
        if self.spool is not None:
            self.spool.close()
        self.database.close()
        if self.held is not None:
            self.held.close()


def open_store(
    folder: Path, *, configuration: Configuration, clock: Clock, memory: str = ""
) -> Opened:
    """Open the node's store, or one in memory when the disk refuses.

    A store that is not sound is set aside under a name that says when, and a new one begins.

    Parameters
    ----------
    folder
        Where the store is.
    configuration
        Of this start, for the spool's segments.
    clock
        Names what is set aside.
    memory
        A reason to open no file at all.

    Raises
    ------
    StoreInUseError
        Another process runs on this folder; one that has ended, and hangs in its disk, does not.
    """
    if memory:
        return memory_store(memory)
    held = None
    try:
        folders.make(folder)
        held = lock(folder)
        try:
            database, trouble = open_database(folder / "store.db", clock)
        except (StoreFullError, StoreBrokenError):
            # A full disk has no room for the store's own log: that is what the reserve is for.
            (folder / "reserve").unlink(missing_ok=True)
            database, trouble = open_database(folder / "store.db", clock)
        life, new = take_life(database)
        reason = "" if new else witness.taken_back(folder, database, life) or doubt(database)
        if reason:
            database.close()
            database, trouble = begun_anew(folder / "store.db", clock, reason)
            life, new = take_life(database)
        committed = 0 if new else furthest(database)
        # A new life cannot know what an older one has told of: it takes no hole for damage.
        empty = tuple(holes(folder / "spool", committed=committed, told=read_holes(database)))
        lost = tuple(losses(empty, committed=committed))
        spool = Spool(folder / "spool", configuration)
        spool.skip_to(committed)
        key = load_key(folder)
    except StoreInUseError:
        raise
    except (OSError, StoreError) as error:
        if held is not None:
            held.close()
        return memory_store(str(error))
    for each in lost:
        LOG.error("the spool was damaged", position=each.position, bytes=each.size)
    return Opened(
        held, key, database, spool, life, new, trouble, lost, empty, tuple(untold.left(database))
    )


def memory_store(trouble: str) -> Opened:
    """Open a store that lasts as long as the process."""
    LOG.error("no store on disk; running on memory", reason=trouble)
    database = Database(None, "edge")
    life, _ = take_life(database)
    key = Ed25519PrivateKey.generate()
    return Opened(None, key, database, None, life, new_life=True, trouble=trouble)


def open_database(path: Path, clock: Clock) -> tuple[Database, str]:
    """Open the store file; set a damaged one aside and say so."""
    try:
        database = Database(path, "edge", wal_pages=LOG_PAGES)
        found = database.execute("PRAGMA quick_check(1)")
        if found[0][0] == "ok":
            return database, ""
        reason = str(found[0][0])
        database.close()
    except StoreDamagedError as error:
        reason = str(error)
    return begun_anew(path, clock, reason)


def begun_anew(path: Path, clock: Clock, reason: str) -> tuple[Database, str]:
    """Set a store aside and begin another; return it, and what is to be said of that."""
    aside = path.with_name(f"{path.name}.damaged-{clock.now_ns()}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    LOG.error("the store was damaged and set aside", aside=str(aside), reason=reason)
    trouble = f"store damaged, set aside as {aside.name}: {reason}"
    return Database(path, "edge", wal_pages=LOG_PAGES), trouble


def furthest(database: Database) -> int:
    """Return the spool position that the store speaks of: of the commit or of the snapshot."""
    rows = database.execute(
        "SELECT value FROM position WHERE name = 'spool' UNION ALL SELECT position FROM snapshot"
    )
    return max((int(row[0]) for row in rows), default=0)


def take_life(database: Database) -> tuple[str, bool]:
    """Return the store's life, made with it, and whether it is new."""
    rows = database.execute("SELECT value FROM node_self WHERE name = 'life'")
    if rows:
        return str(rows[0][0]), False
    life = random_bits()
    database.execute("INSERT INTO node_self (name, value) VALUES ('life', ?)", (life,))
    return life, True


def take_up(
    opened: Opened,
    engine: Engine,
    definitions: Catalogue,
    identity: Identity,
    *,
    now_ns: int,
) -> tuple[Desk, list[Transition], int]:
    """Bring engine and desk to where the spool ends.

    A new life says so in its first event. It knows nothing of what the spool led to before, so the
    spool only moves the engine, and what then stands is raised anew.

    Returns
    -------
    tuple
        The desk, the transitions that were not yet committed, and how many records were run.
    """
    database = opened.database
    statuses, entries = alarm_store.load(database)
    seq, head = alarm_store.head(database)
    desk = Desk(
        definitions, Chain(identity, seq=seq, head=head), statuses=statuses, entries=entries
    )
    pending = found_so(opened, desk, now_ns)
    if opened.spool is None:
        return desk, pending, 0
    rows = database.execute("SELECT value FROM position WHERE name = 'spool'")
    committed = int(rows[0][0]) if rows else 0
    if opened.new_life:
        committed = opened.spool.position
    start = restore(database, opened.spool.folder.parent, engine)
    count = 0
    runner = SpoolRunner(engine)
    told = False
    for record in records(opened.spool.folder, start):
        if record.position > committed and not told:
            # What was gathered up to here is in the store: it moves the engine, and is discarded.
            runner.finish()
            told = True
        detections = runner.run(record)
        count += 1
        if told:
            pending += [moved for each in detections for moved in desk.detect(each)]
            if record.kind == Kind.CLOCK:
                step = decode_step(record.body)
                pending.append(desk.set_clock(step.at_ns - step.step_ns, step.at_ns))
    if told:
        pending += [moved for each in runner.finish() for moved in desk.detect(each)]
    else:
        runner.finish()
    if opened.new_life:
        for detection in engine.standing():
            pending += desk.detect(detection)
    return desk, pending, count


def found_so(opened: Opened, desk: Desk, now_ns: int) -> list[Transition]:
    """Return the events that tell how the store was found: a new life, readings gone or shed."""
    told = []
    if opened.new_life:
        told.append(desk.note("life", now_ns=now_ns, detail={"store": opened.trouble}))
    for loss in opened.losses:
        why = f"the spool was damaged at position {loss.position}; so many readings at most"
        told.append(desk.note("shed", now_ns=now_ns, detail={"count": loss.readings, "why": why}))
    for why, count in opened.untold:
        told.append(desk.note("shed", now_ns=now_ns, detail={"count": count, "why": why}))
    return told


def restore(database: Database, store: Path, engine: Engine) -> int:
    """Load the newest snapshot into the engine; return its spool position, else 0."""
    held = snapshots.held(database)
    if held is None:
        return 0
    position, body = held
    try:
        engine.restore(snapshots.read(snapshots.folder_in(store), body))
    except (msgspec.DecodeError, ValueError) as error:
        LOG.warning("the snapshot cannot be used; running the whole spool", reason=str(error))
        return 0
    return position


def newest(opened: Opened, engine: Engine, count: int) -> Iterator[ReadingBatch]:
    """Yield the newest readings of the spool, `count` at least, which a broker may repeat."""
    if opened.spool is None:
        return
    runner = SpoolRunner(engine)
    for record in newest_readings(opened.spool.folder, count):
        if record.kind == Kind.READINGS:
            yield runner.translate(decode_readings(record.body))
        else:
            runner.note(record)


class SpoolRunner:
    """Runs spool records through an engine, their dense indices translated by tag.

    Readings are gathered over the records that stand between two others: how they are split into
    batches changes nothing but speed, and after a kill nobody is watched until the spool has run.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._configuration = b""
        #: Today's index of each of the configuration's; None where they are the same.
        self._index: npt.NDArray[np.int32] | None = None
        self._gathered: list[ReadingBatch] = []
        self._readings = 0

    def run(self, record: Record) -> list[Detection]:
        """Take one record; return what it and those before it led to, as far as they were run."""
        if record.kind == Kind.READINGS:
            batch = decode_readings(record.body)
            self._gathered.append(batch)
            self._readings += len(batch)
            return self.finish() if self._readings >= GATHERED else []
        if record.kind == Kind.TICK:
            found = self.finish()
            return found + self.engine.tick(decode_tick(record.body))
        if record.kind == Kind.CLOCK:
            found = self.finish()
            step = decode_step(record.body)
            if self._index is not None:
                points = [int(self._index[point]) for point in step.points]
                step = msgspec.structs.replace(step, points=points)
            self.engine.set_clock(step)
            return found
        if record.kind == Kind.CONFIGURATION:
            found = self.finish()
            self.note(record)
            return found
        return []

    def finish(self) -> list[Detection]:
        """Run the readings that were gathered."""
        if not self._gathered:
            return []
        batch = self.translate(ReadingBatch.joined(self._gathered))
        self._gathered, self._readings = [], 0
        return self.engine.process(batch)[0]

    def note(self, record: Record) -> None:
        """Take a configuration's tags.

        Every segment begins with one, mostly the same as before: half a million tags are read once.
        """
        if record.body == self._configuration:
            return
        self._configuration = record.body
        points = self.engine.plant.points
        tags = decode_configuration(record.body).tags
        self._index = None
        if tuple(tags) != points.tags:
            self._index = np.array([points.numbers.get(tag, -1) for tag in tags], np.int32)

    def translate(self, batch: ReadingBatch) -> ReadingBatch:
        """Return a record's readings with today's indices, without points that are gone."""
        if self._index is None:
            return batch
        point = self._index[batch.point]
        moved = replace(batch, point=point)
        return moved if (point >= 0).all() else moved.where(point >= 0)
