"""Starts of an edge on the store of a newer program, on damaged older ones, and on a full one."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
from pathlib import Path
from typing import Final

import apsw

from gateway.db import Database
from gateway.journal import verify
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.faults.catalogue import Room, UnavailableError
from tests.faults.disks.damage import KINDS, damage
from tests.faults.disks.older import Rows, leave, migrations
from tests.faults.disks.stores import LIFE
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, Bench
from tests.faults.site.edge_here import edge_here, write_site
from tests.faults.site.program import until
from tests.faults.syscalls import strace
from tests.faults.syscalls.held import HELD
from tests.faults.syscalls.sweep import ended

#: The siren sounds so long after the reading, whatever the store is.
SIREN_S: Final = 1.0
JUDGED_S: Final = 20.0
#: Events in a store that is damaged: enough for several pages of each table.
SOME: Final = 300
#: No damage: such a store is gone on with.
SOUND: Final = "sound"
#: The first schema of an edge that has an outbox.
OUTBOX_SCHEMA: Final = 2
#: A store that is upgraded under a live link has everything at its centre after so long.
DRAINED_S: Final = 60.0
#: Deaths in one upgrade, each at one of the first writes of its log.
DEATHS: Final = 3
WRITES: Final = 100


async def newer(room: Room) -> Evidence:
    """Start an edge on the store of a newer program: it watches, and leaves that alone."""
    program = mosquitto()
    if program is None:
        raise UnavailableError("mosquitto is not installed")
    evidence = Evidence(found={"I1": []})
    data = room.folder / "data"
    data.mkdir()
    leave(data / "store.db", "edge", len(migrations("edge")))
    connection = apsw.Connection(str(data / "store.db"))
    connection.execute(f"PRAGMA user_version={len(migrations('edge')) + 1}")
    connection.close()
    before = hashlib.sha256((data / "store.db").read_bytes()).digest()
    with LocalBroker(room.folder / "broker", program=program) as broker:
        site = write_site(room.folder, broker.port)
        async with edge_here(site, broker.port) as edge:
            if not await edge.subscribed(within_s=60):
                evidence.fail("I7", f"a newer store keeps the edge from starting: {edge.died}")
                return evidence
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
    return evidence


async def damaged(room: Room) -> Evidence:
    """Start an edge on an older store that is damaged, or is not: it watches, and tells a loss."""
    program = mosquitto()
    if program is None:
        raise UnavailableError("mosquitto is not installed")
    chance = random.Random(room.case.seed)
    evidence = Evidence(found={"I1": [], "I10": []})
    room.faults = 0
    with LocalBroker(room.folder / "broker", program=program) as broker:
        for schema in range(1, len(migrations("edge"))):
            for kind in (SOUND, *sorted(KINDS)):
                folder = room.folder / "damaged"
                (folder / "data").mkdir(parents=True)
                site = write_site(folder, broker.port)
                store = folder / "data" / "store.db"
                before = leave(store, "edge", schema, waiting=SOME, node=NODE)
                if kind != SOUND:
                    damage(store, kind, chance)
                    room.faults += 1
                what = f"schema {schema}, {kind}"
                await watched(evidence, site, broker.port, what)
                aside = list((folder / "data").glob("*.damaged-*"))
                if aside and kind == SOUND:
                    evidence.fail("I1", f"{what}: set aside")
                if not aside and (texts := missed(folder / "data", before)):
                    evidence.fail("I1", f"{what}, and nothing says so: {texts}")
                name = "set aside" if aside else "taken as it is"
                room.figures[name] = room.figures.get(name, 0.0) + 1
                shutil.rmtree(folder)
    return evidence


async def watched(evidence: Evidence, site: Path, port: int, what: str) -> None:
    """Start an edge, raise an alarm, and time its siren."""
    async with edge_here(site, port) as edge:
        if await edge.subscribed(within_s=JUDGED_S):
            await edge.say(1, 20.0)
            await edge.say(1, 200.0)
            sounded = await edge.sounds("chain-gw/T01/h", within_s=JUDGED_S)
            evidence.sound(what, sounded, limit_s=SIREN_S)
        else:
            evidence.fail("I7", f"{what}: it does not listen: {edge.died}")
    if edge.died:
        evidence.fail("I10", f"{what}: {edge.died}")


def missed(folder: Path, before: Rows) -> list[str]:
    """Return what is gone of the journal that there was, unless its own check finds that."""
    database = Database(folder / "store.db", "edge")
    try:
        if verify(database).problems:
            return []
        sql = next(sql for sql in before if " FROM journal ORDER" in sql)
        there = set(database.execute(sql))
        return [f"entry {row[0]}" for row in before[sql] if row not in there][:3]
    finally:
        database.close()


async def linked(room: Room, *, waiting: int) -> Evidence:
    """Upgrade a full store under a real edge, killed in it again and again; all arrives after."""
    strace.needed()
    chance, evidence = random.Random(room.case.seed), Evidence()
    room.faults = DEATHS
    async with Bench(room, delayed=False) as bench:
        bench.data.mkdir()
        leave(bench.data / "store.db", "edge", OUTBOX_SCHEMA, waiting=waiting, node=bench.node)
        for _ in range(DEATHS):
            bench.edge.before = HELD
            bench.edge.start()
            bench.edge.before = ()
            await until(lambda: strace.stopped(bench.edge.pid), JUDGED_S, what="the stop")
            death = f"signal=SIGKILL:when={chance.randrange(1, WRITES)}"
            wal = bench.data / "store.db-wal"
            async with strace.Attached(bench.edge.pid, "pwrite64", death, file=wal):
                bench.edge.signal(signal.SIGCONT)
                await until(lambda: not bench.edge.alive, JUDGED_S, what="the death")
            assert await ended(bench)
        await bench.start_edge()
        await bench.sounded(evidence, 1, "while it drains", limit_s=SIREN_S)
        waited = await until(lambda: has(bench) >= waiting, 2 * DRAINED_S, what="what waited")
        await bench.settle()
        # Among the rows that are made up are dead letters: their alarm is right.
        shown = await bench.finish(silent=frozenset({"dead_letter"}))
    shown.sounded = evidence.sounded
    shown.recover("a full outbox is at the centre", waited, limit_s=DRAINED_S)
    return shown


def has(bench: Bench) -> int:
    """Return how many events of the older life the centre has."""
    sql = "SELECT COUNT(*) FROM event WHERE node = ? AND life = ?"
    rows = bench.ask("centre", sql, (NODE, LIFE))
    return int(str(rows[0][0])) if rows else 0
