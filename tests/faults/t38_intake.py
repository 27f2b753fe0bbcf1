"""T38: the power of the centre goes at every write and every sync of its intake.

What SQLite writes while a child sends batch after batch is recorded, and played back up to each
step: the centre starts on what that leaves, and the child sends again what was not answered.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path
from typing import Final

from gateway.db import Database
from tests.faults.catalogue import Case, Control, Room, fault_test, only, repeated
from tests.faults.disks.recording import Recording, replayed
from tests.faults.disks.stores import Batches, centre_faults, centre_load, laid_out
from tests.faults.judging.evidence import Evidence

BATCHES: Final = 12
EVENTS: Final = 5
#: Worlds in memory need no disk.
MEMORY: Final = Path("/dev/shm")  # noqa: S108


@contextmanager
def mutated(mutant: str) -> Iterator[None]:
    """Let commits of this process return before they are durable, where the control wants it."""
    whole = Database.transaction
    if mutant:
        Database.transaction = partialmethod(whole, durable=False)  # type: ignore[assignment]
    try:
        yield
    finally:
        Database.transaction = whole  # type: ignore[method-assign]


@fault_test(
    "T38",
    "A power cut at any write or sync of the centre's intake loses nothing that was told as "
    "stored, and what is sent again is there once.",
    observes=("I1", "I3", "I8"),
    plan=repeated(short=1, long=10, seed=3800),
    limit_s=900.0,
    controls=(
        Control(
            mutant="normal_commits",
            breaks=frozenset({"I1"}),
            cases=only([Case(number=0, seed=3890)]),
        ),
    ),
)
async def intake_cuts(room: Room) -> Evidence:
    """Record the intake, and start a centre on what a cut after each step leaves."""
    evidence = Evidence(found={"I1": [], "I3": [], "I8": []})
    batches = Batches.made(BATCHES, EVENTS)
    recorded = room.folder / "recorded"
    recorded.mkdir()
    with mutated(room.mutant), Recording(recorded) as recording:
        await centre_load(recorded, recording, batches)
    room.faults = 0
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        for number, (disk, stored) in enumerate(replayed(recording.steps)):
            world = laid_out(
                disk.survivor(room.case.seed * 10_000 + number),
                Path(scratch) / "world",
                recorded / "node.key",
            )
            room.faults += 1
            for text in await centre_faults(world, stored or 0, batches):
                evidence.fail(invariant(text), f"cut after step {number}: {text}")
            await asyncio.sleep(0)
    return evidence


def invariant(text: str) -> str:
    """Return what a sentence of `centre_faults` is a violation of."""
    if "told as stored" in text:
        return "I1"
    return "I3" if "again" in text or "revision" in text or "fork" in text else "I8"
