"""Faults in the messages of devices, and what an edge that receives them tells.

Until its fault a device sends what a healthy one reads (`signals`), as the payload of its profile;
what follows goes the same way: bytes through ingest, engine and liveness, second by second. A fault
comes in normal running, or while an alarm stands: a limit, high or low, latched or not, a rate, or
a trend.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

import numpy as np

from bench.detection.faults.kinds import KINDS, NORMAL, Kind, Moment, Seen
from bench.detection.faults.parameters import PARAMETERS, Instrument
from bench.detection.faults.signals import Floats, Ints, fill, new_points
from bench.detection.faults.site import (
    Change,
    Judge,
    health_rules,
    new_plant,
    next_second,
    topic,
)
from bench.detection.leaks.points import START_NS, draw
from detectors.admission import SECOND
from device_profiles.duration import parse_duration
from gateway.observe import Metrics
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.ingest import Ingest

#: Conditions, and the alarm that stands in them.
STANDS: Final = {"high": "h", "low": "l", "rate": "rate", "trend": "trend"}
#: What ends where a value stops moving.
MOVING: Final = frozenset({"rate", "trend"})
#: Healthy readings whose mean is the usual value, and how many follow a fault.
USUAL: Final = 20
AFTERWARDS: Final = 5
#: A second's messages are taken so long before it ends.
HANDED_NS: Final = SECOND // 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a point of its own: its kind by name, and how it looks."""

    name: str
    style: str
    seed: int

    @property
    def kind(self) -> Kind:
        """What it is."""
        return KINDS[self.name]


