"""T31: the disk is full, by a filler on a small one or by a system call that says so."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.disks.mounts import SmallDisk
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, SETTLE_S, Bench
from tests.faults.site.load import NORMAL
from tests.faults.site.program import took
from tests.faults.syscalls import strace

LOW: Final = "storage_low"
FULL: Final = f"{NODE}/@node/storage_full"
#: Where even the reserve is refused, the store is lost until there is room.
LOST: Final = f"{NODE}/@node/storage_lost"
ALARM_S: Final = 5.0
RECOVERY_S: Final = 10.0
#: From a store in memory a new start leads back.
RETURN_S: Final = 60.0
SIZE_MIB: Final = 64
#: Sirens timed while the disk is full.
SIRENS: Final = (1, 2, 4, 5)
#: A call fails from its Nth on; the writes of one alarm are about fifteen.
SHORT: Final = ("fill", "pwrite64:1", "pwrite64:9", "write:1", "write:3")
LONG: Final = (
    *("fill",) * 20,
    *(f"pwrite64:{n}" for n in range(1, 41)),
    *(f"write:{n}" for n in range(1, 13)),
)


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Fill the disk, and let each of the first writes find it full."""
    return named(LONG if whole else SHORT, seed=3100)


@fault_test(
    "T31",
    "On a full disk detection, siren and alarms go on, readings are shed and counted, and all is "
    "as before when there is room again.",
    observes=("I1", "I2", "I3", "I5", "I7", "I8", "I10"),
    plan=plan,
    limit_s=240.0,
    controls=(
        Control(mutant="no_reserve", breaks=frozenset({"I1", "I2", "I10"}),
                cases=only(named(["fill"], seed=3190))),
        Control(mutant="waits_for_room", breaks=frozenset({"I7"}),
                cases=only(named(["fill"], seed=3195))),
    ),
)  # fmt: skip
async def full(room: Room) -> Evidence:
    """Let the disk be full, raise alarms meanwhile, and let it have room again."""
    what, _, number = room.case.what.partition(":")
    evidence = Evidence()
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(SmallDisk(room.folder / "disk", size_mib=SIZE_MIB))
        bench = await stack.enter_async_context(
            Bench(room, delayed=False, data=disk.folder / "data")
        )
        await bench.start_edge()
        bench.beside(first=8)
        await took(lambda: bench.load.acknowledged > 100, 20)
        if what == "fill":
            await asyncio.to_thread(disk.fill)
            await alarms(bench, evidence)
            free = partial(asyncio.to_thread, disk.free)
        else:
            attached = strace.Attached(bench.edge.pid, what, f"error=ENOSPC:when={number}+")
            await stack.enter_async_context(attached)
            await alarms(bench, evidence)
            free = partial(asyncio.to_thread, attached.detach)
        for point in SIRENS:
            await bench.say(point, NORMAL)
        await took(lambda: not bench.load.waiting, room.patience(20))
        await free()
        seconds = await took(lambda: bench.metric("store_trouble") == 0.0, room.patience(40))
        lost = bool(bench.state(LOST, store="centre"))
        if lost and what == "fill":
            evidence.fail("I10", "the room kept back took no alarm: the store is lost")
        limit = RETURN_S if lost else RECOVERY_S
        evidence.recover("the disk has room", seconds, limit_s=limit)
        room.figures["recovery s"] = seconds if seconds is not None else 99.0
        await bench.hush()
        await bench.settle(quiet_s=1.0, within_s=room.patience(SETTLE_S))
        shown = await bench.finish()
        # The disk ends with this block, and the judge comes after it.
        shown.edge = room.folder / "kept"
        shutil.copytree(disk.folder / "data", shown.edge)
    # A disk of this size has little room when it has what there is.
    shown.silent |= {LOW}
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    shown.found |= evidence.found
    return shown


async def alarms(bench: Bench, evidence: Evidence) -> None:
    """Raise alarms; time the sirens, and when the centre knows of the full disk."""
    began = asyncio.get_running_loop().time()
    for point in SIRENS:
        await bench.sounded(evidence, point, f"disk full, T{point:02}")
    alarms = (FULL, LOST)
    seconds = await took(
        lambda: "UNACK" in {bench.state(each, store="centre") for each in alarms},
        bench.room.patience(30),
    )
    if seconds is not None:
        seconds = asyncio.get_running_loop().time() - began
        bench.room.figures["storage alarm s"] = seconds
    evidence.recover("the storage alarm", seconds, limit_s=ALARM_S)
