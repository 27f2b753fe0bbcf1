"""T01: the edge is killed at every sync, write, rename, unlink and truncation of a scripted load.

The load speaks one reading at a time and waits for the edge's word on it, so that each commits
alone. It is swept in three phases: the start, the load, the stop; a dry run counts the calls.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiomqtt

from tests.faults import strace
from tests.faults.bench import Bench
from tests.faults.catalogue import Case, Control, Room, fault_test, only
from tests.faults.evidence import Evidence
from tests.faults.load import HIGH, HIGHEST, NORMAL
from tests.faults.program import until

CALLS: Final = (
    "fdatasync", "fsync", "pwrite64", "write", "rename", "unlink", "ftruncate", "fallocate",
)  # fmt: skip
PHASES: Final = ("start", "load", "stop")
#: Kills of one run: all face the store that those before them left.
BATCH: Final = 8
#: Of each call in each phase, the short laboratory takes so many, evenly spread.
SPREAD: Final = 2
SCRIPT: Final = tuple((point, value) for value in (HIGH, HIGHEST, NORMAL) for point in (1, 2, 4, 5))
SETTLE_LIMIT_S: Final = 60.0


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Count the calls of a dry run, and kill at each of them, or at a spread."""
    counts = await count()
    points = [
        f"{phase}:{call}:{n}"
        for phase in PHASES
        for call, most in counts[phase].items()
        for n in (range(1, most + 1) if whole else spread(most))
    ]
    return [
        Case(number=number, seed=100 + number, faults=len(some), what=",".join(some))
        for number, some in enumerate(
            points[first : first + BATCH] for first in range(0, len(points), BATCH)
        )
    ]


def spread(most: int) -> list[int]:
    """Return a few of 1..most: the first, the last, and between."""
    return sorted({1 + round(k * (most - 1) / max(1, SPREAD - 1)) for k in range(SPREAD)})


async def count() -> dict[str, dict[str, int]]:
    """Return how often a thread makes each call, at most, in each phase."""
    strace.needed()
    with tempfile.TemporaryDirectory(prefix="hazgate-T01-") as scratch:
        output = Path(scratch) / "calls"
        before = strace.counting(",".join(CALLS), output)
        room = Room(Path(scratch), Case(number=0, seed=100))
        async with Bench(room, delayed=False, before=before) as bench:
            await bench.start_edge()
            started = output.stat().st_size
            await play(bench)
            loaded = output.stat().st_size
            await bench.finish()
        marks = [0, started, loaded, output.stat().st_size]
        return {
            phase: strace.counted(output, begin=marks[n], end=marks[n + 1])
            for n, phase in enumerate(PHASES)
        }


@fault_test(
    "T01",
    "Killed at any sync, write, rename, unlink or truncation, the edge loses and doubles nothing "
    "that it acknowledged.",
    observes=("I1", "I2", "I3", "I4", "I8", "I10"),
    plan=plan,
    limit_s=600.0,
    controls=(
        Control(
            mutant="early_ack",
            breaks=frozenset({"I1", "I2"}),
            cases=only(
                [Case(number=0, seed=1, faults=2, what="load:fdatasync:2,load:fdatasync:5")]
            ),
        ),
    ),
)
async def killed_at_calls(room: Room) -> Evidence:
    """Kill at each call that the case names, then let everything come to rest."""
    strace.needed()
    room.faults = 0
    async with Bench(room, delayed=False) as bench:
        for point in room.case.what.split(","):
            phase, call, number = point.split(":")
            room.faults += await killed(bench, phase, call, int(number))
        await bench.start_edge()
        waited = await bench.settle(quiet_s=1.0)
        evidence = await bench.finish()
    evidence.recover("everything has gone up", waited, limit_s=SETTLE_LIMIT_S)
    return evidence


async def killed(bench: Bench, phase: str, call: str, number: int) -> bool:
    """Run the script with the death at this call; return whether it came to it."""
    death = f"signal=SIGKILL:when={number}"
    if phase == "start":
        bench.edge.before = tuple(strace.injecting(call, death))
        with suppress(RuntimeError):  # it died before it subscribed, as it should
            await bench.start_edge()
            await play(bench)
        bench.edge.before = ()
        return await gone(bench)
    await bench.start_edge()
    if phase == "load":
        async with strace.Attached(bench.edge.pid, call, death):
            await play(bench)
            return await gone(bench)
    await play(bench)
    async with strace.Attached(bench.edge.pid, call, death):
        bench.edge.signal(signal.SIGTERM)
        return await gone(bench, within_s=30.0)


async def gone(bench: Bench, *, within_s: float = 0.0) -> bool:
    """Return whether the edge was killed; one that lives is stopped as an operator does."""
    with suppress(TimeoutError):
        await until(lambda: not bench.edge.alive, within_s)
    killed = not bench.edge.alive
    if not killed:
        await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
    assert bench.edge.process is not None
    status = bench.edge.process.returncode
    bench.edge.clear()
    return status == -signal.SIGKILL


async def play(bench: Bench) -> None:
    """Say the script, a reading at a time, as long as the edge lives."""
    async with aiomqtt.Client("127.0.0.1", bench.broker.port, timeout=10) as client:
        for point, value in SCRIPT:
            message = await bench.load.say(client, point, value)
            await until(
                lambda said=message: said.acknowledged is not None or not bench.edge.alive,
                20,
                what="the acknowledgement",
            )
            if not bench.edge.alive:
                return
