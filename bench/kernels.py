"""Readings a second through the always-on kernels alone, one core, and the state a point costs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from detectors.admission import GOOD, SECOND
from detectors.bank import Bank
from detectors.limit import LimitParams
from detectors.rate import RateParams
from detectors.reason import ABOVE, BELOW, FAULT, ReasonParams
from detectors.rules import Rule
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

IN_ORDER: Final = 1_000
AT_RANDOM: Final = 100_000
POINTS_A_DEVICE: Final = 4
#: As many as one read of the socket brings of a busy broker, and more.
BATCH: Final = 4_096
SEED: Final = 1
START_NS: Final = 1_767_225_600 * SECOND


def always_on(points: int) -> Bank:
    """Return a bank with what is always on: four limits, fault, rate, trend, spike, stuck."""
    rules = (
        Rule(LimitParams(95.0, high=True, deadband=1.0)),
        Rule(LimitParams(90.0, high=True, deadband=1.0)),
        Rule(LimitParams(10.0, high=False, deadband=1.0)),
        Rule(LimitParams(5.0, high=False, deadband=1.0)),
        Rule(ReasonParams((FAULT, BELOW, ABOVE))),
        Rule(RateParams(40.0, deadband=8.0)),
        Rule(TrendParams(90.0, high=True, tau_s=10.0, horizon_s=30.0)),
        Rule(SpikeParams(30.0, 5.0, 3, 3_600.0)),
        Rule(StuckParams(0.001, 1_800.0)),
    )
    devices = np.arange(points) // POINTS_A_DEVICE
    return Bank(devices, np.full(points, 60 * SECOND), [rules], np.zeros(points, np.int32))


def measure(points: int, readings: int, *, shuffled: bool) -> float:
    """Return readings a second through `points` points, each read once a round, each round 1 s."""
    chance = np.random.default_rng(SEED)
    bank = always_on(points)
    rounds = -(-readings // points) + 1
    order = np.arange(points, dtype=np.int32)
    said = chance.normal(50.0, 2.0, (4, points))
    grade = np.full(points, GOOD, np.uint8)
    spent = 0.0
    for number in range(rounds):
        if shuffled:
            chance.shuffle(order)
        times: npt.NDArray[np.int64] = np.full(points, START_NS + number * SECOND, np.int64)
        values = said[number % 4]
        begin = time.perf_counter()
        for at in range(0, points, BATCH):
            part = slice(at, at + BATCH)
            edges, _ = bank.take(order[part], times[part], times[part], values[part], grade[part])
            if edges:
                raise AssertionError(f"no edge is due, found {edges[0]}")
        # The first round starts every detector; it is not like the others.
        spent += time.perf_counter() - begin if number else 0.0
    return (rounds - 1) * points / spent


def vectorised(points: int, readings: int, *, shuffled: bool) -> float:
    """Return readings a second of the same judgements in numpy, a whole round of points at a time.

    What it leaves out: admission, reasons, duplicates, disorder, gaps, delays, deadbands and what
    stands. It may take a round at once only since each point speaks once in it.
    """
    chance = np.random.default_rng(SEED)
    said = chance.normal(50.0, 2.0, (4, points))
    order = np.arange(points)
    last = np.zeros(points, np.int64)
    previous, median, rate, level, slope, noise = (np.zeros(points) for _ in range(6))
    anchor, base, bucket = (np.zeros(points) for _ in range(3))
    outside = np.full(points, -1.0)
    since, spiked = np.zeros(points, np.int64), np.zeros(points, np.int64)
    spent = 0.0
    for number in range(-(-readings // points) + 1):
        if shuffled:
            chance.shuffle(order)
        now = START_NS + number * SECOND
        time_ns = np.full(points, now)
        begin = time.perf_counter()
        for at in range(0, points, BATCH):
            which = order[at : at + BATCH]
            value, when = said[number % 4][at : at + BATCH], time_ns[at : at + BATCH]
            found = (value >= 95.0) | (value >= 90.0) | (value <= 10.0) | (value <= 5.0)
            dt = (when - last[which]) * 1e-9
            last[which] = when
            share = 1.0 / (10.0 + dt)
            agreed = np.clip(
                median[which],
                np.minimum(previous[which], value),
                np.maximum(previous[which], value),
            )
            turned = rate[which] + (agreed - median[which] - dt * rate[which]) * share
            rate[which], median[which], previous[which] = turned, agreed, value
            found |= np.abs(turned) >= 40.0
            was, steep, loud = level[which], slope[which], noise[which]
            innovation = value - (was + steep * dt)
            step = dt * share * innovation
            flat = was + steep * dt + step
            steep = steep + step * share
            loud = loud + dt * share * (np.abs(innovation) - loud)
            level[which], slope[which], noise[which] = flat, steep, loud
            found |= (90.0 - flat <= 30.0 * steep) & (steep * 10.0 >= 1.5 * loud)
            away = np.abs(value - base[which])
            left = np.where(when - spiked[which] >= 3_600 * SECOND, 0.0, bucket[which])
            gone = np.where(outside[which] < 0.0, outside[which], outside[which] + dt)
            back = (gone >= 0.0) & (gone <= 5.0) & (away <= 15.0)
            rests = back | (gone > 5.0) | ((gone < 0.0) & (away < 30.0))
            base[which] = np.where(rests, value, base[which])
            outside[which] = np.where(rests, -1.0, np.maximum(gone, 0.0))
            leaked = np.maximum(0.0, left - (when - spiked[which]) / (3_600.0 * SECOND))
            bucket[which] = np.where(back, np.minimum(leaked + 1.0, 3.0), left)
            spiked[which] = np.where(back, when, spiked[which])
            found |= bucket[which] > 2.0
            still = np.abs(value - anchor[which]) <= 0.001
            anchor[which] = np.where(still, anchor[which], value)
            since[which] = np.where(still, since[which], when)
            found |= still & (when - since[which] >= 1_800 * SECOND)
            found.any()
        spent += time.perf_counter() - begin if number else 0.0
    return (-(-readings // points)) * points / spent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--readings", type=int, default=5_000_000, help="of each measurement")
    parser.add_argument("--runs", type=int, default=5, help="interleaved; medians are printed")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure both orders `runs` times, in turns, and print medians."""
    bank = always_on(POINTS_A_DEVICE)
    bank.warm_up()
    ordered, shuffled = [], []
    for _ in range(arguments.runs):
        ordered.append(measure(IN_ORDER, arguments.readings, shuffled=False))
        shuffled.append(measure(AT_RANDOM, arguments.readings, shuffled=True))
    figures = {
        "readings_per_s": round(median(ordered)),
        "random_order_readings_per_s": round(median(shuffled)),
        "state_bytes_per_point": round(bank.bytes_per_point()),
        "numpy_readings_per_s": round(vectorised(IN_ORDER, arguments.readings, shuffled=False)),
        "numpy_random_order_readings_per_s": round(
            vectorised(AT_RANDOM, arguments.readings, shuffled=True)
        ),
        "readings": arguments.readings,
        "runs": arguments.runs,
    }
    print(f"{IN_ORDER:>7,} points in order         {figures['readings_per_s']:>12,} readings/s")
    print(
        f"{AT_RANDOM:>7,} points in random order  "
        f"{figures['random_order_readings_per_s']:>12,} readings/s"
    )
    print(
        f"a vectorised numpy form         {figures['numpy_readings_per_s']:>12,} readings/s, "
        f"{figures['numpy_random_order_readings_per_s']:,} in random order"
    )
    print(f"state a point                   {figures['state_bytes_per_point']:>12,} bytes, of it")
    print(bank.describe_state())
    return figures
