"""T29: the network between broker and edge, and between edge and centre, does what networks do."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Sequence
from typing import Final

from tests.faults.catalogue import Case, Control, Room, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import SELF_FAULT, Bench
from tests.faults.site.program import took
from tests.faults.site.proxy import Weather

WEATHER: Final = {
    "slow": Weather(latency_s=0.2),
    "slices": Weather(slice_bytes=1),
    "stalls": Weather(stall_share=0.3, stall_s=1.0),
    "reset": Weather(reset_requests=0.5),
    "lost": Weather(lost_answers=0.5),
    "frozen": Weather(frozen=True),
    "swallowed": Weather(swallowing=True),
}
CUT, STOP, STOP_LONG = "cut", "stop", "stop-long"
#: What befalls each: between edge and centre, between edge and broker, the centre itself.
BACK: Final = (*WEATHER, CUT)
FRONT: Final = ("slow", "slices", "stalls", "frozen", "swallowed", CUT)
#: The short laboratory lets one run go through several, one after the other.
SHORT: Final = (f"back:{','.join(BACK)}", f"front:{','.join(FRONT)}", f"centre:{STOP}")
LONG: Final = (
    *(f"back:{what}" for what in BACK),
    *(f"front:{what}" for what in FRONT),
    f"centre:{STOP}",
)
#: Share of messages that nobody can decode: each raises an alarm, which is a commit.
POISON: Final = 0.01
LASTS_S: Final = 8.0
#: A connection that carries nothing is noticed within this.
HALF_OPEN_S: Final = 60.0
#: The longest pause between two tries, and some time for what has waited.
RECOVERY_S: Final = 60.0
STOPPED_S: Final = 600.0
CUTS: Final = 10


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Try everything once; in the long laboratory ten times, each in a run of its own."""
    names = [*LONG * 10, f"centre:{STOP_LONG}"] if whole else SHORT
    return [
        Case(number=number, seed=2900 + number, faults=name.count(",") + 1, what=name)
        for number, name in enumerate(names)
    ]


@fault_test(
    "T29",
    "Through a slow, slicing, stalling, resetting, lossy, frozen or half-open network everything "
    "arrives once, and a half-open connection is noticed.",
    observes=("I1", "I2", "I3", "I4", "I5", "I8", "I10"),
    plan=plan,
    limit_s=900.0,
    controls=(
        Control(mutant="no_dedup", breaks=frozenset({"I3"}),
                cases=only(named(["back:lost"], seed=2990))),
        Control(mutant="outbox_early", breaks=frozenset({"I2"}),
                cases=only(named(["back:reset", f"back:{CUT}"], seed=2995))),
    ),
)  # fmt: skip
async def weather(room: Room) -> Evidence:
    """Let the load speak through the weather, and through the time after it."""
    where, _, names = room.case.what.partition(":")
    evidence = Evidence()
    async with Bench(room, delayed=False, poison=POISON) as bench:
        await bench.start_edge()
        await took(lambda: bench.metric("parent_connected") == 1.0, 20)
        bench.load.rate_hz = 100.0
        bench.play()
        for what in names.split(","):
            if what == CUT:
                await cut(bench, where)
            elif where == "centre":
                await stop(bench, STOPPED_S if what == STOP_LONG else LASTS_S)
            else:
                await spoil(bench, evidence, where, what)
            began = asyncio.get_running_loop().time()
            connected = await took(lambda: both(bench), RECOVERY_S)
            evidence.recover(f"both connections after {what}", connected, limit_s=RECOVERY_S)
        await bench.hush()
        await bench.settle(quiet_s=1.5)
        room.figures["recovery s"] = asyncio.get_running_loop().time() - began
        shown = await bench.finish()
    if where == "front":
        shown.silent |= {SELF_FAULT}
    shown.recovered = evidence.recovered
    shown.found |= evidence.found
    return shown


def both(bench: Bench) -> bool:
    """Whether the edge is connected to broker and centre."""
    return bench.metric("parent_connected") == 1.0 and bench.metric("broker_connected") == 1.0


async def spoil(bench: Bench, evidence: Evidence, where: str, what: str) -> None:
    """Let one proxy have this weather; a half-open connection until it is noticed."""
    proxy = bench.back if where == "back" else bench.front
    before = dict(proxy.done)
    gauge = "parent_connected" if where == "back" else "broker_connected"
    proxy.weather = WEATHER[what]
    if what == "swallowed":
        seconds = await took(lambda: bench.metric(gauge) == 0.0, HALF_OPEN_S + 10)
        evidence.recover(f"noticed that {where} is half-open", seconds, limit_s=HALF_OPEN_S)
        bench.room.figures["half-open s"] = seconds if seconds is not None else HALF_OPEN_S + 10
    else:
        await asyncio.sleep(LASTS_S)
    proxy.weather = Weather()
    if what == "swallowed":
        # What was swallowed is gone: no such connection can go on.
        proxy.cut()
    if what in {"reset", "lost"} and proxy.done == before:
        evidence.fail("I10", f"{what}: nothing was spoilt")


async def cut(bench: Bench, where: str) -> None:
    """Reset every connection, again and again."""
    chance = random.Random(bench.room.case.seed)
    proxy = bench.back if where == "back" else bench.front
    for _ in range(CUTS):
        await asyncio.sleep(chance.expovariate(1.0))
        proxy.cut()


async def stop(bench: Bench, seconds: float) -> None:
    """Let the centre stand still: it is there, and does nothing."""
    bench.centre.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    bench.centre.signal(signal.SIGCONT)
