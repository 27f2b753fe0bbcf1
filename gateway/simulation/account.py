"""The demo's account: what should have happened against what the centre holds.

What should have happened is computed from the simulator's own record by the plain Python reference,
which shares no code with the kernels; what happened is read from the centre's store. No counter of
ours is believed. Delete one row of the store and `lost` is 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from detectors.reference import Device, Found, Point, Reference, Row
from gateway.model import NANOSECONDS, AlarmEvent
from gateway.pipeline.plant import LATE_NS, SILENT_INTERVALS, Plant
from gateway.simulation.player import Said

GRACE_NS = 200_000_000
GOOD, BAD = 0, 2
#: Why a value is none, as the rules tell reasons apart: the message says nothing of the point, or
#: the value is below or above its range.
MISSING, BELOW, ABOVE = 2, 3, 4
REASON_SHIFT = 3
Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Expected:
    """One transition that should have happened; `published_ns` is 0 for one made by the clock."""

    alarm: str
    cause: str
    published_ns: int


@dataclass(frozen=True, slots=True)
class Held:
    """One event as the centre holds it, and when a watcher was told of its commit (0: never)."""

    event: AlarmEvent
    committed_ns: int


def expected_transitions(plant: Plant, said: Sequence[Said], *, end_ns: int) -> list[Expected]:
    """Return every raise and clear that the record should have made, by plain Python.

    Parameters
    ----------
    plant
        Gives the rules.
    said
        The simulator's record, in its order.
    end_ns
        Until when the clock is run on after the last message.
    """
    reference, order = build(plant)
    result: list[Expected] = []
    silence = Silence(plant, said[0].published_ns if said else end_ns)
    published = [entry.published_ns for entry in said]

    def take(found: Iterable[Found], at: int) -> None:
        for each in found:
            alarm = plant.definitions.alarm(order[each.row])
            when = published[at] if each.at >= 0 and each.time == said[at].source_ns else 0
            result.append(Expected(alarm, "raise" if each.began else "clear", when))

    second = (silence.begin_ns - GRACE_NS) // NANOSECONDS
    for number, entry in enumerate(said):
        now = (entry.published_ns - GRACE_NS) // NANOSECONDS
        while second < now:
            second += 1
            take(reference.tick(second * NANOSECONDS), number)
            result += silence.tick(second * NANOSECONDS, reference.points)
        point = plant.points[entry.point]
        grade = grade_of(entry.value, point.low, point.high)
        take(
            reference.take(
                number, entry.point, entry.source_ns, entry.published_ns, entry.value, grade
            ),
            number,
        )
    while second < end_ns // NANOSECONDS:
        second += 1
        take(reference.tick(second * NANOSECONDS), len(said) - 1)
        result += silence.tick(second * NANOSECONDS, reference.points)
    return result


def grade_of(value: float, low: float | None, high: float | None) -> int:
    """Return whether a value is one that its sensor can mean, and if not, why."""
    reason = 0
    if not math.isfinite(value):
        reason = MISSING  # what has no value is written as null
    elif low is not None and value < low:
        reason = BELOW
    elif high is not None and value > high:
        reason = ABOVE
    return BAD | reason << REASON_SHIFT if reason else GOOD


def build(plant: Plant) -> tuple[Reference, list[int]]:
    """Return the reference for a plant's rules, and the definition of each of its rows."""
    devices = [Device() for _ in plant.devices]
    points = [
        Point(devices[p.device], max(LATE_NS, SILENT_INTERVALS * p.interval_ns))
        for p in plant.points
    ]
    rows = [
        (point, Row(rule.params, on_delay=rule.on_delay, off_delay=rule.off_delay))
        for point, number in enumerate(plant.point_sets.tolist())
        for rule in plant.rule_sets[number]
    ]
    return Reference(points, rows), list(range(len(rows)))


class Silence:
    """The "no data" alarms, in plain Python."""

    def __init__(self, plant: Plant, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self._plant = plant
        self._silent = [False] * len(plant.points)

    def tick(self, now_ns: int, points: Sequence[Point]) -> list[Expected]:
        """Return what changed as of a whole second."""
        changed = []
        for index, (settings, state) in enumerate(zip(self._plant.points, points, strict=True)):
            heard = max(state.heard or 0, self.begin_ns)
            recent = heard + settings.silence_ns > now_ns
            spoke = recent and state.heard is not None
            alarm = self._plant.definitions.alarm(self._plant.silence_row + index)
            if not recent and not self._silent[index]:
                self._silent[index] = True
                changed.append(Expected(alarm, "raise", 0))
            elif spoke and self._silent[index]:
                self._silent[index] = False
                changed.append(Expected(alarm, "clear", 0))
        return changed


def counted(pairs: Iterable[tuple[str, str]]) -> list[Key]:
    """Give each (alarm, cause) the number of its occurrence, from 1."""
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for pair in pairs:
        seen[pair] += 1
        keys.append((*pair, seen[pair]))
    return keys


def account(
    plant: Plant, said: Sequence[Said], held: Sequence[Held], *, end_ns: int, leak: str
) -> dict[str, float | int | None]:
    """Return the figures of the demo.

    Parameters
    ----------
    held
        Alarm events of the centre's store, in the order of their sequence.
    leak
        Tag whose trend alarm should come before its level alarm.
    """
    expected = expected_transitions(plant, said, end_ns=end_ns)
    moves = [e for e in held if e.event.cause in {"raise", "clear"} and e.event.source_ns <= end_ns]
    ids = Counter((e.event.life, e.event.seq) for e in held)
    repeated = Counter((e.event.life, e.event.alarm, e.event.revision) for e in held)
    here = counted((e.event.alarm, e.event.cause) for e in moves)
    should = counted((e.alarm, e.cause) for e in expected)
    # What the node says of itself has no sensor behind it.
    here_plant = {key for key in here if "/@node/" not in key[0]}
    when = {key: e.published_ns for key, e in zip(should, expected, strict=True) if e.published_ns}
    delays = sorted(
        (e.committed_ns - when[key]) / 1e6
        for key, e in zip(here, moves, strict=True)
        if key in when and e.committed_ns
    )
    return {
        "readings": len(said),
        "alarms_raised": sum(1 for key in should if key[1] == "raise"),
        "alarms_at_centre": sum(1 for key in here_plant if key[1] == "raise"),
        "lost": len(set(should) - here_plant),
        "unexpected": len(here_plant - set(should)),
        "duplicated": sum(n - 1 for n in ids.values()) + sum(n - 1 for n in repeated.values()),
        "p50_ms": percentile(delays, 0.50),
        "p99_ms": percentile(delays, 0.99),
        "trend_lead_s": lead(moves, leak),
    }


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value below which `share` of an ordered list lies; None for an empty one."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], 2)


def lead(moves: Sequence[Held], tag: str) -> float | None:
    """Return the seconds by which a point's first trend alarm preceded its first level alarm."""
    first: dict[bool, int] = {}
    for move in moves:
        event = move.event
        if event.tag == tag and event.cause == "raise" and event.rule not in {"no_data", "rate"}:
            first.setdefault(event.rule == "trend", event.source_ns)
    if not {True, False} <= first.keys():
        return None
    return round((first[False] - first[True]) / NANOSECONDS, 1)
