"""Engine and desk as the edge wires them, 100 to 1,000,000 points, alarms 1 in 1,000 to 1 in 10."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from bench import BenchError
from bench.workload import SEED, UNITS, shape_of, write_site
from device_profiles.quality import Quality
from gateway.alarms.desk import Desk
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch
from gateway.roles.edge.site import load_site
from gateway.southbound.liveness import Liveness

#: Readings to one transition.
SHARES: Final = (1_000, 100, 10)
#: As many as one read of the socket brings of a busy broker.
BATCH: Final = 4_096
TICKS: Final = 10
START_NS: Final = 1_767_225_600 * NANOSECONDS
POINTS_A_DEVICE: Final = len(UNITS.channels)
KIB: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What one number of points costs.

    Parameters
    ----------
    rates
        Readings a second for each of `SHARES`.
    found
        Readings to one transition, as counted, for each of `SHARES`.
    bind_s, tick_ms, snapshot_ms, rss_mb
        To read and bind the site file; one second of the clock with silence (median); a snapshot;
        resident memory of the whole process at the end.
    """

    points: int
    rates: tuple[float, ...]
    found: tuple[float, ...]
    bind_s: float
    tick_ms: float
    snapshot_ms: float
    rss_mb: float


def measure(points: int, readings: int) -> Size:
    """Measure one size in this process."""
    with TemporaryDirectory(prefix="hazgate-bench-") as scratch:
        shape = shape_of(f"units:{points // POINTS_A_DEVICE}")
        path = write_site(
            Path(scratch), shape, broker="mqtt://127.0.0.1:1883", version="5", metrics=9108
        )
        begin = time.perf_counter()
        plant = load_site(path).plant
        bind_s = time.perf_counter() - begin
    engine, liveness = Engine(plant), Liveness(plant)
    desk = Desk(plant.definitions, Chain(Identity(plant.node, "0" * 16, "0" * 16)))
    engine.warm_up()
    liveness.begin(START_NS)
    second = 0
    rates, found = [], []
    for share in SHARES:
        spent, moved, read = 0.0, 0, 0
        # The first round starts every detector; it is not like the others.
        for number, batches in enumerate(_rounds(points, share, readings, second)):
            begin = time.perf_counter()
            transitions = 0
            for batch in batches:
                detections, _ = engine.process(batch)
                transitions += sum(len(desk.detect(each)) for each in detections)
            took = time.perf_counter() - begin
            second += 1
            if number:
                spent, moved, read = spent + took, moved + transitions, read + points
        rates.append(read / spent)
        found.append(read / max(1, moved))
    ticks = []
    for _ in range(TICKS):
        begin = time.perf_counter()
        now = START_NS + second * NANOSECONDS
        for each in engine.tick(now) + liveness.tick(now, engine.heard):
            desk.detect(each)
        ticks.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    engine.snapshot()
    snapshot_s = time.perf_counter() - begin
    return Size(
        points=points,
        rates=tuple(rates),
        found=tuple(found),
        bind_s=bind_s,
        tick_ms=1e3 * float(np.median(ticks)),
        snapshot_ms=1e3 * snapshot_s,
        rss_mb=_rss_mb(),
    )


def _rounds(points: int, share: int, readings: int, second: int) -> Iterator[list[ReadingBatch]]:
    """Yield rounds of all points, 1 s apart; in each some are raised and those before cleared."""
    chance = np.random.default_rng(SEED)
    channels = [UNITS.channels[number % POINTS_A_DEVICE] for number in range(points)]
    mean = np.array([each.mean for each in channels])
    raised = np.array([each.raised for each in channels])
    noise = np.array([each.noise for each in channels])
    order = np.arange(points, dtype=np.int32)
    good = np.full(points, int(Quality.GOOD), np.uint8)
    for number in range(-(-readings // points) + 1):
        value = chance.normal(mean, noise)
        # A raise now is a clear in the next round: half of the transitions each.
        some = chance.random(points) < 1 / (2 * share)
        value[some] = raised[some]
        at = np.full(points, START_NS + (second + number) * NANOSECONDS, np.int64)
        whole = ReadingBatch(order, at, at, value, good)
        yield [whole.part(begin, min(begin + BATCH, points)) for begin in range(0, points, BATCH)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--most", type=int, default=1_000_000, help="points; from 100 by tens")
    parser.add_argument("--readings", type=int, default=1_000_000, help="of each measurement")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure each size in a process of its own and print the table."""
    sizes = [10**power for power in range(2, 7) if 10**power <= arguments.most]
    if not sizes:
        raise BenchError(f"--most {arguments.most}: 100 points are the least")
    figures: dict[str, Any] = {"readings": arguments.readings}
    print(f"{'':>10} {'readings/s, one transition in':^35} {'bind':>7} {'tick':>8} {'snapshot':>9}")
    shares = " ".join(f"{share:>11,}" for share in SHARES)
    print(f"{'points':>10} {shares} {'s':>7} {'ms':>8} {'ms':>9} {'RSS MB':>8}")
    for points in sizes:
        sys.stderr.write(f"{points:,} points\n")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            size = apart.submit(measure, points, arguments.readings).result()
        rates = " ".join(f"{rate:>11,.0f}" for rate in size.rates)
        print(
            f"{points:>10,} {rates} {size.bind_s:>7.2f} {size.tick_ms:>8.2f} "
            f"{size.snapshot_ms:>9.1f} {size.rss_mb:>8.1f}",
            flush=True,
        )
        for share, rate, found in zip(SHARES, size.rates, size.found, strict=True):
            figures[f"p{points}_1in{share}_readings_per_s"] = round(rate)
            figures[f"p{points}_1in{share}_found"] = round(found, 1)
        figures[f"p{points}_bind_s"] = round(size.bind_s, 3)
        figures[f"p{points}_tick_ms"] = round(size.tick_ms, 3)
        figures[f"p{points}_snapshot_ms"] = round(size.snapshot_ms, 2)
        figures[f"p{points}_rss_mb"] = round(size.rss_mb, 1)
    return figures


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / KIB
    return 0.0
