"""T09: somebody at the broker speaks, or appears, in another's name, and no access list stops it.

What the shipped list refuses is held by tests/deploy; here is what gets through without one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiomqtt
from aiomqtt import Will

from tests.faults.catalogue import Case, Control, Room, fault_test, named
from tests.faults.judging.evidence import Evidence
from tests.faults.judging.stores import read_centre, spooled
from tests.faults.site.bench import NODE, Bench
from tests.faults.site.load import NORMAL, topic_of
from tests.faults.site.neighbours import seen_abroad
from tests.faults.site.program import took

LOST: Final = f"{NODE}/@node/broker_lost"
#: The point in whose name is spoken, and what is said: all is well, without a time.
POINT: Final = 3
FORGED: Final = json.dumps({"v": NORMAL}).encode()
GARBAGE: Final = b"\x00 not of this device"
#: Share of messages of other points that nobody can decode.
POISON: Final = 0.01
BACK_S: Final = 45.0
#: Where nobody may subscribe or nothing is subscribed: none of it reaches the edge.
ELSEWHERE: Final = ("plant/nobody", f"{topic_of(POINT)}/x", "site/siren", "a/b", f"$share/g/{NODE}")
WAYS: Final = ("takeover", "will", "retained", "garbage")


async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
    """Every way once, three times in the long laboratory."""
    return named([*WAYS] * (3 if whole else 1), seed=900)


async def retained() -> Sequence[Case]:
    """Return the case whose forgery an edge without doubts would take."""
    return [case for case in named([*WAYS], seed=900) if case.what == "retained"]


@fault_test(
    "T09",
    "Who speaks in another's name where no access list stops it clears no alarm: a will and a "
    "retained message without a time are doubted, what is not decodable is kept and told as a "
    "fault; who takes the edge's own client id is told as a lost broker, and the edge is back. "
    "Nobody of another division sees anything of it.",
    observes=("I1", "I2", "I3", "I4", "I5", "I7", "I8", "I9", "I10"),
    plan=plan,
    limit_s=300.0,
    waits=True,
    controls=[
        Control(mutant="retained_is_fresh", breaks=frozenset({"I4"}), cases=retained),
        Control(mutant="divisions_by_prefix", breaks=frozenset({"I9"}), cases=retained),
    ],
)
async def impostor(room: Room) -> Evidence:
    """Raise an alarm, have an impostor speak against it, and look whether it still stands."""
    what = room.case.what
    evidence = Evidence()
    async with Bench(room, delayed=False, poison=POISON) as bench:
        await bench.start_edge()
        bench.beside(first=8)
        await took(
            lambda: (
                bench.load.acknowledged > 100
                and any(not each.readable and each.acknowledged for each in bench.load.said)
            ),
            20,
        )
        await bench.sounded(evidence, POINT, "before")
        if what == "takeover":
            await _take_over(bench, evidence)
        else:
            await _speak(bench, what)
        await bench.sounded(evidence, 2, "after")
        await bench.hush()
        await bench.settle(quiet_s=1.0)
        shown = await bench.finish(foreign=await seen_abroad(bench))
    shown.sounded, shown.recovered = evidence.sounded, evidence.recovered
    events = read_centre(bench.folder / "centre").events
    standing = [e.cause for e in events if e.alarm == f"{NODE}/T{POINT:02}/h"]
    if standing != ["raise"]:
        shown.fail("I4", f"an impostor moved an alarm: {standing}")
    if what == "takeover":
        moves = {e.cause for e in events if e.alarm == LOST}
        if not {"raise", "clear"} <= moves:
            shown.fail("I10", f"the centre was not told that the edge was thrown out: {moves}")
    if what == "garbage":
        kept = spooled(bench.data / "spool").quarantined
        if GARBAGE not in kept:
            shown.fail("I5", "what cannot be decoded was not kept")
        if not any(e.rule == "fault" and e.tag == f"T{POINT:02}" for e in events):
            shown.fail("I4", "what cannot be decoded was not told as a fault")
    return shown


async def _take_over(bench: Bench, evidence: Evidence) -> None:
    """Appear at the broker under the edge's own client id: the broker throws the edge out."""
    before = bench.tap.subscriptions
    async with aiomqtt.Client("127.0.0.1", bench.broker.port, identifier=f"hazgate-{NODE}"):
        back = await took(lambda: bench.tap.subscriptions > before, BACK_S)
    evidence.recover("subscribed again", back, limit_s=BACK_S)


async def _speak(bench: Bench, what: str) -> None:
    """Say in the point's name that all is well, or nonsense; and something to nobody at all."""
    topic, port = topic_of(POINT), bench.broker.port
    if what == "will":
        with suppress(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", port, will=Will(topic, FORGED, qos=1)) as device:
                device._client._sock_close()
        return
    async with aiomqtt.Client("127.0.0.1", port) as device:
        for elsewhere in ELSEWHERE:
            await device.publish(elsewhere, FORGED, qos=0)
        payload = GARBAGE if what == "garbage" else FORGED
        await device.publish(topic, payload, qos=1, retain=what == "retained")
    if what == "retained":
        # A retained message is such to who subscribes after it alone.
        before = bench.tap.subscriptions
        bench.front.cut()
        await took(lambda: bench.tap.subscriptions > before, BACK_S)
