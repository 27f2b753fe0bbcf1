"""Messages a second through Mosquitto into the edge, beside bare socket sinks in the same run."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import BenchError
from bench.broker import INFLIGHT, QUEUED, Broker
from bench.children import child, go, line, words
from bench.edge import EdgeProcess
from bench.hardship import QUARTER_BOX, Hardship, Wanted
from bench.workload import SHAPES, transitions

#: A generator that waited for the broker for less than this share of its time, and needed more than
#: that share of the receiver's, was the limit itself.
MUST_WAIT: Final = 0.05
MUST_LEAD: Final = 0.9
#: Counters of the edge that stay where they are when every message is good, new and on time.
DOUBTS: Final = (
    "bad_readings",
    "late_readings",
    "out_of_order_readings",
    "duplicate_readings",
    "quarantined_payloads",
    "unrouted_messages",
    "shed_readings",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One row: what is sent, with which window, and what share of the messages."""

    name: str
    shape: str = "stations"
    qos: int = 1
    inflight: int | None = INFLIGHT
    version: str = "5"
    share: int = 1

    def messages(self, wanted: int) -> int:
        """Return how many messages this row sends."""
        return max(1, wanted // self.share)


#: Mosquitto keeps an MQTT 3.1.1 client to its own window; an MQTT 5 client states one.
WORKS: Final = (
    Work(name="qos0", qos=0),
    Work(name="qos1"),
    Work(name="qos1_default_window", inflight=None, version="3.1.1", share=4),
    Work(name="batch", shape="units", share=5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement: messages a second from the generator's first byte to the last message."""

    rate: float
    lost: int
    waited: float
    share: float
    cpu_us: float = 0.0
    faults: tuple[str, ...] = ()

    @property
    def outran(self) -> bool:
        """Whether the generator had to wait, or was done well before the receiver."""
        return self.waited >= MUST_WAIT or self.share <= MUST_LEAD


def run_generator(
    work: Work, count: int, port: int, finish: Callable[[], tuple[int, float]]
) -> Measured:
    """Send and measure.

    Parameters
    ----------
    work, count, port
        What to send, how much of it, where to.
    finish
        Waits for the receiver's end; returns how many it took and when it had the last (s).
    """
    with child("bench.generator", *_stated(work, count, port)) as generator:
        go(generator)
        taken, last = finish()
        sent = json.loads(line(generator))
    seconds = last - sent["began_s"]
    sending = sent["ended_s"] - sent["began_s"]
    return Measured(
        rate=taken / seconds,
        lost=count - taken,
        waited=sent["waited_s"] / sending,
        share=sending / seconds,
    )


def measure_sink(work: Work, count: int, *, each: bool) -> Measured:
    """Measure a sink that acknowledges each message, or each read."""
    with (
        tempfile.TemporaryDirectory(prefix="hazgate-bench-") as scratch,
        Broker(Path(scratch), inflight=work.inflight, queued=max(QUEUED, count)) as broker,
        child(
            "bench.sink", *_stated(work, count, broker.port), *(["--each"] if each else [])
        ) as sink,
    ):

        def finish() -> tuple[int, float]:
            end = json.loads(line(sink))
            return int(end["taken"]), float(end["last_s"])

        return run_generator(work, count, broker.port, finish)


def measure_edge(work: Work, count: int, hardship: Hardship | None = None) -> Measured:
    """Measure the edge, and check from outside what it made of the messages."""
    shape = SHAPES[work.shape]
    with (
        tempfile.TemporaryDirectory(prefix="hazgate-bench-") as scratch,
        Broker(Path(scratch), inflight=work.inflight, queued=max(QUEUED, count)) as broker,
        EdgeProcess(Path(scratch), shape, broker, version=work.version, hardship=hardship) as edge,
    ):
        before, cpu = edge.look(), edge.cpu_s()

        def finish() -> tuple[int, float]:
            nonlocal cpu
            # At QoS 1 it has a message when it is durable and acknowledged, not when it is read.
            counter = "acknowledged_messages" if work.qos else "messages"
            end = edge.took(count, since=before, counter=counter)
            cpu = edge.cpu_s() - cpu
            return end.count("messages") - before.count("messages"), end.at_s

        measured = run_generator(work, count, broker.port, finish)
        after = edge.settled()
        unacknowledged = edge.unacknowledged()
        stored = edge.stored()
    taken = count - measured.lost
    moved = after.transitions - before.transitions
    wrong = {
        # The broker keeps every one of them: at QoS 1 none may be lost on the way.
        "messages lost": measured.lost if work.qos else 0,
        "messages not acknowledged": unacknowledged,
        "readings not stored": taken * len(shape.channels) - stored,
        "transitions not made": 0 if measured.lost else transitions(shape, count) - moved,
        **{name: after.count(name) - before.count(name) for name in DOUBTS},
    }
    return replace(
        measured,
        cpu_us=1e6 * cpu / max(1, taken),
        faults=tuple(f"{number} {what}" for what, number in wrong.items() if number),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--messages", type=int, default=100_000, help="of the first two rows")
    parser.add_argument("--runs", type=int, default=5, help="interleaved; medians are printed")
    parser.add_argument(
        "--only", choices=[work.name for work in WORKS], action="append", help="these rows alone"
    )
    parser.add_argument(
        "--quarter",
        action="store_true",
        help="the edge alone has a quarter of one core, and each sync takes 20 ms more",
    )


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure every row `runs` times, in turns, and print medians."""
    with Hardship(QUARTER_BOX if arguments.quarter else Wanted()) as hardship:
        if hardship.missing:
            raise BenchError(f"no quarter of a core here: {hardship.missing}")
        if hardship.by:
            print(f"the edge has {hardship.by}")
        return {**_measure(arguments, hardship), "hardship": hardship.by}


def _measure(arguments: argparse.Namespace, hardship: Hardship) -> dict[str, Any]:
    works = [work for work in WORKS if not arguments.only or work.name in arguments.only]
    edges: dict[str, list[Measured]] = {work.name: [] for work in works}
    sinks: dict[str, list[Measured]] = {work.name: [] for work in works}
    reads: dict[str, list[Measured]] = {work.name: [] for work in works}
    begin = time.monotonic()
    for number in range(arguments.runs):
        for work in works:
            count = work.messages(arguments.messages)
            sinks[work.name].append(measure_sink(work, count, each=True))
            if work.qos:
                reads[work.name].append(measure_sink(work, count, each=False))
            edges[work.name].append(measure_edge(work, count, hardship))
            latest = edges[work.name][-1].rate, sinks[work.name][-1].rate
            sys.stderr.write(
                f"run {number + 1} of {arguments.runs}, {work.name}: "
                f"edge {latest[0]:,.0f}, sink {latest[1]:,.0f} messages/s\n"
            )
    figures: dict[str, Any] = {"messages": arguments.messages, "runs": arguments.runs}
    figures["seconds"] = round(time.monotonic() - begin, 1)
    _print_head()
    for work in works:
        figures |= _row(work, edges[work.name], sinks[work.name], reads[work.name])
    every = [m for kind in (edges, sinks, reads) for each in kind.values() for m in each]
    figures["generator_outran"] = all(measured.outran for measured in every)
    for work in works:
        _print_doubts(work, edges[work.name], [*sinks[work.name], *reads[work.name]])
    figures["samples"] = {
        key: value
        for work in works
        for key, value in _samples(work, edges[work.name], sinks[work.name]).items()
    }
    figures["sound"] = not any(m.faults for each in edges.values() for m in each)
    return figures


def _row(
    work: Work, edge: Sequence[Measured], sink: Sequence[Measured], read: Sequence[Measured]
) -> dict[str, Any]:
    """Print one row and return its figures."""
    rate = median(each.rate for each in edge)
    ratio = median(ours.rate / theirs.rate for ours, theirs in zip(edge, sink, strict=True))
    bare = median(each.rate for each in sink)
    by_read = median(each.rate for each in read) if read else bare
    cpu = median(each.cpu_us for each in edge)
    lost = max(each.lost for each in edge)
    waited = min(each.waited for each in (*edge, *sink, *read))
    print(
        f"{work.name:<20} {rate:>9,.0f} {bare:>9,.0f} {ratio:>6.2f} {by_read:>9,.0f} {cpu:>7.1f} "
        f"{lost:>6} {waited:>7.0%}"
    )
    name = work.name
    figures = {
        f"{name}_ratio": round(ratio, 3),
        f"{name}_msgs_per_s": round(rate),
        f"{name}_sink_msgs_per_s": round(bare),
        f"{name}_sink_per_read_msgs_per_s": round(by_read),
        f"{name}_cpu_us_per_msg": round(cpu, 1),
        f"{name}_lost": lost,
        f"{name}_sink_lost": max(each.lost for each in (*sink, *read)),
    }
    if name == "batch":
        points = len(SHAPES[work.shape].channels)
        figures["batch_readings_per_s"] = round(rate * points)
    return figures


def _samples(
    work: Work, edge: Sequence[Measured], sink: Sequence[Measured]
) -> dict[str, list[float]]:
    """Return what each turn measured, of the figures that stand for a row."""
    name = work.name
    return {
        f"{name}_msgs_per_s": [round(each.rate) for each in edge],
        f"{name}_ratio": [
            round(ours.rate / theirs.rate, 3) for ours, theirs in zip(edge, sink, strict=True)
        ],
        f"{name}_cpu_us_per_msg": [round(each.cpu_us, 1) for each in edge],
    }


def _print_head() -> None:
    print(
        f"{'':<20} {'edge':>9} {'sink':>9} {'ratio':>6} {'sink, ack':>9} {'edge CPU':>7} "
        f"{'lost':>6} {'gener.':>7}\n"
        f"{'row':<20} {'msg/s':>9} {'msg/s':>9} {'':>6} {'per read':>9} {'us/msg':>8} "
        f"{'':>5} {'waited':>7}"
    )


def _print_doubts(work: Work, edge: Sequence[Measured], sinks: Sequence[Measured]) -> None:
    """Say what makes a row less than it seems."""
    for fault in sorted({fault for each in edge for fault in each.faults}):
        print(f"{work.name}: {fault}: not sound")
    for what, found in (("edge", edge), ("sinks", sinks)):
        if not all(each.outran for each in found):
            print(f"{work.name}: the generator did not out-run the {what}: it was the limit")
        if dropped := max((each.lost for each in found), default=0):
            print(f"{work.name}: up to {dropped} messages did not reach the {what}")


def _stated(work: Work, count: int, port: int) -> list[str]:
    return words(port=port, qos=work.qos, shape=work.shape, messages=count)
