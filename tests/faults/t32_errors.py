"""T32 and its neighbours: a disk that refuses, hangs, or may not be written at all.

An error of a sync makes the edge execute itself anew, once; a disk that goes on refusing sends it
to a store in memory, and it comes back by itself. A retry of the sync would lie: the kernel has
thrown the pages away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.disks.mounts import ReadOnly
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, SETTLE_S, Bench
from tests.faults.site.executions import Executions
from tests.faults.site.load import NORMAL
from tests.faults.site.program import took
from tests.faults.syscalls import strace

SLOW: Final = f"{NODE}/@node/storage_slow"
LOST: Final = f"{NODE}/@node/storage_lost"
#: The start makes no more syncs in one thread: later ones are the load's, about one a second. It
#: syncs each folder once, and later ones come by the minute; the store's file is read so often.
START_SYNCS: Final = 13
FOLDER_SYNCS: Final = 4
START_READS: Final = 4
HANG_S: Final = 60
#: Back on the disk after so long: what is asked twice may take a start in between.
RETURN_S: Final = 60.0
#: The load syncs about once a second: the call that fails is waited for.
FAILS_S: Final = 25.0
#: The spool's first file: which of a group's two syncs is the Nth, nobody knows before. Of what is
#: read, the store's file: most are the loader's, and a program that cannot be loaded does nothing.
FILES: Final = {"spool": f"spool/spool-{0:020}.seg", "store": "store.db"}
#: What the metric of the store's trouble says of a store in memory.
ON_MEMORY: Final = 3.0
#: Raised before the error, at it, and on memory.
POINTS: Final = (1, 2, 4, 5, 3, 7)
SHORT: Final = (
    *(f"once:fdatasync:{START_SYNCS + n}" for n in (1, 2, 5)),
    *(f"on:fdatasync:{START_SYNCS + n}" for n in (1, 4)),
)  # fmt: skip
LONG: Final = (
    *(f"once:fdatasync:{n}" for n in range(1, START_SYNCS + 25)),
    *(f"once:fsync:{n}" for n in range(1, FOLDER_SYNCS + 1)),
    *(f"once:pread64:{n}:store" for n in range(1, START_READS + 1)),
    *(f"on:fdatasync:{n}" for n in range(1, 37)),
    *(f"on:pwrite64:{n}" for n in range(60, 100)),
)


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Let one call fail, or every call from one on."""
    return named(LONG if whole else SHORT, seed=3200)


@fault_test(
    "T32",
    "After an error of the disk nothing acknowledged is lost, the siren is commanded, and the edge "
    "is on its disk again by itself.",
    observes=("I1", "I2", "I3", "I7", "I8", "I10"),
    plan=plan,
    limit_s=300.0,
    controls=(
        Control(mutant="sync_again", breaks=frozenset({"I1"}),
                cases=only(named(["once:fdatasync:9:spool"], seed=3290))),
        Control(mutant="ends_after_error", breaks=frozenset({"I7"}),
                cases=only(named(["once:fdatasync:15", "on:fdatasync:15"], seed=3295))),
        Control(mutant="quiet_on_memory", breaks=frozenset({"I7"}),
                cases=only(named(["on:fdatasync:14", "on:fdatasync:17"], seed=3297))),
    ),
)  # fmt: skip
async def refused(room: Room) -> Evidence:
    """Let a call fail under load, raise alarms, and let the disk be as before."""
    how, call, number, *file = room.case.what.split(":")
    strace.needed()
    evidence = Evidence()
    when = number if how == "once" else f"{number}+"
    path = room.folder / "data" / FILES[file[0]] if file else None
    before = strace.injecting(call, f"error=EIO:when={when}", ends=True, path=path)
    bench = Bench(room, delayed=False, before=before)
    async with bench, Executions(bench) as executions:
        await bench.start_edge()
        bench.beside(first=8)
        if how == "once":
            # Each process and thread would come to its Nth call: the next is to have a sound disk.
            once = asyncio.create_task(let_go_at_the_first(bench, executions))
            bench.also(once.cancel)

        async def sirens(points: Sequence[int]) -> None:
            for point in points:
                await executions.sounded(evidence, point, f"{room.case.what}, T{point:02}")

        await sirens((1, 2))
        failed = await took(executions.has_failed, FAILS_S)
        room.faults = int(failed is not None)
        await sirens((4, 5))
        if how == "on":
            memory = await took(lambda: bench.metric("store_trouble") == ON_MEMORY, FAILS_S)
            room.figures["went on in memory"] = float(memory is not None)
            await sirens((3, 7))
        for point in POINTS:
            await bench.say(point, NORMAL)
        await strace.let_go(bench.edge.pid)
        seconds = await took(lambda: executions.settled and on_disk(bench), room.patience(RETURN_S))
        evidence.recover("the edge is on its disk", seconds, limit_s=RETURN_S)
        room.figures["on the disk again s"] = seconds if seconds is not None else RETURN_S
        await sirens((6,))
        await bench.say(6, NORMAL)
        await bench.hush()
        await bench.settle(quiet_s=1.0, within_s=room.patience(SETTLE_S))
        room.figures["sirens that a new execution held up"] = float(executions.held_up)
        if executions.too_many:
            evidence.fail("I10", "a store that failed twice made the edge execute itself twice")
        shown = await bench.finish()
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    shown.found |= evidence.found
    return shown


