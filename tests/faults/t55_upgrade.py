"""T55: an upgrade that is killed at every write, a store that is newer, and one that is damaged.

The store of each older schema of an edge and of a centre, with alarms that stand and events that
wait, is opened by today's program; what it writes is recorded, and cut off after every step, by a
kill and by a power cut. A full one is also upgraded under a real edge with a live link.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from gateway.db import Database
from gateway.journal import verify
from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.disks.disk import Disk
from tests.faults.disks.older import FEW, MADE, Rows, leave, migrations
from tests.faults.disks.older_starts import OUTBOX_SCHEMA, damaged, linked, newer
from tests.faults.disks.recording import Recording, replayed
from tests.faults.disks.stores import laid_out
from tests.faults.judging.evidence import Evidence

#: Events of an outbox that has filled; of its upgrade so many steps are cut off, evenly spread.
FULL: Final = 5000
SPREAD: Final = 40
#: The first schema of each role that has an outbox.
WITH_OUTBOX: Final = {"edge": OUTBOX_SCHEMA, "centre": 3}
STARTS: Final = {"newer": newer, "damaged": damaged, "linked": partial(linked, waiting=FULL)}
#: Of these the long laboratory tries more, each its own.
BY_CHANCE: Final = ("damaged", "linked")
MORE: Final = 10


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Upgrade from every older schema of each role; full ones; newer, damaged and linked ones."""
    schemas = [f"{role} from {n}" for role in MADE for n in range(len(migrations(role)))]
    full = [f"{role} from {n} full" for role, n in WITH_OUTBOX.items()]
    more = [name for name in BY_CHANCE for _ in range(MORE - 1)] if whole else []
    return named([*schemas, *full, *STARTS, *more], seed=5500)


@fault_test(
    "T55",
    "An upgrade of an edge or a centre that is killed at any step is done by the next start, with "
    "every row, alarm and event; a store of a newer program is left alone, a damaged older one is "
    "found, and the site is watched.",
    observes=("I1",),
    plan=plan,
    limit_s=600.0,
    controls=(
        Control(
            mutant="migrated_in_parts",
            inside=True,
            breaks=frozenset({"I1"}),
            cases=only([Case(number=0, seed=5590, what="edge from 0")]),
        ),
        Control(
            mutant="centre_in_parts",
            inside=True,
            breaks=frozenset({"I1"}),
            cases=only([Case(number=0, seed=5591, what="centre from 2")]),
        ),
    ),
)
async def upgraded(room: Room) -> Evidence:
    """Upgrade from one schema, or start on a store that is newer, damaged, or full and linked."""
    if (start := STARTS.get(room.case.what)) is not None:
        return await start(room)
    role, _, schema, *full = room.case.what.split()
    evidence = Evidence(found={"I1": []})
    await asyncio.to_thread(upgrade, room, evidence, role, int(schema), full=bool(full))
    return evidence


def upgrade(room: Room, evidence: Evidence, role: str, schema: int, *, full: bool) -> None:
    """Cut the upgrade from one schema off after every step, and open the store again."""
    recorded = room.folder / "recorded"
    recorded.mkdir()
    (recorded / "node.key").write_bytes(bytes(32))
    with Recording(recorded) as recording:
        before = leave(recorded / "store.db", role, schema, waiting=FULL if full else FEW)
        recording.note(before)
        open_as(recorded, role, room.mutant)
    began = next(n for n, step in enumerate(recording.steps) if step.what == "note")
    each = max(1, (len(recording.steps) - began) // SPREAD) if full else 1
    room.faults = 0
    with tempfile.TemporaryDirectory(dir=room.folder) as scratch:
        for number, (disk, noted) in enumerate(replayed(recording.steps)):
            if noted is None or number % each:
                continue
            for how, left in ways(disk, number):
                world = laid_out(left, Path(scratch) / "world", recorded / "node.key")
                room.faults += 1
                for text in wrong(world, role, before):
                    evidence.fail("I1", f"{room.case.what}, {how} after step {number}: {text}")
    for text in wrong(recorded, role, before):
        evidence.fail("I1", f"{room.case.what}: {text}")


def ways(disk: Disk, number: int) -> list[tuple[str, Disk]]:
    """Return what a kill leaves, and two of the disks that a power cut may."""
    cuts = [("power cut", disk.survivor(seed)) for seed in (2 * number, 2 * number + 1)]
    return [("kill", disk), *cuts]


def open_as(folder: Path, role: str, mutant: str) -> None:
    """Open a store as a start does; the control migrates without transactions."""
    if not mutant:
        Database(folder / "store.db", role).close()
        return
    connection = apsw.Connection(str(folder / "store.db"))
    connection.execute("PRAGMA journal_mode=WAL")
    done = connection.execute("PRAGMA user_version").fetchall()[0][0]
    for number, sql in enumerate(migrations(role), start=1):
        if number > done:
            connection.execute(sql)
            connection.execute(f"PRAGMA user_version={number}")
    connection.close()


def wrong(folder: Path, role: str, before: Rows) -> list[str]:
    """Open a store and return what is not as it must be."""
    try:
        database = Database(folder / "store.db", role)
    except Exception as error:  # noqa: BLE001 - whatever a start dies of is a finding
        return [f"cannot be opened: {error}"]
    try:
        found = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if database.execute("PRAGMA user_version") != [(len(migrations(role)),)]:
            found.append("is not of today's schema")
        found += [
            f"changed: {sql}" for sql, rows in before.items() if database.execute(sql) != rows
        ]
        found += [f"not made: {sql}" for sql in MADE[role] if database.execute(sql)]
        return [*found, *verify(database).problems]
    finally:
        database.close()
