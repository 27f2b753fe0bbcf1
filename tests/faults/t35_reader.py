"""T35: somebody reads the store and does not end, while alarms come at full load.

A forgotten `sqlite3` keeps SQLite from beginning the write-ahead log anew. Ten minutes are made by
volume: the log is written until it is well beyond its limit. The alarm must stand by then, what is
detected must still be detected in time, and when the reader ends the log must be folded.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from gateway.db import Database
from gateway.roles.edge.folding import HELD_PAGES
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.faults.catalogue import Case, Control, Room, UnavailableError, fault_test, only, repeated
from tests.faults.judging.evidence import Evidence
from tests.faults.site.edge_here import EdgeHere, edge_here, write_site

PAGE: Final = 4096
HELD: Final = "chain-gw/@node/storage_held"
#: The log after the reader has ended: what is committed until it is folded, and a spare.
FOLDED_PAGES: Final = 3000
#: The alarm comes before the log has passed its limit by so much.
LATE_PAGES: Final = 2000
BURST: Final = 200
LIMIT_S: Final = 60.0


@fault_test(
    "T35",
    "A reader of the store that does not end is an alarm before the log has grown far, and costs "
    "no detection; when it ends the log is folded and the alarm falls.",
    observes=("I6", "I7", "I10"),
    plan=repeated(short=1, long=5, seed=3500),
    limit_s=900.0,
    controls=(
        Control(
            mutant="no_held_alarm",
            inside=True,
            breaks=frozenset({"I6"}),
            cases=only([Case(number=0, seed=3590)]),
        ),
    ),
)
async def held(room: Room) -> Evidence:
    """Hold a read transaction open under load, and let it go."""
    program = mosquitto()
    if program is None:
        raise UnavailableError("mosquitto is not installed")
    evidence = Evidence(found={"I6": []})
    with LocalBroker(room.folder / "broker", program=program) as broker:
        site = write_site(room.folder, broker.port)
        async with edge_here(site, broker.port) as edge:
            assert await edge.subscribed(within_s=60), edge.died
            if room.mutant:
                folding = edge.node.storage._folding
                assert callable(folding._tell_held)
                folding._tell_held = lambda _: None
            await edge.say(1, 20.0)
            log = room.folder / "data" / "store.db-wal"
            reader = Database(room.folder / "data" / "store.db", "edge", read_only=True)
            reader.execute("BEGIN")
            reader.execute("SELECT COUNT(*) FROM journal")
            await grow(edge, log, room, evidence)
            await edge.say(1, 200.0)
            sounded = await edge.sounds("chain-gw/T01/h", within_s=20)
            evidence.sound("while the store is held", sounded)
            reader.close()
            began = time.monotonic()
            while stands(edge) and time.monotonic() - began < LIMIT_S:
                await burst(edge)
            fell = None if stands(edge) else time.monotonic() - began
            evidence.recover("the log is folded", fell, limit_s=LIMIT_S)
            evidence.bound(
                "pages in the log after it",
                edge.node.storage._committer.database.log_pages,
                limit=FOLDED_PAGES,
            )
    return evidence


async def grow(edge: EdgeHere, log: Path, room: Room, evidence: Evidence) -> None:
    """Let alarms come until the log has passed its limit; note when the alarm came."""
    told = None
    while size(log) < HELD_PAGES + 2 * LATE_PAGES:
        await burst(edge)
        if told is None and stands(edge):
            told = size(log)
    room.figures["MiB of log at the most"] = size(log) * PAGE / 2**20
    if told is None:
        evidence.fail("I6", f"{size(log)} pages in the log, and no alarm")
    else:
        evidence.bound("pages in the log at the alarm", told, limit=HELD_PAGES + LATE_PAGES)


async def burst(edge: EdgeHere) -> None:
    """Raise and clear an alarm many times, and wait until that is durable."""
    for _ in range(BURST):
        await edge.say(2, 700.0)
        await edge.say(2, 20.0)
    async with asyncio.timeout(60):
        while edge.node.line.owed.receipts:
            await asyncio.sleep(0.005)


def size(log: Path) -> int:
    """Return how many pages a log's file holds."""
    return log.stat().st_size // PAGE


def stands(edge: EdgeHere) -> bool:
    """Whether the alarm stands."""
    return edge.node.desk.status(HELD).active