async def let_go_at_the_first(bench: Bench, executions: Executions) -> None:
    """End the tracer when a call has failed."""
    await took(executions.has_failed, 600)
    await strace.let_go(bench.edge.pid)


def on_disk(bench: Bench) -> bool:
    """Whether the edge runs, on its disk, and says so."""
    return bench.metric("store_trouble") == 0.0 and bench.metric("broker_connected") == 1.0


@fault_test(
    "T32h",
    "One sync that hangs for a minute holds up no siren and no acknowledgement, and is counted.",
    observes=("I1", "I2", "I3", "I7", "I8", "I10"),
    plan=lambda whole: _named([f"fdatasync:{n}:{HANG_S}" for n in range(1, 11 if whole else 2)]),
    limit_s=240.0,
    waits=True,
    controls=(
        Control(mutant="siren_after_commit", breaks=frozenset({"I7"}),
                cases=only(named(["fdatasync:1:12"], seed=3390))),
    ),
)  # fmt: skip
async def hanging(room: Room) -> Evidence:
    """Hold one sync of the running edge for as long as the case says."""
    call, number, hang = room.case.what.split(":")
    hang_s = int(hang)
    evidence = Evidence()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        bench = await stack.enter_async_context(Bench(room, delayed=False))
        await bench.start_edge()
        bench.beside(first=8)
        await took(lambda: bench.load.acknowledged > 50, 20)
        delay = f"delay_enter={hang_s * 1_000_000}:when={number}"
        attached = strace.Attached(bench.edge.pid, call, delay)
        await stack.enter_async_context(attached)
        began = loop.time()
        for point in (1, 2, 4, 5, 7):
            await bench.sounded(evidence, point, f"one sync hangs, T{point:02}")
            await asyncio.sleep(hang_s / 8)
        acknowledged = bench.load.acknowledged
        slow = await took(lambda: bench.metric("store_trouble") == 1.0, 5)
        if slow is None and loop.time() - began < hang_s:
            evidence.fail("I10", "no alarm says that the storage is slow")
        moving = await took(lambda: bench.load.acknowledged > acknowledged + 20, 5)
        evidence.recover("acknowledging while it hangs", moving, limit_s=5.0)
        await asyncio.sleep(max(0.0, began + hang_s + 1 - loop.time()))
        await asyncio.to_thread(attached.detach)
        seconds = await took(lambda: on_disk(bench), 30)
        evidence.recover("the disk answers", seconds, limit_s=10.0)
        await bench.hush()
        await bench.settle(quiet_s=1.0, within_s=room.patience(SETTLE_S))
        shown = await bench.finish()
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    shown.found |= evidence.found
    return shown


@fault_test(
    "T32r",
    "On a folder that may not be written the edge detects, sounds and sends, and goes to the disk "
    "by itself once it may.",
    observes=("I1", "I2", "I3", "I7", "I8", "I10"),
    plan=lambda whole: _named(["new", "used"] * (5 if whole else 1)),
    limit_s=240.0,
    controls=(
        Control(mutant="stays_in_memory", breaks=frozenset({"I10"}),
                cases=only(named(["used"], seed=3260))),
    ),
)  # fmt: skip
async def read_only(room: Room) -> Evidence:
    """Start on a read-only folder, a new one or one with a store, and make it writable later."""
    evidence = Evidence()
    async with Bench(room, delayed=False) as bench:
        if room.case.what == "used":
            await bench.start_edge()
            await bench.siren(3)
            await bench.say(3, NORMAL)
            await bench.settle(quiet_s=1.0)
            await asyncio.to_thread(bench.edge.end, 15)
        with ReadOnly(bench.data) as folder:
            await bench.start_edge()
            for point in (1, 2, 4, 5):
                await bench.sounded(evidence, point, f"read-only, T{point:02}")
            if room.case.what == "used":  # a new one cannot keep its token: it is not paired yet
                lost = await took(lambda: bench.state(LOST, store="centre") == "UNACK", 10)
                evidence.recover("the storage alarm at the centre", lost, limit_s=5.0)
            for point in (1, 2, 4, 5):
                await bench.say(point, NORMAL)
            await took(lambda: not bench.load.waiting, 20)
            folder.writable()
            seconds = await took(lambda: on_disk(bench), room.patience(RETURN_S))
        evidence.recover("the edge is on its disk", seconds, limit_s=RETURN_S)
        await bench.sounded(evidence, 6, "after it")
        for point in (1, 2, 4, 5, 6):
            await bench.say(point, NORMAL)
        await bench.settle(quiet_s=1.0)
        shown = await bench.finish()
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    return shown


async def _named(names: Sequence[str]) -> Sequence[Case]:
    return named(names, seed=3250)
