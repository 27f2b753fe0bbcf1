"""Months of healthy instruments, with leaks to their limits and back: no health alarm is due."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.detection.faults.parameters import PARAMETERS, Instrument
from bench.detection.faults.signals import Floats, Ints, fill, in_order, new_points
from bench.detection.faults.site import Judge, health_rules, new_plant
from bench.detection.leaks.evaluation import MONTH, poisson_bound
from bench.detection.leaks.events import LEAKS, new_event
from bench.detection.leaks.points import DAY, START_NS, draw
from detectors.admission import SECOND
from device_profiles.quality import Quality
from gateway.readings import ReadingBatch

Numbers = npt.NDArray[np.int32]
#: Seconds that are made at once: every instrument has whole steps in it.
CHUNK: Final = 3600
#: So long a message is on its way.
SENT_NS: Final = SECOND // 4
#: Different shapes of leaks of each kind; more points have the same ones at other times.
SHAPES: Final = 50


@dataclass(frozen=True, slots=True)
class Healthily:
    """Health alarms in data without a fault.

    Parameters
    ----------
    alarms
        How many of each rule and instrument.
    points, days
        How many points, for how many days each.
    clean
        Share of the points whose usual value is exactly 0.
    readings, zeros
        How many there were, and how many of those of clean points were exactly 0, as a share.
    leaks, plant
        How many leaks they had, and how many alarms of the plant's limits rose.
    """

    alarms: dict[tuple[str, str], int]
    points: int
    days: float
    clean: float
    readings: int
    zeros: float
    leaks: int
    plant: int

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.alarms.values())

    @property
    def months(self) -> float:
        """Months of 30 days of one point each."""
        return self.points * self.days / MONTH

    @property
    def per_month(self) -> float:
        """False health alarms a point and 30 days."""
        return self.count / self.months

    @property
    def at_most(self) -> float:
        """Upper bound of that, with 95 % confidence, if they are independent (Poisson)."""
        return poisson_bound(self.count) / self.months

    def by_rule(self) -> dict[str, int]:
        """Return how many of each rule, those that never rose included."""
        found: dict[str, int] = {}
        for (rule, _), count in self.alarms.items():
            found[rule] = found.get(rule, 0) + count
        return found


@cache
def shapes() -> tuple[Floats, ...]:
    """Return what leaks add from start to limit, as a share of what they add at most, by second."""
    found: list[Floats] = []
    for kind in LEAKS:
        for number in range(SHAPES):
            event = new_event(kind, 2 * number)
            grown = event.added[event.start : event.reach + 1]
            found.append(grown / grown.max())
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Leak:
    """A leak: the second in which it starts, and what it adds at each step of its instrument."""

    start: int
    added: Floats


def leaks(instrument: Instrument, base: float, seed: int, days: float) -> list[Leak]:
    """Return the leaks of a point, one after the other."""
    if not instrument.leaks:
        return []
    chance, healthy = Random(f"leaks {seed} {instrument.name}"), PARAMETERS.healthy
    found: list[Leak] = []
    every, at = instrument.every, 0.0
    while True:
        at += chance.expovariate(healthy.leaks / (healthy.days * DAY))
        peak = draw(chance, healthy.peak) * (instrument.point["limits"]["h"] - base)
        tau = draw(chance, healthy.clears)
        grown = shapes()[chance.randrange(len(shapes()))]
        gone = np.exp(-np.arange(round(7.0 * tau)) / tau) * grown[-1]
        added = peak * np.concatenate([grown, gone])[::every]
        start = int(at) // every * every
        at = start + added.size * every
        if at >= days * DAY:
            return found
        found.append(Leak(start, added))


class Readings:
    """Readings of many healthy points, second by second."""

    def __init__(self, instruments: Sequence[Instrument], days: float, plume: float) -> None:
        self.instruments, self.days = instruments, days
        which = [(each, number) for number, each in enumerate(instruments)]
        self.points = new_points("healthy", which, plume=plume)
        self.leaks = [
            leaks(each, float(self.points[n]["base"]), n, days)
            for n, each in enumerate(instruments)
        ]

    def hours(self) -> Iterator[tuple[int, Ints, Numbers, Ints, Floats]]:
        """Yield an hour: its first second, where each second begins, points, times and values.

        The arrays are used again.
        """
        size = sum(CHUNK // each.every for each in self.instruments)
        ends = np.empty(len(self.points), np.int64)
        times, time = np.empty(size, np.int64), np.empty(size, np.int64)
        values, value = np.empty(size), np.empty(size)
        point, begins = np.empty(size, np.int32), np.empty(CHUNK + 1, np.int64)
        for first in range(0, math.ceil(self.days * DAY / CHUNK) * CHUNK, CHUNK):
            row, added = self._added(first)
            count = fill(self.points, first, CHUNK, row, added, ends, times, values)
            in_order(ends, times, values, START_NS + first * SECOND, begins, point, time, value)
            yield first, begins, point[:count], time[:count], value[:count]

    def _added(self, first: int) -> tuple[Numbers, Floats]:
        row = np.full(len(self.points), -1, np.int32)
        rows = [np.zeros(CHUNK)]
        for number, own in enumerate(self.leaks):
            every = self.instruments[number].every
            for leak in own:
                begin = (leak.start - first) // every
                end = begin + leak.added.size
                if begin >= CHUNK // every or end <= 0:
                    continue
                if row[number] < 0:
                    row[number] = len(rows)
                    rows.append(np.zeros(CHUNK))
                low, high = max(begin, 0), min(end, CHUNK // every)
                rows[-1][low:high] += leak.added[low - begin : high - begin]
        return row, np.array(rows)


def healthily(points: int, days: float | None = None, *, plume: float = 0.0) -> Healthily:
    """Run healthy points through the engine, second by second, and count health alarms.

    Parameters
    ----------
    points, days
        How many, for how long each; as the parameters say unless stated.
    plume
        Standard deviation of what a leak adds, as a share of it.
    """
    days = PARAMETERS.healthy.days if days is None else days
    return judged([PARAMETERS.instrument_of(number) for number in range(points)], days, plume)


def judged(instruments: Sequence[Instrument], days: float, plume: float = 0.0) -> Healthily:
    """Do that for these points."""
    plant = new_plant(instruments)
    judge, health = Judge(plant, START_NS), health_rules(plant)
    bounds = [device.plan.bound[0] for device in plant.devices]
    low = np.array([each.low for each in bounds])
    high = np.array([each.high for each in bounds])
    clean = np.array([each.clean for each in instruments])
    alarms = dict.fromkeys(
        ((rule, each.name) for rule in sorted(health) for each in instruments), 0
    )
    readings = Readings(instruments, days, plume)
    total = of_clean = zeros = plant_alarms = 0
    for first, begins, point, time, value in readings.hours():
        # What is not in range would not be decoded as GOOD; a healthy instrument sends no such.
        if ((value < low[point]) | (value > high[point])).any():
            raise AssertionError("a healthy instrument reads out of its range")
        quality = np.full(point.size, Quality.GOOD, np.uint8)
        batch = ReadingBatch(point, time, time + SENT_NS, value, quality)
        total += point.size
        of_clean += int(clean[point].sum())
        zeros += int((clean[point] & (value == 0.0)).sum())
        edges = begins.tolist()
        for second in range(CHUNK):
            now = START_NS + (first + second + 1) * SECOND
            for each in judge.take(batch.part(edges[second], edges[second + 1]), now):
                if not each.active:
                    continue
                if each.rule in health:
                    alarms[each.rule, instruments[each.point].name] += 1
                else:
                    plant_alarms += 1
    return Healthily(
        alarms=alarms,
        points=len(instruments),
        days=days,
        clean=float(clean.mean()),
        readings=total,
        zeros=zeros / max(1, of_clean),
        leaks=sum(map(len, readings.leaks)),
        plant=plant_alarms,
    )
