"""Derived points in plain Python, reading by reading: slow, and easy to check by eye."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field

from detectors.derived import Derivation
from detectors.deviation import DeviationParams
from detectors.reference import Device
from detectors.spread import SpreadParams
from detectors.vote import VoteParams

SECOND = 1_000_000_000
AHEAD = 6 * SECOND
GOOD, UNCERTAIN, BAD, FENCED, UNTIMED = 0, 1, 2, 3, 4
MISSING, BELOW, ABOVE = 2, 3, 4

#: Point, time, received, value, grade.
Reading = tuple[int, int, int, float, int]
#: Index of the reading, point, time, received, value, grade.
Made = tuple[int, int, int, int, float, int]


@dataclass
class Sensor:
    """What is known of a member."""

    clock: Device = field(default_factory=Device)
    time: int | None = None
    heard: int | None = None
    value: float = math.nan
    grade: int = GOOD

    def hear(
        self, time: int, received: int, value: float, grade: int, *, least: bool = False
    ) -> int | None:
        """Take a reading; return when it was taken, None when it says nothing new.

        Of one instant the second is UNCERTAIN, or the `least` counts.
        """
        verdict, reason = grade % 8, grade // 8
        if self.time is not None and self.time > received + AHEAD:
            self.time = None
        if (verdict, reason) == (BAD, MISSING):
            return None
        if verdict == BAD or not math.isfinite(value):
            self.heard = self.taken(time, received)
            self.grade, self.value = BAD, math.nan
            if verdict == BAD and reason in {ABOVE, BELOW}:
                self.value = math.inf if reason == ABOVE else -math.inf
            return self.heard
        if self.time is not None and time < self.time:
            return None
        doubt = UNCERTAIN if verdict else GOOD
        if time == self.time:
            if verdict in {FENCED, UNTIMED} or self.repeats(value, doubt):
                return None
            value, doubt = self.of_one_instant(value, doubt, least=least)
        self.time = time
        if verdict == FENCED:
            return None
        if verdict != UNTIMED:
            self.clock.usual(received - time, received)
        self.heard = self.taken(time, received)
        self.value = 0.0 if value == 0 else value
        self.grade = doubt
        return self.heard

    def repeats(self, value: float, doubt: int) -> bool:
        """Whether this says nothing beyond what is known."""
        return self.grade != BAD and value == self.value and doubt <= self.grade

    def of_one_instant(self, value: float, doubt: int, *, least: bool) -> tuple[float, int]:
        """The value and the doubt that count after another one of the same instant."""
        if self.grade == BAD or not least:
            return value, UNCERTAIN
        return min(value, self.value), max(doubt, self.grade)

    def taken(self, time: int, received: int) -> int:
        """When a reading was taken by our clock."""
        if -SECOND < received - time < SECOND:
            return time
        return min(time + self.clock.minimum, received)

    def votes(self, function: object) -> bool:
        """Whether its newest reading tells anything to this function."""
        if self.grade != BAD:
            return True
        if not isinstance(function, VoteParams):
            return False
        return self.value == (math.inf if function.high else -math.inf)


@dataclass
class Speaker:
    """A derived point."""

    derivation: Derivation
    last: int | None = None
    heard: int | None = None
    since: int = 0

    def speak(self, sensors: dict[int, Sensor], time: int, heard: int, received: int) -> list[Made]:
        """Return what a new reading of a member makes, without its index."""
        if self.last is not None and self.last > received + AHEAD:
            self.last = None
        if self.heard is not None and self.heard > received + AHEAD:
            self.heard = None
        longest = max(member.stale_after for member in self.derivation.members)
        now = heard if self.heard is None else max(heard, self.heard)
        if self.heard is None or now - self.heard > longest:
            self.since = now
        self.heard = now
        told = time if self.last is None else max(time, self.last + 1)
        self.last = told
        usable, lost, awaited = self.sort(sensors, now)
        function = self.derivation.function
        value = compute(function, [sensor.value for sensor in usable], lost)
        grade = GOOD
        if awaited or any(sensor.grade == UNCERTAIN for sensor in usable):
            grade = UNCERTAIN
        if isinstance(function, VoteParams) and math.isinf(value):
            value, grade = function.beyond, UNCERTAIN
        made: list[Made] = []
        if math.isfinite(value):
            made.append((0, self.derivation.point, told, received, value, grade))
        elif not awaited:
            made.append((0, self.derivation.point, told, received, math.nan, BAD))
        if self.derivation.counter is not None:
            left = float(len(self.derivation.members) - lost)
            count = (self.derivation.counter, told, received, left, UNCERTAIN if awaited else GOOD)
            made.append((0, *count))
        return made

    def sort(self, sensors: dict[int, Sensor], now: int) -> tuple[list[Sensor], int, int]:
        """Return the members that are usable, and how many are lost and awaited."""
        usable: list[Sensor] = []
        lost = awaited = 0
        for point, stale_after in self.derivation.members:
            sensor = sensors[point]
            known = sensor.heard
            if known is None or known > now + AHEAD:
                known, waited = None, now - self.since
            else:
                waited = now - max(self.since, known)
            if not sensor.votes(self.derivation.function):
                lost += 1
            elif known is not None and now - known <= stale_after:
                usable.append(sensor)
            elif waited > stale_after:
                lost += 1
            else:
                awaited += 1
        return usable, lost, awaited


def compute(function: object, values: list[float], lost: int) -> float:
    """Return the value of a function, NaN where there is none."""
    match function:
        case VoteParams(needed=needed, high=high):
            agreeing = max(1, needed - lost)
            if len(values) < agreeing:
                return math.nan
            return sorted(values, reverse=high)[agreeing - 1]
        case SpreadParams():
            return max(values) - min(values) if len(values) > 1 else math.nan
        case DeviationParams(curve=curve, percent=percent):
            if len(values) < 2:
                return math.nan
            aim = set_point(curve, values[1]) if curve else values[1]
            off = values[0] - aim
            if not percent:
                return off
            return off / aim * 100.0 if aim > 0 else math.nan
    raise TypeError(function)


def set_point(curve: tuple[tuple[float, float], ...], value: float) -> float:
    """Return what a curve says, NaN outside it."""
    after = bisect_right([x for x, _ in curve], value)
    if after == 0 or value > curve[-1][0]:
        return math.nan
    if after == len(curve):
        return curve[-1][1]
    (x0, y0), (x1, y1) = curve[after - 1], curve[after]
    return y0 + (y1 - y0) * ((value - x0) / (x1 - x0))


class Naive:
    """The derived points of a site."""

    def __init__(self, derivations: list[Derivation]) -> None:
        points = {member.point for each in derivations for member in each.members}
        self.sensors = {point: Sensor() for point in points}
        self.speakers = [Speaker(each) for each in derivations]

    def take(self, at: int, reading: Reading) -> list[Made]:
        """Run one reading; `at` is what its derived readings name as its index."""
        point, *said = reading
        sensor = self.sensors.get(point)
        heard = None if sensor is None else sensor.hear(*said)
        if heard is None:
            return []
        return [
            (at, *made[1:])
            for speaker in self.speakers
            if point in {member.point for member in speaker.derivation.members}
            for made in speaker.speak(self.sensors, reading[1], heard, reading[2])
        ]
