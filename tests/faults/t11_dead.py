"""T11: something within the edge dies or stands still, and nothing outside of it has a fault."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Final

from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.stores import read_centre
from tests.faults.sabotage import MARK, WHAT, YOUNG_S
from tests.faults.site.bench import NODE, SELF_FAULT, SETTLE_S, Bench
from tests.faults.site.program import took

FAULT: Final = f"{NODE}/@node/{SELF_FAULT}"
#: Where the loop runs it tells of the fault; where it does not, the process begins anew.
TOLD_S: Final = 10.0
AGAIN_S: Final = 30.0
#: What is told, and what makes it begin anew.
TOLD: Final = ("callback", "deaf")
ANEW: Final = ("loop", "store", "taking")


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Every part once, five times in the long laboratory."""
    return named([*TOLD, *ANEW] * (5 if whole else 1), seed=1100)


@fault_test(
    "T11",
    "A callback that raises and a taking of messages that hears nothing are told as an alarm "
    "within 10 s; an event loop that stands still, a store thread or a taking that dies makes "
    "the edge begin anew within 30 s, and the journal says why.",
    observes=("I1", "I2", "I3", "I7", "I8", "I10"),
    plan=plan,
    limit_s=300.0,
    waits=True,
    controls=[
        Control(
            mutant="no_watchdog",
            breaks=frozenset({"I10"}),
            cases=only(named(["loop", "callback"], seed=1100)),
        )
    ],
)
async def dead_within(room: Room) -> Evidence:
    """Break something within the edge under load, and look whether it says so, or heals."""
    what = room.case.what
    evidence = Evidence()
    environment = {WHAT: what, MARK: str(room.folder / "broken")}
    async with Bench(
        room, delayed=False, environment=environment, program="tests.faults.sabotage"
    ) as bench:
        await bench.start_edge()
        bench.beside(first=8)
        await took(lambda: bench.load.acknowledged > 100, 20)
        await bench.sounded(evidence, 1, "before")
        if what == "taking":
            # In a young process it would end it, for its supervisor to start.
            await took(lambda: not bench.edge.alive, YOUNG_S + 1)
        before = bench.tap.subscriptions
        bench.edge.signal(signal.SIGUSR1)
        if what in TOLD:
            told = await took(lambda: bench.state(FAULT).startswith("UNACK"), TOLD_S + 1)
            evidence.recover("the fault is an alarm", told, limit_s=TOLD_S)
        if what in ANEW:
            back = await took(lambda: bench.tap.subscriptions > before, AGAIN_S + 5)
            evidence.recover("begun anew and subscribed", back, limit_s=AGAIN_S)
            await took(lambda: bench.metric("broker_connected") == 1.0, 10)
        if what != "deaf" and evidence.recovered and evidence.recovered[0].seconds is not None:
            await bench.sounded(evidence, 2, "after")
        return await _ended(bench, evidence, what)


async def _ended(bench: Bench, evidence: Evidence, what: str) -> Evidence:
    """End it, once what was taken in vain has come again, and look what the journal says."""
    if what == "deaf":
        await bench.hush()
        await _started_anew(bench)
    await bench.hush()
    await bench.settle(quiet_s=1.0, within_s=bench.room.patience(SETTLE_S))
    shown = await bench.finish()
    shown.silent |= {SELF_FAULT}
    events = read_centre(bench.folder / "centre").events
    said = [
        str(event.detail.get("restarted") or event.detail.get("reason"))
        for event in events
        if event.kind in {"start", "fault"}
    ]
    if not any(SAID[what] in each for each in said):
        shown.fail("I10", f"the journal does not say why: {said}")
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    return shown


async def _started_anew(bench: Bench) -> None:
    """Do what the alarm asks for: what was not acknowledged comes again to a new start."""
    await asyncio.to_thread(bench.edge.end, signal.SIGTERM)
    await bench.start_edge()


#: What the journal says of each.
SAID: Final = {
    "loop": "the event loop stood still for 20 s in sabotage.py",
    "callback": "sabotage",
    "deaf": "nothing it sends to itself has come back",
    "store": "sabotage",
    "taking": "sabotage",
}
