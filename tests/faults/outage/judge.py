"""What must have come of days: every alarm that follows from what was said, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from gateway.model import NANOSECONDS
from tests.faults.catalogue import Room
from tests.faults.judging.evidence import Evidence
from tests.faults.outage.days import CHANNELS, NODE, SAID, alarm_of, due, rising
from tests.faults.outage.simulated import rows

#: What a day of the plant makes at the least: seven raises and seven clears a minute.
A_DAY: Final = 20_000
#: Begins the tag of what a node says of itself.
OWN: Final = "@"


class Move(NamedTuple):
    """A raise or a clear of one alarm, and the second of the reading that made it."""

    alarm: str
    cause: str
    second: int


class Told(msgspec.Struct):
    """What is read of an event."""

    kind: str
    alarm: str
    tag: str
    cause: str
    revision: int
    source_ns: int
    historical: bool


def expected(said: Iterable[Sequence[int]]) -> Iterator[Move]:
    """Yield every move that follows from what was said.

    Parameters
    ----------
    said
        Each the second that was told, or a second and the one point that crossed in it, in order.
    """
    standing: set[int] = set()
    for second, *crossing in said:
        devices = [crossing[0] // CHANNELS] if crossing else due(second)
        high = set(crossing) or rising(second // 60)
        for device in devices:
            for point in range(CHANNELS * device, CHANNELS * (device + 1)):
                if (point in high) != (point in standing):
                    standing ^= {point}
                    yield Move(alarm_of(point), "raise" if point in high else "clear", second)


def differences(should: Iterable[Move], did: Iterable[Move]) -> list[str]:
    """Return each move that is missing, and each that nothing made or that is there twice."""
    wanted, found = Counter(should), Counter(did)
    return [
        *(f"lost: {move}" for move in sorted((wanted - found).elements())),
        *(f"made by nothing: {move}" for move in sorted((found - wanted).elements())),
    ]


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
    events = [msgspec.json.decode(entry, type=Told) for _, entry in theirs]
    alarms = [event for event in events if event.kind == "alarm"]
    revisions: dict[str, int] = {}
    for event in alarms:
        before = revisions.get(event.alarm, 0)
        if event.revision != before + 1:
            evidence.fail("I3", f"{event.alarm}: revision {event.revision} after {before}")
        revisions[event.alarm] = event.revision
    moves = [
        Move(event.alarm, event.cause, event.source_ns // NANOSECONDS)
        for event in alarms
        if event.cause in {"raise", "clear"} and not event.tag.startswith(OWN)
    ]
    with (room.folder / SAID).open(encoding="ascii") as said:
        for each in differences(expected(map(json.loads, said)), moves):
            evidence.fail("I2", each)
    room.figures["events"] = float(len(moves))
    if len(moves) < A_DAY * hours / 24:
        evidence.fail("I2", f"{len(moves)} raises and clears arrived; a day makes {A_DAY}")
    if any(event.historical for event in events):
        evidence.fail("I4", "what came on time is called historical")
