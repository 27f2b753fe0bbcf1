"""T42: a gateway whose clock is wrong, one that falls silent, and one that comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.model import NANOSECONDS, decode_event
from tests.faults.catalogue import Case, Control, Room, UnavailableError, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, Bench
from tests.faults.site.program import took

CENTRE: Final = "chain-centre"
LOST: Final = f"{CENTRE}/@{NODE}/gateway_lost"
CLOCK_OFF: Final = f"{CENTRE}/@{NODE}/clock_off"
FLAPPING: Final = "silent, then there and away every 20 s"
AHEAD: Final = "+2 h"
#: By how much the gateway's clock is ahead, s.
CLOCKS: Final = {AHEAD: 7200, "-2 h": -7200, "1970": -1_790_000_000, "in 2044": 570_000_000}
LIBRARY: Final = "faketime/libfaketimeMT.so.1"
#: Four heartbeats of 15 s prove that a clock is off.
OFF_S: Final = 110.0
LOST_S: Final = 60.0
ARRIVE_S: Final = 20.0
#: A receive time is the centre's own, give or take what the way takes.
NEAR_S: Final = 30.0
FLAP_S: Final = 20.0
FLAPS: Final = 3
MOVES: Final = "SELECT entry FROM event WHERE alarm = ? ORDER BY position"


async def plan(long: bool) -> Sequence[Case]:  # noqa: FBT001
    """Plan a clock ahead, one behind and the silence; in the long laboratory every clock."""
    return named([*(CLOCKS if long else [AHEAD, "1970"]), FLAPPING], seed=4200)


def fake_clock(folder: Path, name: str, ahead_s: int) -> dict[str, str]:
    """Return what lets a program see a clock that shows so much more; the monotonic one stays."""
    library = next(iter(sorted(Path("/usr/lib").glob(f"*/{LIBRARY}"))), None)
    if library is None:
        raise UnavailableError("faketime is not installed")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(show(folder / f"{name}.clock", ahead_s)),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def show(file: Path, ahead_s: int) -> Path:
    """Set such a clock."""
    new = file.with_suffix(".new")
    new.write_text(f"{ahead_s:+d}s\n", encoding="ascii")
    return new.rename(file)


@fault_test(
    "T42",
    "A gateway whose clock is wrong sounds in time all the same, and the centre keeps its own time "
    "beside; one that is silent is lost within a minute, however a clock is set, and one that "
    "comes and goes is one alarm.",
    observes=("I4", "I7", "I10"),
    plan=plan,
    limit_s=420.0,
    waits=True,
    controls=(
        Control(
            mutant="silence_by_wall_clock",
            breaks=frozenset({"I10"}),
            cases=only(named([FLAPPING], seed=4290)),
        ),
        Control(
            mutant="each_flap_returns",
            breaks=frozenset({"I4"}),
            cases=only(named([FLAPPING], seed=4290)),
        ),
        Control(
            mutant="waits_for_a_backlog",
            breaks=frozenset({"I7"}),
            cases=only(named([AHEAD], seed=4290)),
        ),
    ),
)
async def clocks(room: Room) -> Evidence:
    """Give one of the two machines a wrong clock, and look at what the centre has of it."""
    evidence = Evidence(found={"I4": [], "I10": []})
    if room.case.what == FLAPPING:
        await flapping(room, evidence)
    else:
        await wrong(room, evidence, CLOCKS[room.case.what])
    return evidence


async def wrong(room: Room, evidence: Evidence, ahead_s: int) -> None:
    """Raise an alarm at an edge whose clock is wrong."""
    environment = fake_clock(room.folder, "edge", ahead_s)
    async with Bench(room, delayed=False, environment=environment) as bench:
        await bench.start_edge()
        await bench.sounded(evidence, 1, "a clock that is wrong")
        alarm = f"{NODE}/T01/h"
        seconds = await took(lambda: bench.state(alarm, store="centre") == "UNACK", ARRIVE_S)
        evidence.recover("the alarm is at the centre", seconds, limit_s=ARRIVE_S)
        rows = bench.ask("centre", "SELECT entry, received_ns FROM event WHERE alarm = ?", (alarm,))
        for entry, received_ns in rows:
            event = decode_event(bytes(entry))  # type: ignore[arg-type]
            at_s = time.time() - int(received_ns) / NANOSECONDS  # type: ignore[call-overload]
            if not 0 <= at_s < NEAR_S:
                evidence.fail("I4", f"received {at_s:.0f} s ago by the centre's own clock")
            told_s = event.received_ns / NANOSECONDS - time.time()
            if abs(told_s - ahead_s) > NEAR_S:
                evidence.fail("I4", f"the gateway's own time was altered: ahead by {told_s:.0f} s")
        seconds = await took(lambda: moves(bench, CLOCK_OFF), OFF_S)
        evidence.recover("the clock is an alarm", seconds, limit_s=OFF_S)
        if len(moves(bench, CLOCK_OFF)) > 1 or moves(bench, LOST):
            evidence.fail("I4", f"told {moves(bench, CLOCK_OFF)} and {moves(bench, LOST)}")


async def flapping(room: Room, evidence: Evidence) -> None:
    """Cut the line, set the centre's clock back, and let the gateway come and go."""
    clock = room.folder / "centre.clock"
    environment = fake_clock(room.folder, "centre", 0)
    async with Bench(room, delayed=False, centre_environment=environment) as bench:
        await bench.start_edge()
        await took(lambda: bench.metric("parent_connected") == 1.0, ARRIVE_S)
        await bench.sounded(evidence, 1, "clocks that are right")
        await took(lambda: bench.state(f"{NODE}/T01/h", store="centre") == "UNACK", ARRIVE_S)
        began = time.monotonic()
        await bench.back.close()
        show(clock, -7200)
        await took(lambda: moves(bench, LOST), LOST_S + 20.0)
        lost_s = time.monotonic() - began if moves(bench, LOST) else None
        evidence.recover("silent, so lost", lost_s, limit_s=LOST_S)
        room.figures["lost, s"] = lost_s or 0.0
        if bench.state(f"{NODE}/T01/h", store="centre") != "UNACK":
            evidence.fail("I4", "the alarm of a gateway that is lost is no longer shown")
        if room.mutant and lost_s is None:
            return  # it has shown what it had to
        for _ in range(FLAPS):
            await bench.back.open()
            await asyncio.sleep(FLAP_S)
            await bench.back.close()
            await asyncio.sleep(FLAP_S)
            if room.mutant and len(moves(bench, LOST)) > 1:
                break
        told = moves(bench, LOST)
        if len(told) > 1:
            evidence.fail("I4", f"one gateway that comes and goes is {told}")
        room.figures["events of it"] = float(len(told))
        await bench.back.open()
        seconds = await took(lambda: bench.metric("parent_connected") == 1.0, 60.0)
        evidence.recover("connected again", seconds, limit_s=60.0)


def moves(bench: Bench, alarm: str) -> list[str]:
    """Return what an alarm of the centre's own has been through."""
    rows = bench.ask("centre", MOVES, (alarm,))
    return [decode_event(bytes(row[0])).cause for row in rows]  # type: ignore[call-overload]
