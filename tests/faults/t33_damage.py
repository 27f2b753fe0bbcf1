"""T33: a bit flipped, a page zeroed, a file cut off, anywhere in what an edge keeps on its disk.

A site is left as a kill leaves it, with an alarm standing; one of its files is damaged; an edge
starts on it. However it finds its store, it judges the next reading in time, what stood stands, and
it says so where it could not use what it found. What it does not say, and the journal's own check
does not find, must have changed nothing.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.config import ConfigError
from gateway.db import Database
from gateway.northbound.losses import Hole, holes
from gateway.pipeline.binding import SiteError
from gateway.roles.edge import recovery
from gateway.roles.edge.rows import read_holes
from gateway.roles.edge.site import Site, load_site
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.faults.catalogue import (
    Case,
    Control,
    Room,
    UnavailableError,
    fault_test,
    only,
    repeated,
)
from tests.faults.disks.damage import KINDS, damage
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.stores import EdgeStore, read_edge
from tests.faults.mutated import mutated
from tests.faults.site.edge_here import EdgeHere, edge_here, write_site

#: A reading is judged so long after the start of the process, at the latest.
DETECTION_S: Final = 20.0
SPOOL: Final = "data/spool/*.seg"
#: What an edge keeps, by pattern; a case that names one keeps to it.
FILES: Final = (
    "data/store.db",
    "data/store.db-wal",
    "data/store.db-shm",
    SPOOL,
    "data/snapshots/*.bin",
    "data/node.key",
    "data/journal.head",
    "edge.toml",
)
BATCH: Final = 20
#: The alarm that stands when the site is left, and the one that is raised after the damage.
STANDING: Final = "chain-gw/T01/h"
NEXT: Final = "chain-gw/T02/hh"
#: Kinds of events that tell of what was found at a start.
TELLING: Final = frozenset({"life", "shed"})


@fault_test(
    "T33",
    "Whatever file of an edge is damaged, it is set aside and told at the start, or found by the "
    "journal's check; what stood stands, and the next reading is judged within 20 s of the start.",
    observes=("I5", "I7", "I10"),
    plan=repeated(short=60, long=1000, batch=BATCH, seed=3300),
    limit_s=1200.0,
    controls=(
        Control(
            mutant="spool_trusted",
            breaks=frozenset({"I5"}),
            cases=only([Case(number=0, seed=3390, faults=6, what=SPOOL)]),
        ),
    ),
)
async def damaged(room: Room) -> Evidence:
    """Damage one file after another, each in a copy of the same site."""
    program = mosquitto()
    if program is None:
        raise UnavailableError("mosquitto is not installed")
    evidence = Evidence(found={"I5": [], "I7": [], "I10": []})
    chance = random.Random(room.case.seed)
    with (
        mutated(room.mutant, recovery, "losses"),
        LocalBroker(room.folder / "broker", program=program) as broker,
    ):
        left = await leave(room.folder / "left", broker.port)
        before = as_left(left, room.folder / "looked-at")
        for number in range(room.case.faults):
            pattern = room.case.what or FILES[(number + room.case.number * BATCH) % len(FILES)]
            kind = chance.choice(sorted(KINDS))
            folder = room.folder / "damaged"
            shutil.copytree(left, folder)
            path = chance.choice(sorted(folder.glob(pattern)))
            changed = damage(path, kind, chance)
            what = f"{kind} {path.relative_to(folder)}, run {number}"
            await judge(
                room, evidence, folder, broker.port, before=before if changed else None, what=what
            )
            shutil.rmtree(folder)
    return evidence


async def leave(folder: Path, port: int) -> Path:
    """Run a site until an alarm stands, and return a copy as a kill would have left it."""
    folder.mkdir()
    site = write_site(folder, port)
    # A first run leaves a snapshot; the second a log that is not folded and a spool that goes on.
    for run in range(2):
        async with edge_here(site, port) as edge:
            assert await edge.subscribed(within_s=60), edge.died
            for _ in range(20):
                await edge.say(0, 20.0 + run)
                await edge.say(1, 200.0)
                await edge.say(2, 20.0)
            assert await edge.sounds(STANDING, within_s=30) is not None
            await edge.say(0, 700.0)
            assert await edge.sounds("chain-gw/T00/hh", within_s=30) is not None
            await edge.say(0, 20.0)
            await settled(edge)
            if run:
                copied = folder.with_name("copied")
                shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("lock"))
    return copied


def as_left(left: Path, folder: Path) -> EdgeStore:
    """Return what lies in the site as it was left; the looking is done on a copy."""
    shutil.copytree(left, folder)
    return read_edge(folder / "data")


async def settled(edge: EdgeHere) -> None:
    """Wait until everything said has been acknowledged."""
    async with asyncio.timeout(30):
        while edge.node.line.owed.receipts or edge.node.line.desk.status("chain-gw/T00/hh").active:
            await asyncio.sleep(0.02)


async def judge(
    room: Room, evidence: Evidence, folder: Path, port: int, *, before: EdgeStore | None, what: str
) -> None:
    """Start an edge on a damaged site, and note what it did with it."""
    if other := another(room.folder / "left" / "edge.toml", folder / "edge.toml"):
        await judge_another(room, evidence, other, port, what=what)
        return
    began = time.monotonic()
    async with edge_here(folder / "edge.toml", port) as edge:
        listens = await edge.subscribed(within_s=2 * DETECTION_S)
        sounded = None
        if listens:
            await edge.say(2, 700.0)
            sounded = await edge.sounds(NEXT, within_s=DETECTION_S)
            stands = edge.node.desk.status(STANDING).active
            await settled(edge)
    took = time.monotonic() - began
    if edge.died.startswith("refused: ") and "edge.toml" in what:
        count(room, "refused with its lines")
        return  # what people wrote is told to people, line by line, and not guessed at
    if edge.died:
        evidence.fail("I10", f"{what}: {edge.died}")
    if sounded is None or took > DETECTION_S:
        evidence.fail("I7", f"{what}: the siren was commanded {sounded} s after the reading")
        return
    room.figures["siren s after the start"] = max(
        took, room.figures.get("siren s after the start", 0.0)
    )
    if not stands:
        evidence.fail("I5", f"{what}: the alarm that stood no longer stands")
    if before is not None:
        told(room, evidence, before, folder, what)


def another(left: Path, found: Path) -> Site | None:
    """Return what the damage has made of the site, where that may be applied and is another one."""
    with suppress(ConfigError, SiteError):
        site = load_site(found)
        if site.digest != load_site(left).digest:
            return site
    return None


async def judge_another(
    room: Room, evidence: Evidence, site: Site, port: int, *, what: str
) -> None:
    """Start an edge on another site than was left: its first event names another file."""
    async with edge_here(site.path, port) as edge:
        await edge.subscribed(within_s=DETECTION_S)
    if edge.died:
        evidence.fail("I10", f"{what}: {edge.died}")
    started = [event for event in read_edge(site.folder).events if event.kind == "start"]
    if not started or started[-1].detail.get("site_file") != site.digest:
        evidence.fail("I5", f"{what}: it is another site, and the journal does not say so")
    else:
        count(room, "another site, told by its digest")


def told(room: Room, evidence: Evidence, before: EdgeStore, folder: Path, what: str) -> None:
    """Note how the damage was found; what nobody found must have changed nothing."""
    store = read_edge(folder / "data")
    said = [
        event
        for event in store.events
        if event.kind in TELLING
        and event.seq > (before.events[-1].seq if event.life == before.life else 0)
    ]
    gone = len(before.readings - store.readings)
    for again in told_again(folder / "data"):
        evidence.fail("I5", f"{what}: the next start tells of {again} as well")
    if said or list((folder / "data").glob("*.damaged-*")):
        count(room, "told at the start")
    elif store.problems:
        count(room, "found by the journal's check")
    elif gone:
        evidence.fail("I5", f"{what}: {gone} readings are gone, and nothing says so")
    elif store.events[: len(before.events)] != before.events:
        evidence.fail("I5", f"{what}: the journal has changed, and nothing says so")
    elif store.states != last_said(store):
        evidence.fail("I5", f"{what}: an alarm is not where the journal left it")
    else:
        count(room, "changed nothing")


def told_again(data: Path) -> list[Hole]:
    """Return what the next start would tell of the spool, though this one has told it."""
    database = Database(data / "store.db", "edge")
    try:
        committed = recovery.furthest(database)
        return holes(data / "spool", committed=committed, told=read_holes(database))
    finally:
        database.close()


def last_said(store: EdgeStore) -> dict[str, tuple[str, int]]:
    """Return where the journal leaves each alarm."""
    return {e.alarm: (e.after, e.revision) for e in store.events if e.kind == "alarm" and e.alarm}


def count(room: Room, what: str) -> None:
    """Count one more."""
    room.figures[what] = room.figures.get(what, 0.0) + 1