class Sent(NamedTuple):
    """A message: when its device sent it, ns, whose it is, and its payload."""

    time: int
    point: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Course:
    """What a device sends, and when (ns): the last healthy message, the fault's, a healthy one."""

    last: int
    first: int
    again: int
    sent: list[Sent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a fault.

    Parameters
    ----------
    delay, stated
        s until its rule rose, infinite where it did not while the fault lasted; in which time it
        should have.
    stood
        Alarms of the plant that stood when it began.
    cleared
        Alarms that returned while it lasted: of the plant, and that which told of it.
    ended
        Rates and trends that ended on values which looked usable.
    """

    fault: Fault
    condition: str
    instrument: str
    delay: float
    stated: float
    stood: frozenset[str]
    cleared: int
    ended: int

    @property
    def found(self) -> bool:
        """Whether it was found within its stated time."""
        return self.delay <= self.stated


def conditions(instrument: Instrument) -> Iterator[str]:
    """Yield the conditions that a point of this instrument can be in."""
    yield NORMAL
    for condition, rule in STANDS.items():
        if rule in instrument.point["limits"] or rule in instrument.point:
            yield condition


def lead_in(condition: str, instrument: Instrument, base: float, chance: Random) -> Floats:
    """Return what is added to a point's usual value at each step before its fault."""
    faults, limits, every = PARAMETERS.faults, instrument.point["limits"], instrument.every
    # Who reports on change has spoken by then, though one of his messages was lost.
    spoken = round(2.0 * instrument.signal.silent / every)
    before = np.zeros(round(draw(chance, faults.before)) + spoken)
    if condition == NORMAL:
        return before
    way = limits["l" if condition == "low" else "h"] - base
    if condition in {"high", "low"}:
        peak = (1.0 + faults.beyond) * way
        stays = np.full(round(draw(chance, faults.before)), peak)
        return np.concatenate([before, np.linspace(0.0, peak, faults.rise), stays])
    lasts = faults.trend
    if condition == "rate":
        said = instrument.point["rate"]
        lasts = way / (faults.rate * said["limit"] / (parse_duration(said["per"]) / SECOND))
    else:
        # A trend has watched its point for a while before it foretells.
        before = np.zeros(before.size + round(faults.trend / every))
    steps = round(draw(chance, faults.moving) * lasts / every)
    return np.concatenate([before, np.arange(1, steps + 1) * (way * every / lasts)])


def payload(time: int, written: str) -> bytes:
    """Return a message; "{" for one that is cut off, "" for one without a number."""
    stamp = f'{{"ts": {time // 1_000_000}'
    if written == "{":
        return f'{stamp}, "v": 12.'.encode()
    return f'{stamp}, "v": {written}}}'.encode() if written else f"{stamp}}}".encode()


class Group:
    """Faults of one instrument in one condition, each at a point of its own.

    Parameters
    ----------
    seeds
        How many of each style.
    without
        Tables that the site file leaves out: nobody watches for what they name.
    """

    def __init__(
        self, instrument: Instrument, condition: str, seeds: int, without: frozenset[str]
    ) -> None:
        self.instrument, self.condition = instrument, condition
        channel = new_plant([instrument]).devices[0]
        profile = channel.profile.channel[instrument.point["channel"]]
        self.seen = Seen(instrument, channel.plan.bound[0], profile.noise_floor)
        self.faults = [
            Fault(name, style, seed)
            for name, kind in KINDS.items()
            for style in kind.styles
            if kind.fits(self.seen, style, condition)
            for seed in range(seeds)
        ]
        self.plant = new_plant([instrument] * len(self.faults), without)

    def outcomes(self) -> list[Outcome]:
        """Let all faults happen and tell what became of each."""
        if not self.faults:
            return []
        courses = list(self._courses())
        changes: dict[int, list[Change]] = defaultdict(list)
        stood: dict[int, frozenset[str]] = {}
        begins: dict[int, list[int]] = defaultdict(list)
        messages: dict[int, list[Sent]] = defaultdict(list)
        for number, course in enumerate(courses):
            begins[next_second(course.last)].append(number)
            for sent in course.sent:
                messages[next_second(sent.time)].append(sent)
        ingest, judge = Ingest(self.plant, Metrics()), Judge(self.plant, START_NS)
        for now in sorted(messages):
            came = [Message(topic(each.point), each.payload) for each in sorted(messages[now])]
            taken = ingest.take(Arrivals.of(came, received_ns=now - HANDED_NS))
            for change in judge.take(taken.batch, now):
                changes[change.point].append(change)
            stood |= {number: judge.standing(number) for number in begins.get(now, ())}
        health = health_rules(self.plant)
        return [
            self._outcome(fault, course, stood[number], changes[number], health)
            for number, (fault, course) in enumerate(zip(self.faults, courses, strict=True))
        ]

    def _courses(self) -> Iterator[Course]:
        """Yield what each device sends."""
        count, every = len(self.faults), self.instrument.every
        kind = f"injected {self.condition}"
        points = new_points(kind, [(self.instrument, number) for number in range(count)])
        chances = [
            Random(f"{each} {self.condition} {self.instrument.name}") for each in self.faults
        ]
        led = [
            lead_in(self.condition, self.instrument, float(own["base"]), chance)
            for own, chance in zip(points, chances, strict=True)
        ]
        steps = max(each.size for each in led)
        added = np.zeros((count, steps))
        for row, each in zip(added, led, strict=True):
            row[: each.size] = each
        ends, times, values = np.empty(count, np.int64), *_room(count * steps)
        rows = np.arange(count, dtype=np.int32)
        fill(points, 0, steps * every, rows, added, ends, times, values)
        for number, chance in enumerate(chances):
            part = slice(int(ends[number - 1]) if number else 0, int(ends[number]))
            begins = START_NS + led[number].size * every * SECOND + int(points[number]["after"])
            healthy = times[part] < begins
            yield self._course(number, begins, times[part][healthy], values[part][healthy], chance)

    def _course(
        self, number: int, begins: int, times: Ints, values: Floats, chance: Random
    ) -> Course:
        seen, fault, every = self.seen, self.faults[number], self.instrument.every * SECOND
        style, depth = fault.kind.styles[fault.style], chance.random()
        last, usual = float(values[-1]), float(values[-USUAL:].mean())
        sent = [
            Sent(time, number, payload(time, seen.raw(value)))
            for time, value in zip(times.tolist(), values.tolist(), strict=True)
        ]
        again = begins + math.ceil(fault.kind.lasts(seen, chance)) * SECOND
        # What only shows in how a value moves is a move each time, to who reports on change too.
        pause = int(seen.pause * SECOND) if fault.kind.asked else every
        for count, time in enumerate(range(begins, again, pause)):
            now = Moment(count, (time - begins) / SECOND, last, usual, depth, chance)
            written = style(seen, now)
            if written is not None:
                sent.append(Sent(time, number, payload(time, written)))
        sent += [
            Sent(time, number, payload(time, seen.raw(last)))
            for time in range(again, again + AFTERWARDS * every, every)
        ]
        return Course(int(times[-1]), begins, again, sent)

    def _outcome(
        self,
        fault: Fault,
        course: Course,
        stood: frozenset[str],
        changes: list[Change],
        health: frozenset[str],
    ) -> Outcome:
        kind = fault.kind
        during = [
            each
            for each in changes
            if next_second(course.last) < each.now < next_second(course.again)
        ]
        # Of a silence nothing is seen but that the last message is long ago.
        since = course.last if kind.silent else next_second(course.first)
        rises = [each.now for each in during if each.active and each.rule == kind.rule]
        ends = [
            each.rule
            for each in during
            if not each.active and (each.rule not in health or each.rule == kind.rule)
        ]
        ended = sum(kind.valued and rule in MOVING for rule in ends)
        return Outcome(
            fault=fault,
            condition=self.condition,
            instrument=self.instrument.name,
            delay=(rises[0] - since) / SECOND if rises else math.inf,
            stated=kind.stated(self.seen),
            stood=stood,
            cleared=len(ends) - ended,
            ended=ended,
        )


def _room(size: int) -> tuple[Ints, Floats]:
    return np.empty(size, np.int64), np.empty(size)


def inject(
    seeds: int | None = None, *, only: str = "", without: frozenset[str] = frozenset()
) -> list[Outcome]:
    """Return what becomes of every fault, at every instrument, in every condition.

    Parameters
    ----------
    seeds
        How many of each style; as the parameters say unless stated.
    only
        This instrument alone.
    without
        Tables that the site file leaves out.
    """
    seeds = PARAMETERS.faults.seeds if seeds is None else seeds
    return [
        outcome
        for instrument in PARAMETERS.instruments
        if only in {"", instrument.name}
        for condition in conditions(instrument)
        for outcome in Group(instrument, condition, seeds, without).outcomes()
    ]
