"""Memory, descriptors and threads of an edge over minutes at half of its own rate."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench import BenchError
from bench.edge import EdgeProcess, Footprint
from bench.latency import own_rate
from bench.steady import Load, measure, told

MINUTE_S: Final = 60.0
EVERY_S: Final = 2.0
#: By then everything that an edge keeps has been made once.
BASE: Final = 2
GROWTH_MB: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What was held in one minute: the most memory (MB), and the usual rest."""

    number: int
    rss_mb: float
    descriptors: int
    threads: int


def by_minute(samples: Sequence[tuple[float, Footprint]]) -> list[Minute]:
    """Return each minute of samples, whose times are seconds since the beginning.

    A child process at work holds a pipe or two for a moment: descriptors and threads are those of
    most of the minute (its median).
    """
    minutes: dict[int, list[Footprint]] = {}
    for at, held in samples:
        minutes.setdefault(int(at // MINUTE_S) + 1, []).append(held)
    return [
        Minute(
            number=number,
            rss_mb=max(each.rss_mb for each in held),
            descriptors=round(median(each.descriptors for each in held)),
            threads=round(median(each.threads for each in held)),
        )
        for number, held in sorted(minutes.items())
    ]


def verdict(minutes: Sequence[Minute]) -> tuple[float, list[str]]:
    """Return by how much memory stood above minute 2 at the most (MB), and what is wrong."""
    base = next(each for each in minutes if each.number == BASE)
    later = [each for each in minutes if each.number > BASE]
    growth = max(each.rss_mb for each in later) - base.rss_mb
    wrong = []
    if growth > GROWTH_MB:
        wrong.append(f"RSS grew by {growth:.1f} MB after minute {BASE}; {GROWTH_MB:g} are allowed")
    for name in ("descriptors", "threads"):
        seen = sorted({getattr(each, name) for each in (base, *later)})
        if len(seen) > 1:
            wrong.append(f"{name} were not constant: {seen[0]} to {seen[-1]}")
    return growth, wrong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--minutes", type=int, default=10, help="3 at the least")
    parser.add_argument(
        "--rate", type=float, help="messages a second; half of the measured QoS 1 rate if not given"
    )


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Sample an edge under a steady load and judge what it held, minute by minute."""
    if arguments.minutes <= BASE:
        raise BenchError(f"--minutes {arguments.minutes}: minutes after {BASE} are what is judged")
    rate = arguments.rate or own_rate()
    samples: list[tuple[float, Footprint]] = []
    begin = 0.0

    def sample(edge: EdgeProcess) -> None:
        nonlocal begin
        begin = begin or time.monotonic()
        samples.append((time.monotonic() - begin, edge.footprint()))
        if len(samples) % 15 == 0:
            sys.stderr.write(f"{samples[-1][0]:>5.0f} s: {samples[-1][1].rss_mb:.1f} MB\n")

    load = Load(shape="stations", rate=rate, seconds=MINUTE_S * arguments.minutes)
    steady = measure(load, sample, every_s=EVERY_S)
    minutes = [each for each in by_minute(samples) if each.number <= arguments.minutes]
    growth, wrong = verdict(minutes)
    print(f"{rate:,.0f} messages/s at QoS 1, 1,000 devices with 4 points")
    print(f"{'minute':>6} {'RSS MB':>8} {'descriptors':>12} {'threads':>8}")
    for each in minutes:
        print(f"{each.number:>6} {each.rss_mb:>8.1f} {each.descriptors:>12} {each.threads:>8}")
    print(told(steady.sender))
    for fault in (*wrong, *steady.faults):
        print(f"{fault}: not sound")
    print("steady" if not wrong else "NOT steady")
    return {
        "minutes": arguments.minutes,
        "rate": rate,
        "rss_growth_mb": round(growth, 2),
        "rss_mb": round(max(each.rss_mb for each in minutes), 1),
        "descriptors": minutes[-1].descriptors,
        "threads": minutes[-1].threads,
        "p99_ms": round(steady.ages.get("p99", 0.0), 2),
        "schedule_kept": steady.kept,
        "by_minute": [[m.number, round(m.rss_mb, 1), m.descriptors, m.threads] for m in minutes],
        "sound": not wrong and not steady.faults,
    }
