"""T28: the parent is away for a day, or for three, and all of it arrives.

Time passes in the edge alone (`tests.faults.outage.days`): an hour of it in seconds. Meanwhile the
edge is killed twice, stopped once, and for an hour its disk is full. Then the centre comes back.
What the edge detects meanwhile is timed against any other day's (`tests.faults.outage.speed`), and
what has arrived is compared with what was said (`tests.faults.outage.judge`).
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.northbound import outbox
from gateway.northbound.uplink import HEARTBEAT_S
from gateway.roles.edge.recovery import LOG_PAGES
from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.disks.mounts import SmallDisk
from tests.faults.judging.evidence import Evidence
from tests.faults.outage.days import NODE
from tests.faults.outage.judge import A_DAY, judge
from tests.faults.outage.simulated import SimulatedEdge, left_in, met, mib, paired, rows
from tests.faults.outage.speed import compare_speed
from tests.faults.site.program import Program, took

HOUR: Final = 3600
DISK_MIB: Final = 2048
PRESENT_S: Final = 2.0
#: A parent is asked at least so often whether it is there, and answers within so long.
MET_S: Final = HEARTBEAT_S + 2.0
#: It is waited for so long, also where it is late.
PRESENT_LATEST_S: Final = 90.0
FASTER: Final = 10.0
MEMORY_MIB: Final = 300.0
#: What the site file of `tests.faults.outage.days` gives the spool, and the default of an outbox.
SPOOL_MIB: Final = 512
OUTBOX_MIB: Final = 256
#: Pages of 4 KiB at which a commit folds the store's log itself, and as much again.
LOG_MIB: Final = 2 * LOG_PAGES * 4096 / 2**20
DESCRIPTORS: Final = 64
THREADS: Final = 16
#: A backlog is gone that is no more than what is made meanwhile.
GONE: Final = 10
DRAIN_S: Final = 600.0
#: Parts of a control's case.
ITS_SPEED, TO_ITS_END = "its speed", "to its end"


async def plan(whole: bool) -> list[Case]:  # noqa: FBT001
    """A day, and in the long laboratory three."""
    return named(["24 h", "72 h"] if whole else ["24 h"], seed=2800)


@fault_test(
    "T28",
    "After a day without the parent, with restarts and a full disk in it, every alarm arrives in "
    "order and once, the present state first, and nothing waited for the backlog.",
    observes=("I2", "I3", "I6", "I7", "I8", "I10"),
    plan=plan,
    limit_s=3600.0,
    controls=(
        Control(mutant="outbox_in_memory", breaks=frozenset({"I2"}),
                cases=only(named(["2 h, to its end"], seed=2890))),
        Control(mutant="blind_when_full", breaks=frozenset({"I2"}),
                cases=only(named(["2 h, to its end"], seed=2891))),
        Control(mutant="backlog_in_each_batch", breaks=frozenset({"I6"}),
                cases=only(named(["2 h, its speed"], seed=2892))),
        Control(mutant="keeps_what_it_sends", breaks=frozenset({"I6"}),
                cases=only(named(["2 h, to its end"], seed=2893))),
        Control(mutant="one_by_one", breaks=frozenset({"I10"}),
                cases=only(named(["2 h, to its end"], seed=2894))),
    ),
)  # fmt: skip
async def days(room: Room) -> Evidence:
    """Let days pass without a parent, bring it back, and compare what both hold.

    A mutant need not be timed that is slow in nothing, nor waited for that is.
    """
    length, _, part = room.case.what.partition(", ")
    hours = int(length.split()[0])
    evidence = Evidence(delivered=True)
    edge = SimulatedEdge(room.folder, room.mutant)
    centre = Program("centre", room.folder)
    with SmallDisk(room.folder / "disk", size_mib=DISK_MIB) as disk:
        data = disk.folder / "data"
        try:
            await prepare(edge, centre, hours, data)
            await outage(room, edge, hours, disk, evidence)
            if part != TO_ITS_END:
                await compare_speed(room, edge.behind, data, evidence)
            if part == ITS_SPEED:
                return evidence
            await edge.start()
            await edge.ask("live")
            await reconnect(room, edge, centre, data, evidence)
            await bounds(edge, disk, evidence)
            await edge.end(signal.SIGTERM)
        finally:
            await edge.end(signal.SIGKILL)
            centre.end(signal.SIGTERM)
        judge(room, data, hours, evidence)
        evidence.edge = room.folder / "kept"
        shutil.copytree(data, evidence.edge, ignore=shutil.ignore_patterns("spool", "history"))
    evidence.centre = room.folder / "centre"
    return evidence


async def prepare(edge: SimulatedEdge, centre: Program, hours: int, data: Path) -> None:
    """Pair the edge with its parent, let five minutes pass, and take the parent away."""
    edge.behind = hours * HOUR + 300
    await paired(edge, centre, data)
    await edge.run(300)
    await met(edge)
    centre.end(signal.SIGTERM)


async def outage(
    room: Room, edge: SimulatedEdge, hours: int, disk: SmallDisk, evidence: Evidence
) -> None:
    """Let the hours pass: three restarts, and an hour on a full disk."""
    restarts = {
        hours // 6: signal.SIGKILL,
        hours // 2: signal.SIGTERM,
        5 * hours // 6: signal.SIGKILL,
    }
    for hour in range(hours):
        if hour in restarts:
            await edge.ask("hush")
            await bounds(edge, disk, evidence)
            await edge.end(restarts[hour])
            await edge.start()
        if hour == hours // 3:
            await asyncio.to_thread(disk.fill)
        await edge.run(HOUR)
        if hour == hours // 3:
            room.figures["shed"] = (await edge.ask("look"))["shed"]
            await asyncio.to_thread(disk.free)
    silent = (await edge.ask("look"))["silent"]
    if silent:
        evidence.fail("I10", f"{silent} points are silent that spoke to the last")
    await edge.ask("hush")
    await bounds(edge, disk, evidence)
    await edge.end(signal.SIGKILL)


async def bounds(edge: SimulatedEdge, disk: SmallDisk, evidence: Evidence) -> None:
    """Bound what a process takes that is about to end, and what lies on its disk."""
    found = await edge.ask("look")
    data = disk.folder / "data"
    waiting = rows(data / "store.db", "edge", lambda d: outbox.size(d, "parent"))
    for what, most, limit in (
        ("memory of the edge, MiB", found["peak_mib"], MEMORY_MIB),
        ("descriptors of the edge", found["descriptors"], DESCRIPTORS),
        ("threads of the edge", found["threads"], THREADS),
        ("disk of the edge, MiB", mib(disk.folder), DISK_MIB),
        ("spool of the edge, MiB", mib(data / "spool"), SPOOL_MIB),
        ("log of the store, MiB", mib(data, "store.db-wal"), LOG_MIB),
        ("outbox of the edge, MiB", waiting[1] / 2**20, OUTBOX_MIB),
    ):
        evidence.bound(what, most, limit=limit)


async def reconnect(
    room: Room, edge: SimulatedEdge, centre: Program, data: Path, evidence: Evidence
) -> None:
    """Bring the parent back: the present state at once, then everything."""
    before = await edge.ask("look")
    waiting = await asyncio.to_thread(left_in, data)
    room.figures["waiting"] = float(waiting)
    centre.start()
    store = room.folder / "centre" / "centre.sqlite"

    def missing() -> list[str]:
        asked = rows(
            store,
            "centre",
            lambda d: d.execute("SELECT alarm, revision FROM mirror WHERE node = ?", (NODE,)),
        )
        found: dict[str, int] = dict(asked or ())
        return [a for a, (_, r) in before["standing"].items() if found.get(a, -1) < r]

    while not await asyncio.to_thread(listens, edge.port):
        await asyncio.sleep(0.005)
    back = time.time()
    deadline = time.monotonic() + room.patience(PRESENT_LATEST_S)
    while await asyncio.to_thread(missing) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    arrived = time.time()
    began_s = reconnected((await edge.ask("look"))["presented"], back=back)
    evidence.recover("the edge at its parent", began_s - back, limit_s=MET_S)
    evidence.recover("the present state", arrived - began_s, limit_s=PRESENT_S)
    evidence.recover(
        "a live alarm", await raised(edge, store, room.patience(60)), limit_s=PRESENT_S
    )
    began = time.monotonic()
    while (left := await asyncio.to_thread(left_in, data)) >= GONE:
        if time.monotonic() - began > room.patience(DRAIN_S):
            break
        await asyncio.sleep(0.1)
    drained = (waiting - left) / max(time.time() - began_s, 0.1)
    room.figures["drained/s"] = round(drained)
    seconds = time.monotonic() - began if left < GONE else None
    evidence.recover("the backlog", seconds, limit_s=DRAIN_S)
    if await asyncio.to_thread(missing):
        evidence.fail("I3", "the backlog took the present state back")
    a_second = A_DAY / 86_400
    if drained < FASTER * a_second:
        evidence.fail("I10", f"drained {drained:.1f} events/s; need {FASTER * a_second:.1f}")
    await edge.ask("hush")
    await took(lambda: not left_in(data), room.patience(30))


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as asking:
        return not asking.connect_ex(("127.0.0.1", port))


def reconnected(presented: Sequence[float], *, back: float) -> float:
    """Return when an edge first told its parent the present state after that was back.

    An attempt that began while nobody listened, and was taken, began when somebody did.
    """
    return min((at for at in presented if at >= back), default=back)


async def raised(edge: SimulatedEdge, store: Path, patience_s: float) -> float | None:
    """Raise an alarm while the backlog drains; return how long after it the parent shows it, s."""
    alarm = (await edge.ask("cross"))["alarm"]

    def there() -> bool:
        found = rows(
            store,
            "centre",
            lambda d: d.execute("SELECT state FROM mirror WHERE alarm = ?", (alarm,)),
        )
        return bool(found) and found[0][0] == "UNACK"

    return await took(there, patience_s)
