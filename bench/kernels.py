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
from detectors.rules import Rule
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
    """Return a bank with everything that is always on: four limits, rate, trend, stuck."""
    rules = (
        Rule(LimitParams(95.0, high=True, deadband=1.0)),
        Rule(LimitParams(90.0, high=True, deadband=1.0)),
        Rule(LimitParams(10.0, high=False, deadband=1.0)),
        Rule(LimitParams(5.0, high=False, deadband=1.0)),
        Rule(RateParams(40.0, deadband=8.0)),
        Rule(TrendParams(90.0, high=True, tau_s=10.0, horizon_s=30.0)),
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
        "readings": arguments.readings,
        "runs": arguments.runs,
    }
    print(f"{IN_ORDER:>7,} points in order         {figures['readings_per_s']:>12,} readings/s")
    print(
        f"{AT_RANDOM:>7,} points in random order  "
        f"{figures['random_order_readings_per_s']:>12,} readings/s"
    )
    print(f"state a point                   {figures['state_bytes_per_point']:>12,} bytes, of it")
    print(bank.describe_state())
    return figures
