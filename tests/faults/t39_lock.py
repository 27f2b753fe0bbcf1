"""T39: another writer holds the centre's database; reports keep every reader busy."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

import httpx

from gateway.clock import ManualClock
from gateway.db import Database
from gateway.supervision.readers import READERS
from gateway.supervision.store import FILE, Store
from tests.faults.catalogue import Control, Room, each, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.mutated import mutated
from tests.gateway.supervision.world import NOON_NS, Child, World, opened

HELD_S: Final = 30.0
LOCK, REPORTS = "another writer for 30 s", "slow reports on every reader"
EVENTS: Final = 20
#: An intake beside reports is answered within so long.
BESIDE_S: Final = 2.0
AGAIN_S: Final = 15.0
HOLDER: Final = (
    "import sqlite3, sys, time; other = sqlite3.connect(sys.argv[1], isolation_level=None); "
    "other.execute('BEGIN IMMEDIATE'); print('held', flush=True); time.sleep(float(sys.argv[2]))"
)
SLOW: Final = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000000) "
    "SELECT MAX(i) FROM n"
)


@fault_test(
    "T39",
    "While another writer holds the database, or reports keep every reader busy, an intake is "
    "stored in time or refused with 503 and Retry-After, and nothing told as stored is lost.",
    observes=("I1", "I10"),
    plan=each([LOCK, REPORTS], seed=3900),
    limit_s=180.0,
    controls=(
        Control(mutant="answers_whatever", breaks=frozenset({"I1"}), cases=only(named([LOCK]))),
    ),
)
async def held(room: Room) -> Evidence:
    """Send events one by one, each until it is answered as stored."""
    evidence = Evidence(found={"I1": []})
    with mutated(room.mutant, Store, "write"):
        async with opened(room.folder / "centre", ManualClock(NOON_NS)) as world:
            child = await world.child()
            # An answer that waits for two of the centre's own attempts is one all the same.
            child.client.timeout = httpx.Timeout(2 * HELD_S)
            assert await child.events(child.event()) == ["stored"]
            if room.case.what == LOCK:
                told = await _beside_a_writer(world, child, room, evidence)
            else:
                told = await _beside_reports(world, child, room, evidence)
            rows = await world.rows("SELECT entry FROM event ORDER BY seq")
            stored = [bytes(row[0]) for row in rows][1:]
            for entry in told:
                if stored.count(entry) != 1:
                    evidence.fail("I1", f"told as stored, is there {stored.count(entry)} times")
    return evidence


async def _beside_a_writer(
    world: World, child: Child, room: Room, evidence: Evidence
) -> list[bytes]:
    # Another process: locks of one process are no obstacle to itself.
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, world.centre.store.folder / FILE, str(HELD_S),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    sending = asyncio.create_task(_send(child, room, evidence))
    admin = await world.client()
    began = time.monotonic()
    # People and probes are answered meanwhile: readers need no lock.
    answer = await admin.get("/api/v1/health")
    healthy = time.monotonic() - began if answer.status_code == httpx.codes.OK else None
    evidence.recover("the word that it is well", healthy, limit_s=2.0)
    await other.wait()
    ended = time.monotonic()
    told = await sending
    room.figures["stored again after, s"] = time.monotonic() - ended
    evidence.recover("the intake", time.monotonic() - ended, limit_s=AGAIN_S)
    if not room.figures["refused with 503"] and not room.mutant:
        evidence.fail("I10", "no intake was refused, so the lock was never felt")
    return told


async def _beside_reports(
    world: World, child: Child, room: Room, evidence: Evidence
) -> list[bytes]:
    def report(database: Database) -> object:
        return database.execute(SLOW)

    reports = [asyncio.create_task(world.centre.store.read(report)) for _ in range(READERS)]
    told = await _send(child, room, evidence)
    if all(each.done() for each in reports):
        evidence.fail("I10", "the reports had ended before the last event was sent")
    slowest = room.figures["slowest answer, s"]
    evidence.recover("an intake beside reports", slowest, limit_s=BESIDE_S)
    await asyncio.gather(*reports)
    return told


async def _send(child: Child, room: Room, evidence: Evidence) -> list[bytes]:
    """Send events one after the other, each again as long as it is refused."""
    told: list[bytes] = []
    slowest, refused = 0.0, 0
    for number in range(EVENTS):
        entry = child.event("raise" if number % 2 else "clear")
        while True:
            began = time.monotonic()
            answer: httpx.Response = await child.post(("event", entry))
            slowest = max(slowest, time.monotonic() - began)
            if answer.status_code == 200:
                break
            refused += 1
            after = answer.headers.get("retry-after")
            if answer.status_code not in {429, 503} or after is None:
                evidence.fail("I10", f"answered {answer.status_code}, Retry-After {after}")
            await asyncio.sleep(float(after or 1))
        statuses = {receipt["status"] for receipt in answer.json()["receipts"]}
        if statuses <= {"stored", "duplicate"}:
            told.append(entry)
    room.figures["slowest answer, s"] = slowest
    room.figures["refused with 503"] = float(refused)
    return told
