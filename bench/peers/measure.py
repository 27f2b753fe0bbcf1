"""Processor time a message and messages a second: the edge beside its peers, in the same run."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import BenchError
from bench.broker import QUEUED, Broker
from bench.peers import PeerError
from bench.peers.client import client
from bench.peers.environment import Environment
from bench.peers.node_red import node_red
from bench.peers.process import Running, cpu_s
from bench.peers.thingsboard import thingsboard
from bench.throughput import WORKS, Measured, Work, measure_edge, run_generator

EDGE: Final = "edge"
QOS: Final = tuple(work for work in WORKS if work.name in {"qos0", "qos1"})
#: Peers whose processor time a message is compared with the edge's, and what is promised.
PROMISES: Final = {"nodered": 5, "thingsboard": 100}

Start = Callable[[Path, Broker, Work, int], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One row: how it is installed and started, and what it has done with a message it has taken.

    A slow peer gets a share of the messages: rates are compared, not counts.
    """

    name: str
    means: str
    start: Start
    environment: Environment | None = None
    qos: tuple[int, ...] = (0, 1)
    share: int = 1

    def messages(self, wanted: int) -> int:
        """Return how many messages it is sent."""
        return max(1, wanted // self.share)


@dataclass(slots=True)
class Row:
    """What was measured of a peer, by quality of service, or why nothing was."""

    measured: dict[int, list[Measured]] = field(default_factory=dict)
    missing: str = ""

    def rate(self, qos: int) -> float:
        """Messages a second, the median."""
        return median(each.rate for each in self.measured[qos])

    def cpu_us(self, qos: int) -> float:
        """Processor time for a message, the median, us."""
        return median(each.cpu_us for each in self.measured[qos])

    def lost(self, qos: int) -> int:
        """Messages lost in the worst turn."""
        return max(each.lost for each in self.measured[qos])


def sink(*options: str) -> Start:
    """Return how a bare socket sink is started."""

    @contextmanager
    def start(folder: Path, broker: Broker, work: Work, count: int) -> Iterator[Running]:
        asked = [*_asked(broker, work, count), "--shape", work.shape, *options]
        with client(Path(sys.executable), "bench.sink", *asked, folder=folder) as running:
            yield running

    return start


def small_client(environment: Environment, module: str) -> Start:
    """Return how a small client is started in its environment."""

    @contextmanager
    def start(folder: Path, broker: Broker, work: Work, count: int) -> Iterator[Running]:
        asked = _asked(broker, work, count)
        with client(environment.python, module, *asked, folder=folder) as running:
            yield running

    return start


def program(
    environment: Environment,
    run: Callable[..., AbstractContextManager[Running]],
) -> Start:
    """Return how Node-RED or ThingsBoard is started."""

    @contextmanager
    def start(folder: Path, broker: Broker, work: Work, count: int) -> Iterator[Running]:
        with run(environment, broker, qos=work.qos, wanted=count, folder=folder) as running:
            yield running

    return start


def peers() -> list[Peer]:
    """Return every peer, in the order of the table."""
    paho, aiomqtt, gmqtt, nodered, things = (
        Environment(name) for name in ("paho", "aiomqtt", "gmqtt", "nodered", "thingsboard")
    )
    return [
        Peer(
            name="sink",
            means="its frame was found, and acknowledged with a call of its own",
            start=sink("--each"),
        ),
        Peer(
            name="sink_per_read",
            means="its frame was found; one call acknowledges all frames of a read",
            start=sink(),
            qos=(1,),
        ),
        Peer(
            name="paho",
            means="its callback was called",
            start=small_client(paho, "bench.peers.paho_callback"),
            environment=paho,
        ),
        Peer(
            name="aiomqtt",
            means="the loop was handed it",
            start=small_client(aiomqtt, "bench.peers.aiomqtt_loop"),
            environment=aiomqtt,
        ),
        Peer(
            name="gmqtt",
            means="its callback was called, after the library had acknowledged it",
            start=small_client(gmqtt, "bench.peers.gmqtt_callback"),
            environment=gmqtt,
        ),
        Peer(
            name="nodered",
            means="its JSON was parsed and one value compared with one threshold",
            start=program(nodered, node_red),
            environment=nodered,
        ),
        Peer(
            name="thingsboard",
            means="its four values arrived at the platform; nothing was compared with anything",
            start=program(things, thingsboard),
            environment=things,
            share=10,
        ),
    ]


def measure_peer(peer: Peer, work: Work, count: int) -> Measured:
    """Measure one peer: its rate, and its processor time over the same messages."""
    with (
        tempfile.TemporaryDirectory(prefix="hazgate-bench-") as scratch,
        Broker(Path(scratch), inflight=work.inflight, queued=max(QUEUED, count)) as broker,
        peer.start(Path(scratch), broker, work, count) as running,
    ):
        used = 0.0

        def finish() -> tuple[int, float]:
            nonlocal used
            before = cpu_s(running.pid)
            end = running.finish()
            used = cpu_s(running.pid) - before
            return end

        measured = run_generator(work, count, broker.port, finish)
    taken = count - measured.lost
    if not taken:
        raise PeerError("took none of the messages")
    return replace(measured, cpu_us=1e6 * used / taken)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    names = [EDGE, *(peer.name for peer in peers())]
    parser.add_argument("--messages", type=int, default=100_000, help="slow peers get a share")
    parser.add_argument("--runs", type=int, default=5, help="interleaved; medians are printed")
    parser.add_argument(
        "--only", choices=names, action="append", help="these rows alone, and the edge"
    )


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure every row `runs` times, in turns, and print medians."""
    wanted = [peer for peer in peers() if not arguments.only or peer.name in arguments.only]
    rows = {EDGE: Row(), **{peer.name: Row(missing=installed(peer)) for peer in wanted}}
    begin = time.monotonic()
    for number in range(arguments.runs):
        for work in QOS:
            edge = measure_edge(work, arguments.messages)
            rows[EDGE].measured.setdefault(work.qos, []).append(edge)
            _say(number, work, EDGE, edge)
            for peer in wanted:
                if work.qos in peer.qos and not rows[peer.name].missing:
                    take_turn(peer, work, arguments.messages, rows[peer.name])
                    if not rows[peer.name].missing:
                        _say(number, work, peer.name, rows[peer.name].measured[work.qos][-1])
    figures: dict[str, Any] = {"messages": arguments.messages, "runs": arguments.runs}
    figures["seconds"] = round(time.monotonic() - begin, 1)
    print_table(wanted, rows, arguments.messages)
    for name, row in rows.items():
        figures |= row_figures(name, row)
    figures |= print_ratios(rows)
    print_doubts(rows)
    figures["samples"] = {key: value for name in rows for key, value in samples(name, rows[name])}
    faults = sorted({f for each in rows[EDGE].measured.values() for m in each for f in m.faults})
    for fault in faults:
        print(f"edge: {fault}: not sound")
    figures["sound"] = not faults
    return figures


def installed(peer: Peer) -> str:
    """Install a peer; return why it could not be, or nothing."""
    try:
        if peer.environment is not None:
            peer.environment.install()
    except PeerError as error:
        return str(error)
    return ""


def take_turn(peer: Peer, work: Work, messages: int, row: Row) -> None:
    """Measure a peer once; what keeps it from working becomes its row."""
    try:
        measured = measure_peer(peer, work, peer.messages(messages))
    except (BenchError, PeerError, OSError) as error:
        row.missing = str(error)
        sys.stderr.write(f"{peer.name}: {error}\n")
    else:
        row.measured.setdefault(work.qos, []).append(measured)


def print_table(wanted: Sequence[Peer], rows: Mapping[str, Row], messages: int) -> None:
    """Print a line for every row, with what a message taken means there."""
    heads = [f"{f'QoS {work.qos}':>9} {'CPU':>8} {'':>6}" for work in QOS]
    units = [f"{'msg/s':>9} {'us/msg':>8} {'lost':>6}" for _ in QOS]
    print(f"{'':<14} {' '.join(heads)} {'messages':>9}")
    print(f"{'row':<14} {' '.join(units)} {'a turn':>9}")
    sent = {EDGE: messages, **{peer.name: peer.messages(messages) for peer in wanted}}
    for name, row in rows.items():
        cells = " ".join(_cells(row, work.qos) for work in QOS)
        print(f"{name:<14} {cells} {sent[name]:>9,}")
        if row.missing:
            print(f"{name}: not measured: {row.missing}")
    print(f"{EDGE}: taken is: four values decoded and checked by every detector, alarms raised")
    for peer in wanted:
        version = f" ({peer.environment.version})" if peer.environment else ""
        print(f"{peer.name}{version}: taken is: {peer.means}")


def row_figures(name: str, row: Row) -> dict[str, Any]:
    """Return a row's figures."""
    figures: dict[str, Any] = {}
    for qos in row.measured:
        key = f"peers_{name}_qos{qos}"
        figures[f"{key}_msgs_per_s"] = round(row.rate(qos))
        figures[f"{key}_cpu_us_per_msg"] = round(row.cpu_us(qos), 2)
        figures[f"{key}_lost"] = row.lost(qos)
    if row.missing:
        figures[f"peers_{name}_missing"] = row.missing
    return figures


def samples(name: str, row: Row) -> Iterator[tuple[str, list[float]]]:
    """Yield what each turn measured, under the names of the figures."""
    for qos, measured in row.measured.items():
        key = f"peers_{name}_qos{qos}"
        yield f"{key}_msgs_per_s", [round(each.rate) for each in measured]
        yield f"{key}_cpu_us_per_msg", [round(each.cpu_us, 2) for each in measured]


def print_doubts(rows: Mapping[str, Row]) -> None:
    """Say where a rate is the generator's own and not the peer's."""
    for name, row in rows.items():
        for qos, measured in row.measured.items():
            if not all(each.outran for each in measured):
                print(f"{name}, QoS {qos}: the generator did not out-run it: it was the limit")


def print_ratios(rows: Mapping[str, Row]) -> dict[str, float]:
    """Print how much more processor time than the edge a peer needs for a message at QoS 0."""
    figures = {}
    edge = rows[EDGE].measured.get(0, [])
    for name, promised in PROMISES.items():
        theirs = rows[name].measured.get(0, []) if name in rows else []
        if theirs:
            ratio = median(b.cpu_us / a.cpu_us for a, b in zip(edge, theirs, strict=False))
            figures[f"cpu_ratio_{name}"] = round(ratio, 1)
            print(f"CPU a message at QoS 0, {name} / edge: {ratio:.1f} (at least {promised})")
    return figures


def _cells(row: Row, qos: int) -> str:
    if not row.measured.get(qos):
        return f"{'-':>9} {'-':>8} {'-':>6}"
    return f"{row.rate(qos):>9,.0f} {row.cpu_us(qos):>8.1f} {row.lost(qos):>6}"


def _say(number: int, work: Work, name: str, measured: Measured) -> None:
    sys.stderr.write(
        f"turn {number + 1}, {work.name}: {name} {measured.rate:,.0f} messages/s, "
        f"{measured.cpu_us:.1f} us of CPU a message, {measured.lost} lost\n"
    )


def _asked(broker: Broker, work: Work, count: int) -> list[str]:
    return ["--port", str(broker.port), "--qos", str(work.qos), "--messages", str(count)]
