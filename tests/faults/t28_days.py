"""T28: the parent is away for a day, or for three, and all of it arrives.

Time passes in the edge alone (`tests.faults.days`): an hour of it in seconds. Meanwhile the edge is
killed twice, stopped once, and for an hour its disk is full. Then the centre comes back. What the
edge detects meanwhile is timed against one that has nothing to send, in turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.db import Database, StoreError
from gateway.northbound import outbox
from gateway.roles.edge.recovery import LOG_PAGES
from gateway.simulation.broker import free_port
from tests.chain.site import centre_text
from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.days import NODE, site_text
from tests.faults.evidence import Evidence
from tests.faults.mounts import SmallDisk
from tests.faults.program import Program, took, until

HOUR: Final = 3600
DISK_MIB: Final = 2048
#: What a day of the plant makes: seven raises and seven clears a minute.
A_DAY: Final = 20_000
PRESENT_S: Final = 2.0
#: It is waited for so long, also where it is late.
PRESENT_LATEST_S: Final = 90.0
FASTER: Final = 10.0
MEMORY_MIB: Final = 300.0
#: What the site file of `tests.faults.days` gives the spool, and the default of an outbox.
SPOOL_MIB: Final = 512
OUTBOX_MIB: Final = 256
#: Pages of 4 KiB at which a commit folds the store's log itself, and as much again.
LOG_MIB: Final = 2 * LOG_PAGES * 4096 / 2**20
DESCRIPTORS: Final = 64
THREADS: Final = 16
SLOWER: Final = 1.2
PAIRS: Final = 5
DRAIN_S: Final = 600.0


class SimulatedEdge:
    """The process of `tests.faults.days`, asked a question a line."""

    def __init__(self, folder: Path, mutant: str = "") -> None:
        self.folder = folder
        self.behind = 0
        self._mutant = mutant
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it as far behind as it is."""
        command = ("-m", "tests.faults.days", str(self.folder), "--behind", str(self.behind))
        with (self.folder / "edge.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, "--mutant", self._mutant, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=log, limit=2**24, start_new_session=True,
            )  # fmt: skip
        await self._answer("ready")

    async def ask(self, *question: Any) -> dict[str, Any]:
        """Give a command; return its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        return await self._answer()

    async def run(self, seconds: int) -> dict[str, Any]:
        """Let time pass in it."""
        found = await self.ask("run", seconds)
        self.behind -= seconds
        return found

    async def end(self, number: signal.Signals) -> None:
        """Send it a signal, or ask it to end in good order where that is SIGTERM."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        if number == signal.SIGTERM:
            process.stdin.write(b'["end"]\n')
        elif process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.wait_for(process.wait(), 60)
        self._process = None

    async def _answer(self, key: str = "") -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b"{"):
                found: dict[str, Any] = json.loads(line)
                if not key or key in found:
                    return found
        log = (self.folder / "edge.log").read_text(encoding="utf-8")
        raise RuntimeError(f"the edge ended: {log[-2000:]}")


def rows(path: Path, role: str, ask: Callable[[Database], Any]) -> Any:
    """Ask a store that somebody else writes; None while it cannot be asked."""
    try:
        database = Database(path, role, read_only=True)
    except (StoreError, OSError):
        return None
    try:
        return ask(database)
    except StoreError:
        return None
    finally:
        database.close()


def mib(folder: Path, pattern: str = "*") -> float:
    """Return how much lies in the files of a folder."""
    found = (path.stat().st_size for path in folder.rglob(pattern) if path.is_file())
    return sum(found) / 2**20


def left_in(data: Path) -> int:
    """Return how many events of an edge's store its parent has not got; many where none can say."""
    found = rows(data / "store.db", "edge", lambda database: outbox.waiting(database, "parent"))
    return 1_000_000 if found is None else int(found)


async def plan(whole: bool) -> list[Case]:  # noqa: FBT001
    """A day, and in the long laboratory three."""
    return named(["24 h", "72 h"] if whole else ["24 h"], seed=2800)


@fault_test(
    "T28",
    "After a day without the parent, with restarts and a full disk in it, every alarm arrives in "
    "order and once, the present state first, and nothing waited for the backlog.",
    observes=("I2", "I3", "I6", "I8", "I10"),
    plan=plan,
    limit_s=3600.0,
    controls=(
        Control(mutant="outbox_in_memory", breaks=frozenset({"I2"}),
                cases=only(named(["2 h"], seed=2890))),
    ),
)  # fmt: skip
async def days(room: Room) -> Evidence:
    """Let days pass without a parent, bring it back, and compare what both hold."""
    hours = int(room.case.what.split()[0])
    evidence = Evidence(delivered=True)
    edge = SimulatedEdge(room.folder, room.mutant)
    centre = Program("centre", room.folder)
    with SmallDisk(room.folder / "disk", size_mib=DISK_MIB) as disk:
        data = disk.folder / "data"
        try:
            await prepare(room, edge, centre, hours, data)
            await outage(room, edge, hours, disk, evidence)
            if not room.mutant:
                await compare_speed(room, edge, data, evidence)
            await edge.start()
            await edge.ask("live")
            await reconnect(room, edge, centre, data, evidence)
            await edge.end(signal.SIGTERM)
        finally:
            await edge.end(signal.SIGKILL)
            centre.end(signal.SIGTERM)
        judge(room, data, hours, evidence)
        evidence.edge = room.folder / "kept"
        shutil.copytree(data, evidence.edge, ignore=shutil.ignore_patterns("spool", "history"))
    evidence.centre = room.folder / "centre"
    return evidence


