"""T20, T21: alarms and delays over a restart, and conditions that end while a link is cut."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

from tests.faults.catalogue import Control, Room, each, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.stores import read_centre
from tests.faults.site.bench import NODE, SETTLE_S, Bench
from tests.faults.site.load import HIGH, NORMAL
from tests.faults.site.program import took

STANDING: Final = (1, 2, 4)
#: Points with an on-delay.
DELAYED: Final = (0, 3, 6)
DELAY_S: Final = 2.0
LATER_S: Final = 1.2
RAISED_S: Final = 20.0
#: What ended meanwhile is ended everywhere so long after the link is back, s.
AWAY_S: Final = 60.0


@fault_test(
    "T20",
    "Over a restart an alarm stays the same occurrence, and a delay that ran goes on.",
    observes=("I1", "I2", "I3", "I4", "I8", "I10"),
    plan=each(("kill", "stop"), short=2, long=20, seed=2000),
    limit_s=120.0,
    controls=(
        Control(
            mutant="forgets_delays",
            breaks=frozenset({"I2"}),
            cases=only(named(["kill", "kill"], seed=2090)),
        ),
    ),
)
async def restarted(room: Room) -> Evidence:
    """Start anew while alarms stand and delays run, and let these run out."""
    async with Bench(room) as bench:
        await bench.start_edge()
        for point in STANDING:
            await bench.say(point, HIGH)
        for point in DELAYED:
            await bench.say(point, HIGH)
        await took(lambda: not bench.load.waiting, 10)
        number = signal.SIGKILL if room.case.what == "kill" else signal.SIGTERM
        await asyncio.to_thread(bench.edge.end, number)
        # Later than a whole second: a delay that began anew with it would end a second later.
        await asyncio.sleep(LATER_S)
        for point in (*STANDING, *DELAYED):
            await bench.say(point, HIGH)
        # Said while it is away: it ends the delay at the instant at which it was made.
        await asyncio.sleep(DELAY_S - LATER_S + 0.1 * (room.case.number % 4))
        for point in DELAYED:
            await bench.say(point, HIGH)
        await bench.start_edge()
        await bench.settle()
        evidence = await bench.finish()
    raised = [e for e in read_centre(bench.folder / "centre").events if e.cause == "raise"]
    for point in (*STANDING, *DELAYED):
        count = sum(e.alarm == f"{NODE}/T{point:02}/h" for e in raised)
        if count != 1:
            evidence.fail("I3", f"T{point:02}: raised {count} times over one restart")
    return evidence


@fault_test(
    "T21",
    "An alarm whose condition ended while the centre, the broker's line or the edge was away is "
    "not left standing.",
    observes=("I1", "I2", "I3", "I8", "I10"),
    plan=each(("centre", "line", "edge", "uplink"), short=1, long=3, seed=2100),
    limit_s=120.0,
    controls=(
        Control(
            mutant="clean_session",
            breaks=frozenset({"I2"}),
            cases=only(named(["edge"], seed=2190)),
        ),
    ),
)
async def ended_meanwhile(room: Room) -> Evidence:
    """Raise, cut, let the condition end, heal, and look at every tier."""
    what = room.case.what
    async with Bench(room, delayed=False) as bench:
        await bench.start_edge()
        for point in STANDING:
            await bench.say(point, HIGH)
        alarms = [f"{NODE}/T{point:02}/h" for point in STANDING]
        await took(lambda: states(bench, alarms) == {"UNACK"}, RAISED_S)
        before = bench.tap.subscriptions
        if what == "centre":
            await asyncio.to_thread(bench.centre.end, signal.SIGKILL)
        elif what == "line":
            await bench.front.close()
        elif what == "edge":
            await asyncio.to_thread(bench.edge.end, signal.SIGKILL)
        else:
            await bench.back.close()
        for point in STANDING:
            await bench.say(point, NORMAL)
        if what in {"centre", "uplink"}:
            await took(lambda: not bench.load.waiting, 10)
        if what == "centre":
            bench.centre.start()
        elif what == "line":
            await bench.front.open()
            await bench.subscribed(before)
        elif what == "edge":
            await bench.start_edge()
        else:
            await bench.back.open()
        seconds = await took(lambda: states(bench, alarms) == {"RTNUN"}, room.patience(AWAY_S))
        await bench.settle(quiet_s=1.0, within_s=room.patience(SETTLE_S))
        evidence = await bench.finish()
    evidence.recover("no alarm stands at the centre", seconds, limit_s=AWAY_S)
    return evidence


def states(bench: Bench, alarms: list[str]) -> set[str]:
    """Return the states that these alarms have at the centre."""
    return {bench.state(alarm, store="centre") for alarm in alarms}
