"""T03 and T02: a flood of what nobody can decode, and a flood on a disk that is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tests.faults.catalogue import Case, Control, Room, batches, fault_test, only, repeated
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import SETTLE_S, Bench
from tests.faults.site.program import took
from tests.faults.syscalls import strace

POISON: Final = 10_500
RATE_HZ: Final = 1500.0
#: The edge's receive maximum.
WINDOW: Final = 10_000
#: Everything is acknowledged this long after the last word, s.
DRAIN_S: Final = 20.0
SYNC_US: Final = 50_000
FLOOD_S: Final = 20.0


@fault_test(
    "T03",
    "More undecodable messages than a window holds stall nothing: each is kept or counted, and "
    "acknowledged, and the good ones among them raise their alarms.",
    observes=("I1", "I2", "I3", "I4", "I5", "I8", "I10"),
    plan=repeated(short=1, long=10, seed=300),
    limit_s=180.0,
    controls=(
        Control(
            mutant="poison_stalls",
            breaks=frozenset({"I10", "I2"}),
            cases=only(batches(1, seed=390)),
        ),
    ),
)
async def poisoned(room: Room) -> Evidence:
    """Mix them half and half with good ones."""
    async with Bench(room, delayed=False, poison=0.5) as bench:
        await bench.start_edge()
        bench.load.rate_hz = RATE_HZ
        bench.play()
        await took(lambda: len(bench.load.said) >= 2 * POISON, room.patience(120))
        await bench.hush()
        drained = await took(lambda: not bench.load.waiting, DRAIN_S)
        room.figures["messages"] = len(bench.load.said)
        room.figures["undecodable"] = sum(not m.readable for m in bench.load.said)
        await bench.settle(quiet_s=1.5, within_s=30.0)
        evidence = await bench.finish()
    evidence.recover("everything acknowledged", drained, limit_s=DRAIN_S)
    return evidence


async def _slow_plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    return batches(10 if whole else 1, seed=200)


@fault_test(
    "T02",
    "On a disk whose every sync takes 50 ms longer a flood stays in its window, the memory is "
    "bounded, and the siren is in time.",
    observes=("I1", "I2", "I3", "I6", "I7", "I8", "I10"),
    plan=_slow_plan,
    limit_s=240.0,
    controls=(
        Control(
            mutant="impatient",
            breaks=frozenset({"I1"}),
            cases=only(batches(3, seed=290)),
        ),
    ),
)
async def slow(room: Room) -> Evidence:
    """Flood an edge on a slow disk, raise alarms, kill it in the middle, and let it drain."""
    strace.needed()
    evidence = Evidence()
    before = strace.injecting("fdatasync,fsync", f"delay_enter={SYNC_US}")
    async with Bench(room, delayed=False, before=before) as bench:
        await bench.start_edge()
        bench.beside(first=8, rate_hz=RATE_HZ)
        for point in range(1, 8):
            await bench.sounded(evidence, point, f"each sync 50 ms slower, T{point:02}")
            await asyncio.sleep(FLOOD_S / 10)
        await asyncio.to_thread(bench.edge.end, 9)
        await bench.start_edge()
        await bench.hush()
        drained = await took(lambda: not bench.load.waiting, DRAIN_S)
        await bench.settle(quiet_s=1.5, within_s=room.patience(SETTLE_S))
        shown = await bench.finish()
    shown.bound("messages in flight", bench.tap.most_in_flight, limit=WINDOW)
    shown.recover("everything acknowledged", drained, limit_s=DRAIN_S)
    shown.sounded = evidence.sounded
    return shown
