"""Seconds from the start of an edge to its first subscription: after a clean stop, after a kill."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.broker import INFLIGHT, QUEUED, Broker
from bench.children import child, go, line, words
from bench.edge import EdgeProcess
from bench.workload import shape_of

TARGET_S: Final = {"warm": 5.0, "cold": 20.0}
#: The spool since the last snapshot is run at so many times the rate at which it came in.
REPLAY: Final = 20.0
#: A difference of starts below this cannot be told from noise.
NOTHING_S: Final = 0.1
SHAPE: Final = "stations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--runs", type=int, default=3, help="medians are printed")
    parser.add_argument("--rate", type=float, default=5_000.0, help="messages a second before")
    parser.add_argument("--seconds", type=float, default=10.0, help="of messages before each end")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Start, load, end, and start again, each way; print medians."""
    found: dict[str, list[float]] = {}
    for number in range(arguments.runs):
        for name, seconds in _once(arguments.rate, arguments.seconds).items():
            found.setdefault(name, []).append(seconds)
        said = ", ".join(f"{name} {each[-1]:.1f}" for name, each in found.items())
        sys.stderr.write(f"run {number + 1} of {arguments.runs}, s: {said}\n")
    figures: dict[str, Any] = {f"{name}_s": round(median(all_), 2) for name, all_ in found.items()}
    figures["samples"] = {
        f"{name}_s": [round(each, 2) for each in all_] for name, all_ in found.items()
    }
    # What a start after a kill takes longer is the spool since the last snapshot.
    longer = median(found["warm_kill"]) - median(found["warm_stop"])
    figures["replay_ratio"] = round(arguments.seconds / max(longer, NOTHING_S), 1)
    met = []
    print(f"{'start':<28} {'s':>6} {'target':>8}")
    for name, seconds in figures["samples"].items():
        cache, _, end = name.removesuffix("_s").partition("_")
        target = TARGET_S[cache]
        if end == "kill":
            target += arguments.seconds / REPLAY
        met.append(median(seconds) < target)
        what = {"new": "new store", "stop": "after a clean stop", "kill": "after a kill"}[end]
        print(f"{cache + ' cache, ' + what:<28} {median(seconds):>6.2f} {'<':>2} {target:<5.1f}")
    print(
        f"after a kill {arguments.seconds:g} s of {arguments.rate:,.0f} messages/s are run again: "
        f"at {figures['replay_ratio']:,} x the rate they came in, or more"
    )
    return {**figures, "targets_met": all(met), "sound": True}


def _once(rate: float, seconds: float) -> dict[str, float]:
    """Measure every way once, on one store that lives on."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="hazgate-bench-")))
        broker = stack.enter_context(Broker(scratch, inflight=INFLIGHT, queued=QUEUED))
        edge = EdgeProcess(scratch, shape_of(SHAPE), broker, version="5")
        stack.callback(edge.kill)

        def empty() -> dict[str, str]:
            # An empty folder each time: whatever was compiled before is not found.
            return {"HAZGATE_KERNEL_CACHE": stack.enter_context(TemporaryDirectory())}

        # What the first start compiles is what the next ones find: a cache as a user has it.
        warm = empty()
        took = {"cold_new": edge.start(warm)}
        _load(edge, broker, rate, seconds)
        edge.stop()
        took["warm_stop"] = edge.start(warm)
        _load(edge, broker, rate, seconds)
        edge.kill()
        took["warm_kill"] = edge.start(warm)
        _load(edge, broker, rate, seconds)
        edge.stop()
        took["cold_stop"] = edge.start(empty())
        _load(edge, broker, rate, seconds)
        edge.kill()
        took["cold_kill"] = edge.start(empty())
        return took


def _load(edge: EdgeProcess, broker: Broker, rate: float, seconds: float) -> None:
    count = max(1, round(rate * seconds))
    before = edge.look()
    stated = words(port=broker.port, qos=1, shape=SHAPE, rate=rate, messages=count)
    with child("bench.paced", *stated) as generator:
        go(generator)
        json.loads(line(generator))
        edge.took(count, since=before)
