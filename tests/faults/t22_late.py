"""T22, T06, T07: data that is late, retained, or said before."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import aiomqtt

from gateway.model import NANOSECONDS
from tests.faults.catalogue import Control, Room, fault_test, named, only, repeated
from tests.faults.judging.evidence import Evidence
from tests.faults.site.bench import NODE, Bench
from tests.faults.site.load import HIGH, NORMAL, topic_of
from tests.faults.site.program import took

#: What is later than a minute beyond the device's usual delay is late.
WAIT_S: Final = 75.0
#: An alarm that something may clear wrongly is looked at so long.
LOOK_S: Final = 5.0
NO_DATA_S: Final = 20.0


@fault_test(
    "T22",
    "Late data clears no alarm; what comes on time does.",
    observes=("I1", "I2", "I3", "I4", "I8", "I10"),
    plan=repeated(short=1, long=5, seed=2200),
    limit_s=240.0,
    waits=True,
    controls=(
        Control(
            mutant="late_clears",
            breaks=frozenset({"I4"}),
            cases=only(named([""], seed=2290)),
        ),
    ),
)
async def late(room: Room) -> Evidence:
    """Let an alarm stand for more than a minute, and say then what was normal soon after it."""
    async with Bench(room, delayed=False, interval="10s") as bench:
        await bench.start_edge()
        await bench.say(1, NORMAL)
        raised = time.time_ns()
        await bench.say(1, HIGH)
        await asyncio.sleep(WAIT_S)
        async with aiomqtt.Client("127.0.0.1", bench.broker.port) as client:
            for after_s in (1, 2, 3):
                made = raised + after_s * NANOSECONDS
                message = bench.load.reading(1, NORMAL, made_ns=made)
                await client.publish(message.topic, message.payload, qos=1)
        cleared = await took(lambda: bench.state(f"{NODE}/T01/h") != "UNACK", LOOK_S)
        await bench.say(1, NORMAL)
        ended = await took(lambda: bench.state(f"{NODE}/T01/h") == "RTNUN", 20)
        await bench.settle(quiet_s=1.0)
        evidence = await bench.finish()
    if cleared is not None:
        evidence.fail("I4", "late data cleared an alarm")
    evidence.recover("fresh data clears", ended, limit_s=20.0)
    return evidence


@fault_test(
    "T06",
    "A retained message that does not say when it was made clears nothing, and keeps no point from "
    "being silent.",
    observes=("I1", "I3", "I4", "I8", "I10"),
    plan=repeated(short=1, long=10, seed=600),
    limit_s=180.0,
    controls=(
        Control(
            mutant="retained_is_fresh",
            breaks=frozenset({"I4"}),
            cases=only(named([""], seed=690)),
        ),
    ),
)
async def retained(room: Room) -> Evidence:
    """Let a new broker hold old words, and the edge come to it while an alarm stands."""
    found = Evidence()
    async with Bench(room, delayed=False, interval="2s") as bench:
        await bench.start_edge()
        await bench.say(1, HIGH)
        await took(lambda: bench.state(f"{NODE}/T01/h") == "UNACK", 20)
        await bench.front.close()
        await bench.kill_broker()
        async with aiomqtt.Client("127.0.0.1", bench.broker.port) as client:
            for point, payload in ((1, b'{"v": 20.0}'), (2, b'{"v": 200.0}')):
                await client.publish(topic_of(point), payload, qos=1, retain=True)
        await bench.front.open()
        before = bench.tap.acknowledged
        await bench.heard_again()
        seen = await took(lambda: bench.tap.acknowledged >= before + 2, 20)
        if seen is None:
            found.fail("I1", "the retained messages were never acknowledged")
        silent = await took(lambda: bench.state(f"{NODE}/T02/no_data") == "UNACK", NO_DATA_S)
        found.recover("the silent point is told", silent, limit_s=NO_DATA_S)
        if bench.state(f"{NODE}/T01/h") != "UNACK":
            found.fail("I4", "a retained message cleared an alarm")
        # The points go on being silent: nothing is waited for but the uplink.
        await took(lambda: bench.metric("outbox_events") == 0.0, 20)
        shown = await bench.finish(delivered=False)
    shown.recovered, shown.found = found.recovered, found.found
    return shown


@fault_test(
    "T07",
    "What was said before and is said again sounds no siren and clears nothing.",
    observes=("I1", "I2", "I3", "I4", "I8", "I10"),
    plan=repeated(short=1, long=10, seed=700),
    limit_s=180.0,
    controls=(
        Control(
            mutant="old_is_new",
            breaks=frozenset({"I2", "I3", "I4"}),
            cases=only(named([""], seed=790)),
        ),
    ),
)
async def replayed(room: Room) -> Evidence:
    """Capture what devices say, and say it again: at once, after a restart, and much later."""
    found = Evidence()
    async with Bench(room, delayed=False) as bench:
        await bench.start_edge()
        async with aiomqtt.Client("127.0.0.1", bench.broker.port) as client:
            for point in range(1, 6):
                for value in (NORMAL, HIGH, NORMAL):
                    await bench.load.say(client, point, value)
            await took(lambda: not bench.load.waiting, 20)
            captured = list(bench.load.said)
            await bench.load.say(client, 1, HIGH)
            await took(lambda: bench.state(f"{NODE}/T01/h") == "UNACK", 20)
            since = asyncio.get_running_loop().time()
            for _ in range(2):
                for message in captured:
                    again = bench.load.again(message)
                    await client.publish(again.topic, again.payload, qos=1)
                await bench.settle(quiet_s=1.0)
                await asyncio.to_thread(bench.edge.end, 9)
                await bench.start_edge()
        ignored = (
            bench.metric("out_of_order_readings_total"),
            bench.metric("duplicate_readings_total"),
        )
        room.figures["replayed"] = float(2 * len(captured))
        if bench.state(f"{NODE}/T01/h") != "UNACK":
            found.fail("I4", "an old message cleared an alarm")
        for point in range(2, 6):
            if bench.panel.sounding(f"T{point:02}", since=since) is not None:
                found.fail("I3", f"an old message sounded the siren of T{point:02} {ignored}")
        await bench.settle(quiet_s=1.0)
        shown = await bench.finish(replayed=True)
    shown.found = found.found
    return shown
