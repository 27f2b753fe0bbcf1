"""T26: edge, broker, proxies and centre are killed at random instants under load.

Every second batch kills the edge (a third of the times while an on-delay runs, a tenth while it
starts) and now and then the centre. The other batches kill whoever comes, and leave on-delays out:
while the broker is away a delay runs out by the clock, as it must, and no reference that hears
everything could know that.
"""

from __future__ import annotations

import asyncio
import random
import signal
from typing import Final

from tests.faults.catalogue import Case, Control, Room, batches, fault_test, only, repeated
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import Bench
from tests.faults.site.program import until

BATCH: Final = 25
#: Of a control: each kill loses what such a mutant held in memory.
FEW: Final = 5
#: Share of messages that nobody can decode: each raises an alarm, which is a commit.
POISON: Final = 0.005
#: SIGKILL comes so long after SIGTERM when a stop is not waited for, s.
PATIENCE_S: Final = 1.0
#: How long it takes until everything has gone up once nobody is killed any more.
SETTLE_LIMIT_S: Final = 60.0
VICTIMS: Final = ("edge", "edge", "edge", "broker", "front", "back", "centre")


@fault_test(
    "T26",
    "Killed at random instants, the edge, the broker, the proxies and the centre lose and double "
    "nothing that was acknowledged.",
    observes=("I1", "I2", "I3", "I4", "I5", "I6", "I8", "I10"),
    plan=repeated(short=100, long=1000, batch=BATCH, seed=2600),
    limit_s=1800.0,
    controls=(
        Control(
            mutant="early_ack",
            breaks=frozenset({"I1", "I2"}),
            cases=only(batches(3 * FEW, batch=FEW, seed=2690)),
        ),
    ),
)
async def kills(room: Room) -> Evidence:
    """Kill as often as the case says, and let everything come to rest."""
    case = room.case
    everyone = case.number % 2 == 1
    chance = random.Random(case.seed)
    async with Bench(room, delayed=not everyone, poison=POISON) as bench:
        await bench.start_edge()
        bench.play()
        for number in range(case.faults):
            if everyone:
                await kill_anyone(bench, chance)
            else:
                await kill_edge(bench, chance, number)
        await bench.hush()
        waited = await bench.settle()
        evidence = await bench.finish()
    room.figures["settle s"] = waited
    room.figures["messages"] = len(bench.load.said)
    evidence.recover("everything has gone up", waited, limit_s=SETTLE_LIMIT_S)
    return evidence


async def kill_edge(bench: Bench, chance: random.Random, number: int) -> None:
    """Kill the edge: a third while an on-delay runs, a tenth while it starts; also the centre."""
    if number % 10 == 8:
        await ended(bench, chance)
        bench.edge.start()
        await asyncio.sleep(chance.uniform(0.0, 2.0))
    elif number % 5 in {0, 2}:
        await during_a_delay(bench, chance)
    else:
        await asyncio.sleep(chance.uniform(0.0, 1.0))
    if number % 7 == 3:
        await asyncio.to_thread(bench.centre.end, signal.SIGKILL)
        bench.centre.start()
    await ended(bench, chance)
    await bench.start_edge()


async def during_a_delay(bench: Bench, chance: random.Random) -> None:
    """Wait for an instant at which an on-delay surely runs."""
    loop = asyncio.get_running_loop()
    await until(lambda: loop.time() + 0.4 < bench.load.pending_until, 30, what="an on-delay")
    await asyncio.sleep(chance.uniform(0.0, 0.4))


async def ended(bench: Bench, chance: random.Random) -> None:
    """Kill the edge; one time in five it is asked to stop first, and not waited for."""
    if chance.random() < 0.2:
        bench.edge.signal(signal.SIGTERM)
        await asyncio.sleep(chance.uniform(0.0, PATIENCE_S))
    await asyncio.to_thread(bench.edge.end, signal.SIGKILL)


async def kill_anyone(bench: Bench, chance: random.Random) -> None:
    """Kill one of them after a while of exponential length, and start it again."""
    await asyncio.sleep(min(5.0, chance.expovariate(1.0)))
    victim = chance.choice(VICTIMS)
    before = bench.tap.subscriptions
    if victim == "edge":
        await ended(bench, chance)
        await bench.start_edge()
    elif victim == "broker":
        await bench.kill_broker()
        await bench.heard_again()
    elif victim == "front":
        await bench.front.close()
        await bench.front.open()
        await bench.subscribed(before)
    elif victim == "back":
        await bench.back.close()
        await bench.back.open()
    else:
        await asyncio.to_thread(bench.centre.end, signal.SIGKILL)
        bench.centre.start()


def twenty(seed: int) -> Case:
    """Return the case that the ordinary tests run: the edge and the centre, with on-delays."""
    return Case(number=0, seed=seed, faults=20)
