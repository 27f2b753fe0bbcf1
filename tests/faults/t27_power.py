"""T27: the power of the edge, of the centre or of both goes at random moments under load.

Their stores lie on a disk that forgets what was not synced (`tests.faults.disks`). Beside the disk
that a cut leaves and the run goes on with, others that it might have left are looked at too: each
holds what the edge had acknowledged by then, and its journal verifies.
"""

from __future__ import annotations

import asyncio
import copy
import random
import shutil
from pathlib import Path
from typing import Final, Self

from gateway.db import Database, StoreError
from tests.faults.catalogue import (
    Case,
    Control,
    Room,
    UnavailableError,
    fault_test,
    only,
    repeated,
)
from tests.faults.disks.power import LossyDisk, missing
from tests.faults.judging.checker import check
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import Bench
from tests.faults.site.program import Program

BATCH: Final = 10
#: Other disks that a cut may have left, looked at beside the one that the run goes on with.
OTHERS: Final = 4
#: A cut comes at the latest so long after it was planned, s: a disk at rest has no next change.
LATEST_S: Final = 2.0
#: Most changes and syncs of the disk between the plan and the cut; as often ten as a hundred.
MOST_CHANGES: Final = 3000
#: A disk served by Python is a slow one.
RATE_HZ: Final = 200.0
#: Share of messages that nobody can decode: each raises an alarm, which is a commit.
POISON: Final = 0.003
#: How long it takes until everything has gone up once the power stays, over two such disks.
SETTLE_LIMIT_S: Final = 120.0
#: A small room for alarms: it is no part of what is tried here.
STORE: Final = '[store]\nfolder = "{folder}"\nreserve_mib = 1\n'


def control(mutant: str, *breaks: str, seed: int) -> Control:
    """Return a control of cuts of the edge alone."""
    cases = [Case(number=3 * n, seed=seed + n, faults=BATCH) for n in range(3)]
    return Control(mutant=mutant, breaks=frozenset(breaks), cases=only(cases))


@fault_test(
    "T27",
    "Whatever a power cut leaves of what was not synced, the edge has what it acknowledged and "
    "the centre what it said it stored.",
    observes=("I1", "I2", "I3", "I4", "I5", "I6", "I8", "I10"),
    plan=repeated(short=50, long=500, batch=BATCH, seed=2700),
    limit_s=600.0,
    controls=(
        control("normal_commits", "I2", "I3", "I8", seed=2790),
        control("no_spool_sync", "I1", seed=2793),
        control("no_folder_sync", "I1", "I2", seed=2796),
    ),
)
async def power_cuts(room: Room) -> Evidence:
    """Cut the power as often as the case says, and let everything come to rest."""
    reason = await asyncio.to_thread(missing)
    if reason:
        raise UnavailableError(reason)
    names = (("edge",), ("edge", "centre"), ("centre",))[room.case.number % 3]
    found = Evidence()
    with Places(room.folder, names) as places:
        tables = STORE.format(folder=places.edge)
        async with Bench(room, data=places.edge, tables=tables, poison=POISON) as bench:
            bench.load.rate_hz = RATE_HZ
            if not room.mutant:
                bench.edge = Program("edge", room.folder, module="tests.faults.disks.patient")
            await bench.start_edge()
            bench.play()
            chance = random.Random(room.case.seed)
            for number in range(room.case.faults):
                await cut(bench, places, chance, number, found)
                if room.mutant and found.found:
                    break  # it has shown what it had to
            await bench.hush()
            patience = room.patience if found.found else float
            waited = await bench.settle(within_s=patience(SETTLE_LIMIT_S + 10))
            evidence = await bench.finish(found=found.found)
        evidence.edge, evidence.centre = places.taken(room.folder / "left")
    room.figures["settle s"] = waited
    room.figures["messages"] = len(bench.load.said)
    evidence.recover("everything has gone up", waited, limit_s=SETTLE_LIMIT_S)
    return evidence


class Places:
    """Where edge and centre have their stores, each on a disk whose power goes, or not.

    Parameters
    ----------
    folder
        Of the run.
    names
        Whose disk is a lossy one: edge, centre or both.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        # The centre's folder is the disk itself, the edge's a new folder on it.
        self.disks = {
            name: LossyDisk(folder / ("centre" if name == "centre" else "disk")) for name in names
        }
        self.edge = folder / "disk" / "data" if "edge" in names else folder / "data"
        self.centre = folder / "centre"

    def __enter__(self) -> Self:
        for disk in self.disks.values():
            disk.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for disk in self.disks.values():
            disk.__exit__(None, None, None)

    def taken(self, folder: Path) -> tuple[Path, Path]:
        """Copy both stores to where they last, and return where they are."""
        for name, source in (("edge", self.edge), ("centre", self.centre)):
            shutil.copytree(source, folder / name)
        return folder / "edge", folder / "centre"


async def cut(
    bench: Bench, places: Places, chance: random.Random, number: int, found: Evidence
) -> None:
    """Cut the power after a while, one time in ten while the programs start, and let it return."""
    programs: dict[str, Program] = {"edge": bench.edge, "centre": bench.centre}
    if number % 10 != 8:
        await asyncio.sleep(chance.uniform(0.0, 0.8))
    for name, disk in places.disks.items():
        disk.fail(programs[name].pid, after=int(MOST_CHANGES ** chance.random()))
    failing = {
        asyncio.create_task(asyncio.to_thread(disk.failed)): name
        for name, disk in places.disks.items()
    }
    _, resting = await asyncio.wait(failing, timeout=LATEST_S)
    for task in resting:
        places.disks[failing[task]].fail(programs[failing[task]].pid)
    await asyncio.gather(*failing)
    figures = bench.room.figures
    try:
        if "edge" in places.disks:
            figures["others looked at"] = figures.get("others looked at", 0.0) + OTHERS
            for _ in range(OTHERS):
                await look(bench, places.disks["edge"], chance.randrange(10**6), found)
        before = bench.tap.subscriptions
    finally:
        # Whoever uses a disk that does not answer cannot even be ended.
        for disk in places.disks.values():
            await asyncio.to_thread(disk.restore, chance.randrange(10**6))
    for name in places.disks:
        programs[name].clear()
        programs[name].start()
    if "edge" in places.disks and number % 10 != 7:
        await bench.subscribed(before)


async def look(bench: Bench, disk: LossyDisk, seed: int, found: Evidence) -> None:
    """Judge another disk that this cut of the edge may have left."""
    said = [copy.copy(message) for message in bench.load.said]
    left = bench.folder / "other"
    await asyncio.to_thread(disk.write, seed, left)
    evidence = Evidence(
        site=bench.folder / "edge.toml",
        said=said,
        acknowledgements=True,
        edge=left / "data",
        delivered=False,
    )
    verdict = await asyncio.to_thread(judged, evidence)
    for name, sentences in verdict.items():
        for sentence in sentences:
            found.fail(name, f"on another disk that was left (seed {seed}): {sentence}")
    shutil.rmtree(left)


def judged(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Open a store as its next start does, and judge it."""
    assert evidence.edge is not None
    evidence.edge.mkdir(exist_ok=True)
    try:
        Database(evidence.edge / "store.db", "edge").close()
    except StoreError as error:
        return {"I1": (str(error),)}
    return check(evidence).violations
