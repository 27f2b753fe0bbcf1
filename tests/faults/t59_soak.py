"""T59: an edge under load whose lines break every few seconds: what it holds does not grow.

Compressed: in a minute as many reconnections as in half an hour of the nominal soak.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Final

from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import Bench
from tests.faults.site.load import HIGH, NORMAL
from tests.faults.site.program import resources

SHORT, LONG = "a minute", "half an hour"
SECONDS: Final = {SHORT: 60.0, LONG: 1800.0}
RATE_HZ: Final = 300.0
#: By then all that an edge keeps has been made once, as in `bench.soak`.
WARM_S: Final = 120.0
SAMPLE_S: Final = 0.5
CUT_S: Final = 2.0
FIRST: Final = 8
#: Of the first third of the samples and of the last: more is growth.
GROWTH_MIB: Final = 3.0
MORE_DESCRIPTORS, MORE_THREADS = 1.0, 0.0
#: A log of 1,000 pages is folded into the file; a transaction may go beyond it.
WAL_MIB: Final = 8.0
#: The reserve of 16 MiB, and what this load writes in half an hour.
STORE_MIB: Final = 64.0
MEBIBYTE: Final = 1024 * 1024
SCRATCH: Final = ("*.new", "*.part", "*.tmp")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was held at an instant."""

    memory: float
    descriptors: float
    threads: float
    scratch: float


async def plan(long: bool) -> Sequence[Case]:  # noqa: FBT001
    """Plan a minute, or half an hour."""
    return named([LONG if long else SHORT], seed=5900)


@fault_test(
    "T59",
    "Under load, with each line broken every few seconds, memory, descriptors, threads and files "
    "stay what they were.",
    observes=("I1", "I2", "I3", "I6", "I8", "I10"),
    plan=plan,
    limit_s=2400.0,
    controls=(
        Control(
            mutant="leaks_at_reconnect",
            breaks=frozenset({"I6"}),
            cases=only(named([SHORT], seed=5990)),
        ),
    ),
)
async def soak(room: Room) -> Evidence:
    """Sample an edge while both of its lines are cut in turn and alarms come and go."""
    async with Bench(room, delayed=False) as bench:
        await bench.start_edge()
        bench.beside(first=FIRST, rate_hz=RATE_HZ)
        breaking = asyncio.create_task(broken(bench), name="cuts")
        try:
            await asyncio.sleep(WARM_S)
            samples = await sampled(bench, SECONDS[room.case.what])
        finally:
            breaking.cancel()
        if not bench.back.listens:
            await bench.back.open()
        await bench.hush()
        await bench.settle(quiet_s=1.0)
        wal = size(bench.data / "store.db-wal")
        store = size(bench.data / "store.db")
        shown = await bench.finish()
    judge(shown, room, samples)
    shown.bound("write-ahead log, MiB", wal, limit=WAL_MIB)
    shown.bound("store, MiB", store, limit=STORE_MIB)
    return shown


async def broken(bench: Bench) -> None:
    """Break one line and then the other, and let an alarm come or go at each.

    The alarm is what meets the line to the parent while it is down: that connection ends.
    """
    number = 0
    while True:
        await asyncio.sleep(CUT_S)
        towards_parent = number % 2 == 1
        if towards_parent:
            await bench.back.close()
        else:
            bench.front.cut()
        await bench.say(number % FIRST, (HIGH, NORMAL)[number // FIRST % 2])
        if towards_parent:
            await asyncio.sleep(CUT_S)
            await bench.back.open()
        number += 1
        bench.room.figures["cuts"] = float(number)


async def sampled(bench: Bench, seconds: float) -> list[Sample]:
    """Return what the edge held, twice a second."""
    samples: list[Sample] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        held = resources(bench.edge.pid)
        scratch = sum(1 for form in SCRATCH for _ in bench.data.rglob(form))
        samples.append(
            Sample(held["memory, MiB"], held["descriptors"], held["threads"], float(scratch))
        )
        await asyncio.sleep(SAMPLE_S)
    return samples


def judge(shown: Evidence, room: Room, samples: Sequence[Sample]) -> None:
    """Compare the last third with the first: what comes and goes with a line is in both."""
    third = len(samples) // 3
    first, last = samples[:third], samples[-third:]
    grew = fmean(each.memory for each in last) - fmean(each.memory for each in first)
    room.figures["memory, MiB"] = samples[-1].memory
    room.figures["memory grew by, MiB"] = grew
    shown.bound("growth of memory, MiB", grew, limit=GROWTH_MIB)
    for name, limit in (
        ("descriptors", MORE_DESCRIPTORS),
        ("threads", MORE_THREADS),
        ("scratch", 0.0),
    ):
        before, after = (median(getattr(each, name) for each in some) for some in (first, last))
        room.figures[f"{name} grew by"] = after - before
        shown.bound(f"growth of {name}", after - before, limit=limit)


def size(path: Path) -> float:
    """Return the size of a file, MiB; 0 where there is none."""
    return path.stat().st_size / MEBIBYTE if path.exists() else 0.0
