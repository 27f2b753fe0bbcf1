"""T10: the broker stops, is killed and comes back with nothing, or stands still."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Final

from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.stores import read_centre
from tests.faults.site.bench import NODE, SELF_FAULT, Bench
from tests.faults.site.program import took

LOST: Final = f"{NODE}/@node/broker_lost"
#: Longer than the keep-alive and its answer: the edge must notice.
STILL_S: Final = 70.0
#: A broker stands still for so long in the long laboratory; else until it is noticed.
LONG_S: Final = 120.0
STILL, STILL_LONG = "still", "still for 120 s"
#: The longest pause between two tries.
BACK_S: Final = 45.0


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Every way once, three times in the long laboratory."""
    ways = ["stop", "kill", "away", STILL_LONG if whole else STILL]
    return named(ways * (3 if whole else 1), seed=1000)


@fault_test(
    "T10",
    "A broker that stops, forgets everything or stands still is told as an alarm; the edge is "
    "subscribed again by itself, and nothing it acknowledged is lost.",
    observes=("I1", "I2", "I3", "I4", "I7", "I8", "I10"),
    plan=plan,
    limit_s=400.0,
    waits=True,
    controls=[
        Control(
            mutant="subscribes_once",
            breaks=frozenset({"I10"}),
            cases=only(named(["kill"], seed=1090)),
        )
    ],
)
async def broker_away(room: Room) -> Evidence:
    """Take the broker away under load, and give it back."""
    what = room.case.what
    evidence = Evidence()
    async with Bench(room, delayed=False) as bench:
        await bench.start_edge()
        bench.beside(first=8)
        await took(lambda: bench.load.acknowledged > 100, 20)
        await bench.sounded(evidence, 1, "before")
        if what in {STILL, STILL_LONG}:
            bench.broker.signal(signal.SIGSTOP)
            again = asyncio.get_running_loop().time() + LONG_S
            seconds = await took(lambda: bench.metric("broker_connected") == 0.0, STILL_S)
            evidence.recover("the broken session is noticed", seconds, limit_s=STILL_S)
            if what == STILL_LONG:
                await took(lambda: asyncio.get_running_loop().time() > again, LONG_S)
            bench.broker.signal(signal.SIGCONT)
            back = await took(lambda: bench.metric("broker_connected") == 1.0, BACK_S)
        else:
            number = signal.SIGTERM if what == "stop" else signal.SIGKILL
            await bench.kill_broker(number, away_s=5.0 if what == "away" else 0.0)
            began = asyncio.get_running_loop().time()
            await bench.heard_again(within_s=room.patience(2 * BACK_S))
            back = asyncio.get_running_loop().time() - began
        evidence.recover("subscribed again", back, limit_s=BACK_S)
        await took(bench.panel.listens.is_set, 10)
        await bench.sounded(evidence, 2, "after")
        await bench.hush()
        await bench.settle(quiet_s=1.0)
        shown = await bench.finish()
    moves = [e.cause for e in read_centre(bench.folder / "centre").events if e.alarm == LOST]
    if not {"raise", "clear"} <= set(moves):
        shown.fail("I10", f"the centre was not told of the broker: {moves}")
    if what in {STILL, STILL_LONG}:
        shown.silent |= {SELF_FAULT}
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    return shown
