"""How old an alarm is at each stage, open loop, beside the broker's own publish -> subscribe."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.broker import INFLIGHT, QUEUED, Broker
from bench.children import child, go, line, words
from bench.hardship import SLOW_DISK, Hardship
from bench.percentiles import QUANTILES, Histogram, spread
from bench.steady import STAGES, Load, Steady, measure, told
from bench.throughput import WORKS, measure_edge

#: Of our own QoS 1 rate, measured just before.
SHARE: Final = 0.5
#: Messages of each of those measurements; the median of three.
RATE_MESSAGES: Final = 60_000
RATE_RUNS: Final = 3
QOS1: Final = next(work for work in WORKS if work.name == "qos1")
WIDTH: Final = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument(
        "--rate", type=float, help="messages a second; half of the measured QoS 1 rate if not given"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    parser.add_argument("--runs", type=int, default=3, help="interleaved, their alarms together")


def own_rate() -> float:
    """Return half of the messages a second that this edge takes at QoS 1 on this machine."""
    rates = [measure_edge(QOS1, RATE_MESSAGES).rate for _ in range(RATE_RUNS)]
    sys.stderr.write(f"QoS 1 takes {', '.join(f'{rate:,.0f}' for rate in rates)} messages/s\n")
    return float(round(SHARE * median(rates)))


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure edge, edge on a slow disk and bare subscriber in turns, and print percentiles."""
    rate = arguments.rate or own_rate()
    load = Load(shape="stations", rate=rate, seconds=arguments.seconds, parent=True)
    edges: list[Steady] = []
    slowed: list[Steady] = []
    brokers: list[Mapping[str, float]] = []
    with Hardship(SLOW_DISK) as slow:
        for number in range(arguments.runs):
            brokers.append(_bare(load))
            edges.append(measure(load))
            if not slow.missing:
                slowed.append(measure(replace(load, hardship=slow)))
            latest = edges[-1].ages.get("p99", 0.0)
            sys.stderr.write(
                f"run {number + 1} of {arguments.runs}: publish -> durable p99 {latest:.1f} ms\n"
            )
    print(f"{rate:,.0f} messages/s, {len(edges[0].durable):,} alarms a run; ages in ms")
    print(f"{'':<44}" + "".join(f"{name:>{WIDTH}}" for name in QUANTILES))
    figures: dict[str, Any] = {"rate": rate, "seconds": arguments.seconds, "runs": arguments.runs}
    figures |= _edge("", edges)
    if slow.missing:
        print(f"slow disk: not measured: {slow.missing}")
    else:
        print(f"{slow.by}:")
        figures |= _edge("slow_disk_", slowed)
    figures |= _broker(brokers)
    faults = [fault for each in (*edges, *slowed) for fault in each.faults]
    for each in (*edges, *slowed):
        print(told(each.sender))
    for fault in faults:
        print(f"{fault}: not sound")
    figures["schedule_kept"] = all(each.kept for each in (*edges, *slowed))
    if not figures["schedule_kept"]:
        print("the generator did not keep its schedule: ages hold its own delay too")
    figures["samples"] = {
        f"{prefix}{name}_ms": [round(each.ages[name], 3) for each in runs if each.ages]
        for prefix, runs in (("", edges), ("slow_disk_", slowed))
        for name in ("p50", "p99")
        if runs
    } | {"broker_p50_ms": [each["p50"] for each in brokers if each]}
    figures["sound"] = not faults
    return figures


def _bare(load: Load) -> Mapping[str, float]:
    """Return the ages of messages at a bare subscriber, at the same rate, ms."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="hazgate-bench-")))
        broker = stack.enter_context(
            Broker(scratch, inflight=INFLIGHT, queued=max(QUEUED, load.messages))
        )
        stated = words(port=broker.port, qos=1, shape=load.shape, messages=load.messages)
        probe = stack.enter_context(child("bench.probe", *stated))
        paced = child("bench.paced", *stated, *words(rate=load.rate))
        go(stack.enter_context(paced))
        ages: dict[str, float] = json.loads(line(probe))["ms"]
    return ages


def _edge(prefix: str, runs: Sequence[Steady]) -> dict[str, Any]:
    """Print the rows of one edge and return its figures."""
    figures: dict[str, Any] = {}
    rows = {
        "received": [each.received for each in runs],
        "durable": [each.durable for each in runs],
        "delivered": [each.delivered for each in runs],
    }
    for name, samples in rows.items():
        ages = spread(chain.from_iterable(samples))
        _print(f"{prefix}publish -> {name}", ages)
        figures |= {f"{prefix}{name}_{q}_ms": round(value, 3) for q, value in ages.items()}
    for stage in STAGES:
        merged = _together([each.stages[stage] for each in runs])
        if merged.count:
            said = {name: merged.quantile(share) for name, share in QUANTILES.items()}
            ages = {name: 1e3 * value for name, (value, _) in said.items()}
            _print(f"{prefix}received -> {stage} (the edge's own)", ages)
            figures |= {f"{prefix}stage_{stage}_{q}_ms": round(v, 3) for q, v in ages.items()}
            figures[f"{prefix}stage_{stage}_p99_bound_ms"] = 1e3 * said["p99"][1]
    figures[f"{prefix}p50_ms"] = figures.get(f"{prefix}durable_p50_ms")
    figures[f"{prefix}p99_ms"] = figures.get(f"{prefix}durable_p99_ms")
    figures[f"{prefix}alarms"] = sum(len(each.durable) for each in runs)
    return figures


def _broker(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Print the broker's own row (each percentile the median of the runs') and its figures."""
    ages = {name: median(each[name] for each in runs if each) for name in QUANTILES if any(runs)}
    _print("broker alone: publish -> a bare subscriber", ages)
    return {f"broker_{name}_ms": round(value, 3) for name, value in ages.items()}


def _together(histograms: Sequence[Histogram]) -> Histogram:
    found = [each for each in histograms if each.count]
    if not found:
        return Histogram((), ())
    counts = zip(*(each.counts for each in found), strict=True)
    return Histogram(found[0].bounds, tuple(sum(each) for each in counts))


def _print(name: str, ages: Mapping[str, float]) -> None:
    print(f"{name:<44}" + "".join(f"{value:>{WIDTH}.2f}" for value in ages.values()))