async def prepare(room: Room, edge: SimulatedEdge, centre: Program, hours: int, data: Path) -> None:
    """Pair the edge with its parent, let five minutes pass, and take the parent away."""
    port = free_port()
    code = room.folder / "centre" / f"pairing-{NODE}.code"
    (room.folder / "centre.toml").write_text(
        centre_text(room.folder / "centre", port=port, node=NODE), encoding="utf-8"
    )
    (room.folder / "edge.toml").write_text(
        site_text(data, parent=f"http://127.0.0.1:{port}", code=code), encoding="utf-8"
    )
    centre.start()
    await until(code.exists, 90, what="the centre's pairing code")
    edge.behind = hours * HOUR + 300
    await edge.start()
    await edge.run(300)
    deadline = time.monotonic() + 60
    while not (await edge.ask("look"))["connected"]:
        assert time.monotonic() < deadline, "the edge never met its parent"
        await asyncio.sleep(0.1)
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
            await edge.end(restarts[hour])
            await edge.start()
        if hour == hours // 3:
            await asyncio.to_thread(disk.fill)
        await edge.run(HOUR)
        if hour == hours // 3:
            room.figures["shed"] = (await edge.ask("look"))["shed"]
            await asyncio.to_thread(disk.free)
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
    if found["silent"]:
        evidence.fail("I10", f"{found['silent']} points are silent that spoke to the last")
    await edge.ask("hush")
    await edge.end(signal.SIGKILL)


async def compare_speed(room: Room, edge: SimulatedEdge, data: Path, evidence: Evidence) -> None:
    """Time detection with the backlog and without one, in turns; neither meets a parent."""
    pair = []
    for name, behind in (("with", edge.behind), ("without", edge.behind)):
        folder = room.folder / name
        folder.mkdir()
        text = site_text(folder / "data", parent="http://127.0.0.1:9", code=folder / "none")
        (folder / "edge.toml").write_text(text, encoding="utf-8")
        if name == "with":
            shutil.copytree(data, folder / "data")
        each = SimulatedEdge(folder)
        each.behind = behind
        pair.append(each)
    try:
        for each in pair:
            await each.start()
            await each.ask("measure", 1.0)
        ratios, spread = [], []
        for _ in range(PAIRS):
            burdened, free = [(await each.ask("measure", 4.0))["p99_ms"] for each in pair]
            ratios.append(burdened / free)
            spread.append((burdened, free))
    finally:
        for each in pair:
            await each.end(signal.SIGKILL)
    ratio = statistics.median(ratios)
    room.figures["p99 with a backlog, ms"] = statistics.median(first for first, _ in spread)
    evidence.bound("detection p99 against one without a backlog", ratio, limit=SLOWER)


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

    deadline = time.monotonic() + room.patience(PRESENT_LATEST_S)
    while await asyncio.to_thread(missing) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    arrived = time.time()
    # Attempts before the parent listened made one too; the last is the one that arrived.
    presented = (await edge.ask("look"))["presented"]
    seconds = arrived - presented
    evidence.recover("the present state", seconds, limit_s=PRESENT_S)
    evidence.recover(
        "a live alarm", await raised(edge, store, room.patience(60)), limit_s=PRESENT_S
    )
    began = time.monotonic()
    while time.monotonic() - began < room.patience(DRAIN_S):
        if await asyncio.to_thread(left_in, data) < 10:
            break
        await asyncio.sleep(0.1)
    lasted = max(time.time() - presented, 0.1)
    room.figures["drained/s"] = round(waiting / lasted)
    evidence.recover("the backlog", time.monotonic() - began, limit_s=DRAIN_S)
    if await asyncio.to_thread(missing):
        evidence.fail("I3", "the backlog took the present state back")
    a_second = A_DAY / 86_400
    if waiting / lasted < FASTER * a_second:
        evidence.fail("I10", f"drained {waiting / lasted:.1f} events/s; need {FASTER * a_second}")
    await edge.ask("hush")
    await took(lambda: not left_in(data), 30)


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


def judge(room: Room, data: Path, hours: int, evidence: Evidence) -> None:
    """Compare both journals entry by entry, and what is there with what had to come."""
    mine = rows(
        data / "store.db", "edge",
        lambda d: d.execute("SELECT seq, entry FROM journal ORDER BY seq"),
    ) or []  # fmt: skip
    theirs = rows(
        room.folder / "centre" / "centre.sqlite", "centre",
        lambda d: d.execute(
            "SELECT seq, entry FROM event WHERE node = ? ORDER BY position", (NODE,)
        ),
    ) or []  # fmt: skip
    arrived = dict(theirs)
    evidence.judged("I2")
    lost = [seq for seq, entry in mine if arrived.get(seq) != entry]
    if lost:
        evidence.fail("I2", f"{len(lost)} of {len(mine)} events never arrived, first {lost[0]}")
    if len(arrived) != len(theirs):
        evidence.fail("I3", f"{len(theirs) - len(arrived)} events arrived twice")
    revisions: dict[str, int] = {}
    count = 0
    for _, entry in theirs:
        event = json.loads(entry)
        alarm, revision = event["alarm"], event["revision"]
        if event["kind"] != "alarm":
            continue
        count += event["cause"] in {"raise", "clear"}
        if revision != revisions.get(alarm, 0) + 1:
            evidence.fail("I3", f"{alarm}: revision {revision} after {revisions.get(alarm, 0)}")
        revisions[alarm] = revision
    room.figures["events"] = float(count)
    if count < A_DAY * hours / 24:
        evidence.fail("I2", f"{count} raises and clears arrived; a day makes {A_DAY}")
    if any(json.loads(entry)["historical"] for _, entry in theirs):
        evidence.fail("I4", "what came on time is called historical")
