"""T60: no descriptors, no address space, no inodes, no CPU, no time, ten thousand callers."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final

from tests.faults.catalogue import Case, Control, Room, UnavailableError, fault_test, named, only
from tests.faults.disks.mounts import SmallDisk
from tests.faults.judging.evidence import SIREN_S, Evidence
from tests.faults.site.bench import NODE, Bench
from tests.faults.site.load import NORMAL
from tests.faults.site.program import resources, took

DESCRIPTORS, MEMORY, INODES = "64 descriptors", "no more address space", "no inodes"
CALLERS, AT_EDGE = "10,000 callers at the centre", "10,000 callers at the edge"
BUSY, STOPPED, FLOOD = "busy cores", "stopped for 60 s", "a flood for the log"
SHORT: Final = (DESCRIPTORS, CALLERS, STOPPED, FLOOD)
LONG: Final = (DESCRIPTORS, MEMORY, INODES, CALLERS, AT_EDGE, BUSY, STOPPED, FLOOD)
CALLS: Final = 10_000
STOPPED_S: Final = 60.0
#: So long before its end devices speak.
SAID_S: Final = 5.0
BUSY_S: Final = 20.0
RECOVERY_S: Final = 30.0
#: Points whose sirens are timed while it lasts, and after.
MEANWHILE, AFTER = (1, 2, 4), (5, 7)
FIRST: Final = 8
#: Address space that an edge may still take.
MORE_MIB: Final = 8
#: A second of a flood, and what may be written of it in all.
POISON_HZ, LOG_KIB = 2_000.0, 256.0
FLOOD_S: Final = 10.0
#: A core shared with burners and what the laboratory itself does.
SIREN_BUSY_S: Final = 2.0
SPIN: Final = "while True: pass"


async def plan(long: bool) -> Sequence[Case]:  # noqa: FBT001
    """Plan what fits into minutes, or everything that can run out."""
    return named(LONG if long else SHORT, seed=6000)


@fault_test(
    "T60",
    "Whatever runs out, alarms are raised and sound, those that can go up do, and 30 s after there "
    "is enough again all is as before.",
    observes=("I1", "I2", "I3", "I6", "I7", "I8", "I10"),
    plan=plan,
    limit_s=360.0,
    waits=True,
    controls=(
        Control(
            mutant="logs_each_message",
            breaks=frozenset({"I6"}),
            cases=only(named([FLOOD], seed=6090)),
        ),
    ),
)
async def exhausted(room: Room) -> Evidence:
    """Take something away, raise alarms, give it back, and raise others."""
    what = room.case.what
    evidence = Evidence()
    async with AsyncExitStack() as stack:
        disk = None
        if what == INODES:
            disk = stack.enter_context(SmallDisk(room.folder / "disk", size_mib=256, inodes=400))
        bench = await stack.enter_async_context(
            Bench(
                room,
                delayed=False,
                data=disk.folder / "data" if disk else None,
                before=("prlimit", "--nofile=64") if what == DESCRIPTORS else (),
                poison=0.9 if what == FLOOD else 0.0,
            )
        )
        await bench.start_edge()
        bench.beside(first=FIRST, rate_hz=POISON_HZ if what == FLOOD else 100.0)
        await took(lambda: bench.load.acknowledged > 100, 20)
        await took(lambda: bench.metric("parent_connected") == 1.0, RECOVERY_S)
        if what == STOPPED:
            await stopped(bench, evidence)
        else:
            async with taken_away(what, bench, disk):
                for point in MEANWHILE:
                    limit = SIREN_BUSY_S if what == BUSY else SIREN_S
                    await bench.sounded(evidence, point, f"{what}, T{point:02}", limit_s=limit)
        await recovered(bench, evidence)
        await bench.hush()
        for point in (*MEANWHILE, *AFTER):
            await bench.say(point, NORMAL)
        await bench.settle(quiet_s=1.0)
        shown = await bench.finish()
        shown.bound("log, KiB", bench.edge.log.stat().st_size / 1024, limit=LOG_KIB)
        if disk is not None:
            # The disk ends with this block, and the judge comes after it.
            shown.edge = room.folder / "kept"
            shutil.copytree(disk.folder / "data", shown.edge)
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    shown.found |= evidence.found
    return shown


async def recovered(bench: Bench, evidence: Evidence) -> None:
    """Raise other alarms now that there is enough of it again; see all of them at the centre."""
    began = asyncio.get_running_loop().time()
    for point in AFTER:
        await bench.sounded(evidence, point, f"after, T{point:02}", limit_s=RECOVERY_S)
    alarms = [f"{NODE}/T{point:02}/h" for point in (*MEANWHILE, *AFTER)]
    arrived = await took(
        lambda: all(bench.state(each, store="centre") == "UNACK" for each in alarms), RECOVERY_S
    )
    whole = asyncio.get_running_loop().time() - began if arrived is not None else None
    evidence.recover("alarms sound and are at the centre", whole, limit_s=RECOVERY_S)
    bench.room.figures["recovery s"] = whole if whole is not None else 99.0


async def stopped(bench: Bench, evidence: Evidence) -> None:
    """Let the edge stand still while devices speak; what they said sounds as it goes on."""
    bench.edge.signal(signal.SIGSTOP)
    again = asyncio.get_running_loop().time() + STOPPED_S
    await took(lambda: asyncio.get_running_loop().time() > again - SAID_S, STOPPED_S)
    pending = [asyncio.create_task(bench.siren(point, within_s=60.0)) for point in MEANWHILE]
    await took(lambda: asyncio.get_running_loop().time() > again, STOPPED_S)
    bench.edge.signal(signal.SIGCONT)
    for point, task in zip(MEANWHILE, pending, strict=True):
        evidence.sound(f"after a stop, T{point:02}", await task, limit_s=SAID_S + RECOVERY_S)


@asynccontextmanager
async def taken_away(what: str, bench: Bench, disk: SmallDisk | None) -> AsyncIterator[None]:
    """Have it scarce for the length of a block."""
    if what == MEMORY:
        more = MORE_MIB * 1024 * 1024
        with limited(bench.edge.pid, resource.RLIMIT_AS, address_space(bench.edge.pid) + more):
            yield
    elif what == DESCRIPTORS:
        used = int(resources(bench.edge.pid)["descriptors"])
        bench.room.figures["descriptors"] = float(used)
        with limited(bench.edge.pid, resource.RLIMIT_NOFILE, used):
            # The parent's line breaks too, and cannot be made again.
            bench.back.cut()
            yield
    elif what == INODES:
        assert disk is not None
        await asyncio.to_thread(disk.fill_names)
        yield
        await asyncio.to_thread(disk.free)
    elif what in {CALLERS, AT_EDGE}:
        calls = await calling(bench.back_target if what == CALLERS else bench.metrics_port)
        bench.room.figures["callers"] = float(len(calls))
        yield
        for call in calls:
            call.close()
    elif what == BUSY:
        async with burning():
            await asyncio.sleep(BUSY_S)
            yield
    else:
        await asyncio.sleep(FLOOD_S if what == FLOOD else 0.0)
        yield


@contextmanager
def limited(pid: int, what: int, most: int) -> Iterator[None]:
    """Let a process have no more of something for the length of a block."""
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, what, before)


def address_space(pid: int) -> int:
    """Return how much a process has, bytes."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


async def calling(port: int) -> list[socket.socket]:
    """Connect so many times, and say nothing.

    Raises
    ------
    UnavailableError
        This process may not have so many descriptors.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = CALLS + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UnavailableError(
            f"{CALLS:,} connections need {needed:,} descriptors; {hard:,} allowed"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    loop = asyncio.get_running_loop()
    made: list[socket.socket] = []
    for number in range(CALLS):
        call = socket.socket()
        call.setblocking(False)
        made.append(call)
        try:
            async with asyncio.timeout(0.5):
                await loop.sock_connect(call, ("127.0.0.1", port))
        except OSError:
            continue
        if number % 100 == 0:
            await asyncio.sleep(0)
    return made


@asynccontextmanager
async def burning() -> AsyncIterator[None]:
    """Keep every core busy with what is as urgent as the edge."""
    burners = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
