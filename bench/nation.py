"""440,000 points at 1 Hz into one edge: those of a national hazardous-chemical system."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

from bench import BenchError
from bench.edge import EdgeProcess
from bench.steady import Load, measure, told
from bench.workload import UNITS

POINTS: Final = 440_000
POINTS_A_MESSAGE: Final = len(UNITS.channels)
P99_MS: Final = 1_000.0
RSS_MB: Final = 1_500.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--points", type=int, default=POINTS, help="50 a message")
    parser.add_argument(
        "--seconds", type=float, default=130.0, help="a snapshot and an archive begin each 60 s"
    )


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure once and say whether each target was met."""
    devices = arguments.points // POINTS_A_MESSAGE
    if not devices:
        raise BenchError(f"{arguments.points} points make no message; write 50 or more")
    memory: list[float] = []
    peak = 0.0

    def sample(edge: EdgeProcess) -> None:
        nonlocal peak
        held = edge.footprint()
        memory.append(held.rss_mb)
        # The kernel's own high-water mark: a snapshot is over before the next look.
        peak = held.peak_mb

    load = Load(shape=f"units:{devices}", rate=float(devices), seconds=arguments.seconds)
    steady = measure(load, sample)
    ages = steady.ages
    dropped = steady.lost + steady.doubts["shed_readings"]
    sent = (steady.sent - steady.lost) * POINTS_A_MESSAGE
    figures = {
        "points": devices * POINTS_A_MESSAGE,
        "asked_readings_per_s": devices * POINTS_A_MESSAGE,
        "readings_per_s": round(sent / max(steady.sender["seconds"], arguments.seconds)),
        "seconds": arguments.seconds,
        "dropped": dropped,
        "p50_ms": round(ages.get("p50", 0.0), 2),
        "p99_ms": round(ages.get("p99", 0.0), 2),
        "alarms": len(steady.durable),
        "rss_mb": round(peak, 1),
        "rss_median_mb": round(median(memory or [0.0]), 1),
        "start_s": round(steady.start_s, 1),
        "schedule_kept": steady.kept,
    }
    met = {
        "0 dropped": dropped == 0,
        f"p99 of publish -> durable below {P99_MS:,.0f} ms": bool(ages) and ages["p99"] < P99_MS,
        f"RSS below {RSS_MB:,.0f} MB": bool(memory) and peak < RSS_MB,
        "schedule kept": steady.kept,
    }
    print(f"{figures['points']:,} points at 1 Hz for {arguments.seconds:g} s, {devices:,} devices")
    print(f"start to subscription {steady.start_s:.1f} s, RSS at most {figures['rss_mb']:,} MB")
    print(f"{dropped} dropped, {len(steady.durable)} alarms: " + _said(ages))
    print(told(steady.sender))
    for target, reached in met.items():
        print(f"{target}: {'met' if reached else 'MISSED'}")
    for fault in steady.faults:
        print(f"{fault}: not sound")
    return {**figures, "targets_met": all(met.values()), "sound": not steady.faults}


def _said(ages: Mapping[str, float]) -> str:
    return (
        "publish -> durable " + ", ".join(f"{name} {ms:.1f}" for name, ms in ages.items()) + " ms"
    )
