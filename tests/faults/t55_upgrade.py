"""T55: an upgrade that is killed at every write, and a store that is newer than the program.

The store of each older schema, with alarms that stand and events that wait, is opened by today's
program; what it writes is recorded, and cut off after every step, by a kill and by a power cut.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from gateway.db import Database
from gateway.journal import verify
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.faults.catalogue import Case, Control, Room, UnavailableError, each, fault_test, only
from tests.faults.edge_here import edge_here, write_site
from tests.faults.evidence import Evidence
from tests.faults.lossy.disk import Disk
from tests.faults.lossy.recording import Recording, replayed
from tests.faults.lossy.stores import laid_out

#: The store that an older program left, with the schema it had.
LEFT: Final = Path(__file__).parent / "lossy" / "edge-2.sql"
LEFT_SCHEMA: Final = 2
#: The siren sounds so long after the reading, whatever the store is.
SIREN_S: Final = 1.0
#: What an upgrade may not change: each row as the older program wrote it.
ROWS: Final = {
    "journal": "SELECT seq, entry, hash FROM journal ORDER BY seq",
    "outbox": "SELECT destination, seq, entry FROM outbox ORDER BY seq",
    "alarm": "SELECT alarm, state, suppression, occurrence, revision, entry FROM alarm ORDER BY 1",
    "position": "SELECT name, value FROM position",
}
Rows = dict[str, list[tuple[object, ...]]]


@fault_test(
    "T55",
    "An upgrade killed at any step is done by the next start, with every alarm and event; a store "
    "of a newer program is left alone, and the site is watched.",
    observes=("I1",),
    plan=each(("from 0", "from 1", "from 2", "newer"), seed=5500),
    limit_s=600.0,
    controls=(
        Control(
            mutant="migrated_in_parts",
            inside=True,
            breaks=frozenset({"I1"}),
            cases=only([Case(number=0, seed=5590, what="from 0")]),
        ),
    ),
)
async def upgraded(room: Room) -> Evidence:
    """Upgrade from one schema, or start on a newer one."""
    evidence = Evidence(found={"I1": []})
    if room.case.what == "newer":
        await newer(room, evidence)
    else:
        await asyncio.to_thread(upgrade, room, evidence, int(room.case.what.split()[1]))
    return evidence


def upgrade(room: Room, evidence: Evidence, schema: int) -> None:
    """Cut the upgrade from one schema off after every step, and open the store again."""
    recorded = room.folder / "recorded"
    recorded.mkdir()
    (recorded / "node.key").write_bytes(bytes(32))
    with Recording(recorded) as recording:
        before = leave(recorded / "store.db", schema)
        recording.note(before)
        open_as(recorded, room.mutant)
    room.faults = 0
    with tempfile.TemporaryDirectory(dir=room.folder) as scratch:
        for number, (disk, noted) in enumerate(replayed(recording.steps)):
            if noted is None:
                continue
            for how, left in ways(disk, number):
                world = laid_out(left, Path(scratch) / "world", recorded / "node.key")
                room.faults += 1
                for text in wrong(world, before):
                    evidence.fail("I1", f"{room.case.what}, {how} after step {number}: {text}")
    # Where nothing was to be done, opening is what was tried.
    room.faults = room.faults or 1
    for text in wrong(recorded, before):
        evidence.fail("I1", f"{room.case.what}: {text}")


def ways(disk: Disk, number: int) -> list[tuple[str, Disk]]:
    """Return what a kill leaves, and two of the disks that a power cut may."""
    cuts = [("power cut", disk.survivor(seed)) for seed in (2 * number, 2 * number + 1)]
    return [("kill", disk), *cuts]


def migrations() -> list[str]:
    """Return today's migrations of an edge's store, in order."""
    folder = resources.files("gateway") / "migrations" / "edge"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def leave(path: Path, schema: int) -> Rows:
    """Write a store as the program of a schema left it, and return its rows."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if schema == LEFT_SCHEMA:
        connection.execute(LEFT.read_text(encoding="utf-8"))
    else:
        # Of the store that was left those tables that there were then.
        older = apsw.Connection(":memory:")
        older.execute(LEFT.read_text(encoding="utf-8"))
        for number, sql in enumerate(migrations()[:schema], start=1):
            connection.execute(sql)
            connection.execute(f"PRAGMA user_version={number}")
        for name in ("node_self", "journal") if schema else ():
            for row in older.execute(f"SELECT * FROM {name}"):  # noqa: S608
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)  # noqa: S608
        older.close()
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    found = {n: connection.execute(sql).fetchall() for n, sql in ROWS.items() if n in tables}
    connection.close()
    return found


def open_as(folder: Path, mutant: str) -> None:
    """Open a store as a start does; the control migrates without transactions."""
    if not mutant:
        Database(folder / "store.db", "edge").close()
        return
    connection = apsw.Connection(str(folder / "store.db"))
    connection.execute("PRAGMA journal_mode=WAL")
    for number, sql in enumerate(migrations(), start=1):
        connection.execute(sql)
        connection.execute(f"PRAGMA user_version={number}")
    connection.close()


def wrong(folder: Path, before: Rows) -> list[str]:
    """Open a store and return what is not as it must be."""
    try:
        database = Database(folder / "store.db", "edge")
    except Exception as error:  # noqa: BLE001 - whatever a start dies of is a finding
        return [f"cannot be opened: {error}"]
    try:
        found = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if database.execute("PRAGMA user_version") != [(len(migrations()),)]:
            found.append("is not of today's schema")
        found += [
            f"{n} has changed" for n, rows in before.items() if database.execute(ROWS[n]) != rows
        ]
        return [*found, *verify(database).problems]
    finally:
        database.close()


async def newer(room: Room, evidence: Evidence) -> None:
    """Start an edge on the store of a newer program: it watches, and leaves that alone."""
    program = mosquitto()
    if program is None:
        raise UnavailableError("mosquitto is not installed")
    data = room.folder / "data"
    data.mkdir()
    leave(data / "store.db", LEFT_SCHEMA)
    connection = apsw.Connection(str(data / "store.db"))
    connection.execute(f"PRAGMA user_version={len(migrations()) + 1}")
    connection.close()
    before = hashlib.sha256((data / "store.db").read_bytes()).digest()
    with LocalBroker(room.folder / "broker", program=program) as broker:
        site = write_site(room.folder, broker.port)
        async with edge_here(site, broker.port) as edge:
            if not await edge.subscribed(within_s=60):
                evidence.fail("I7", f"a newer store keeps the edge from starting: {edge.died}")
                return
            await edge.say(1, 20.0)
            await edge.say(1, 200.0)
            sounded = await edge.sounds("chain-gw/T01/h", within_s=20)
            evidence.sound("on a newer store", sounded, limit_s=SIREN_S)
            if not edge.node.desk.status("chain-gw/@node/storage_lost").active:
                evidence.fail("I10", "nothing says that the store is not used")
    if hashlib.sha256((data / "store.db").read_bytes()).digest() != before:
        evidence.fail("I1", "the newer store was written")
    if list(data.glob("*.damaged-*")):
        evidence.fail("I1", "the newer store was set aside")
