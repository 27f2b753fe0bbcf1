"""One run of an edge at a steady rate, open loop: how old alarms are at each stage, and what fails.

From outside: when an alarm was received stands in its event, when it became durable is seen in the
store, when it was delivered is noted by the node above. The stages between are the edge's own
histogram. An age counts from the instant at which the reading was due to be sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.broker import INFLIGHT, QUEUED, Broker
from bench.children import child, go, has_said, line, words
from bench.durable import Watch
from bench.edge import EdgeProcess, Seen
from bench.hardship import Hardship
from bench.paced import expected
from bench.parent import Parent
from bench.percentiles import Histogram, spread
from bench.throughput import DOUBTS
from bench.workload import Shape, shape_of

STAGES: Final = ("decoded", "detected", "committed", "delivered")
STAGE_METRIC: Final = "hazgate_alarm_stage_seconds"
#: So long the last alarms may take to become durable, and to be delivered.
LAST_S: Final = 20.0
MS: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is put on an edge, at QoS 1.

    Parameters
    ----------
    shape
        Who speaks, as `bench.workload.shape_of` reads it.
    rate, seconds
        Messages a second in all, for how long.
    parent
        Whether there is a node above.
    hardship
        A worse machine for the edge.
    """

    shape: str
    rate: float
    seconds: float
    parent: bool = False
    hardship: Hardship | None = None

    @property
    def plant(self) -> Shape:
        """The plant that speaks."""
        return shape_of(self.shape)

    @property
    def messages(self) -> int:
        """How many messages it is."""
        return max(1, round(self.rate * self.seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """What one run came to; ages of alarms in ms, one a transition.

    Parameters
    ----------
    sent, lost
        Messages the generator sent, and those that the edge never took.
    sender
        How the generator kept its schedule (`bench.schedule.Kept`, and whether it was kept).
    received, durable, delivered
        Ages: source time to the edge's reception, to the commit as seen, to the node above.
    stages
        The edge's own histograms of this run, seconds since reception.
    missing
        Transitions that should have been made and were not seen, or the other way round.
    doubts
        Readings and messages that the edge counted as anything but good, new and on time.
    start_s
        From the edge's start to its subscription.
    """

    sent: int
    lost: int
    sender: Mapping[str, Any]
    received: list[float]
    durable: list[float]
    delivered: list[float]
    stages: Mapping[str, Histogram]
    missing: int
    doubts: Mapping[str, int]
    start_s: float

    @property
    def kept(self) -> bool:
        """Whether the generator kept its schedule."""
        return bool(self.sender["kept"]) and not self.sender["unanswered"]

    @property
    def ages(self) -> dict[str, float]:
        """Percentiles of publish -> durable, ms."""
        return spread(self.durable)

    @property
    def faults(self) -> list[str]:
        """Say what was lost, shed, late or otherwise not as it was said."""
        wrong = {
            "messages not taken": self.lost,
            "transitions too many or too few": self.missing,
            **self.doubts,
        }
        return [f"{number:,} {what}" for what, number in wrong.items() if number]


def told(sender: Mapping[str, Any]) -> str:
    """Say how a generator kept its schedule."""
    return (
        f"the generator sent {sender['sent']:,} messages, {sender['late']:,} of them more than "
        f"10 ms late, the latest {1e3 * sender['behind_s']:.0f} ms; "
        f"{sender['unanswered']:,} not acknowledged by the broker"
    )


def measure(
    load: Load, sample: Callable[[EdgeProcess], None] | None = None, *, every_s: float = 1.0
) -> Steady:
    """Put a load on an edge with a new store; `sample` is called so often meanwhile."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="hazgate-bench-")))
        broker = stack.enter_context(
            Broker(scratch, inflight=INFLIGHT, queued=max(QUEUED, load.messages))
        )
        above = stack.enter_context(Parent()) if load.parent else None
        edge = EdgeProcess(
            scratch,
            load.plant,
            broker,
            version="5",
            parent=above.url if above else "",
            hardship=load.hardship,
        )
        stack.callback(edge.kill)
        start_s = edge.start()
        before = edge.look()
        watch = stack.enter_context(Watch(edge.store))
        sender = _send(load, broker.port, sample and partial(sample, edge), every_s)
        taken = edge.took(load.messages, since=before)
        wanted = expected(load.plant, load.messages)
        _await(lambda: len(watch.seen) >= wanted)
        if above is not None:
            _await(lambda: len(above.delivered) >= wanted)
        after = edge.look()
        seen = watch.end()
    return Steady(
        sent=int(sender["sent"]),
        lost=load.messages - (taken.count("messages") - before.count("messages")),
        sender=sender,
        received=[MS * (each.received_ns - each.source_ns) for each in seen],
        durable=[MS * (each.seen_ns - each.source_ns) for each in seen],
        delivered=[MS * (each.at_ns - each.source_ns) for each in above.delivered] if above else [],
        stages={stage: _stage(after, before, stage) for stage in STAGES},
        missing=abs(wanted - len(seen)),
        doubts={name: after.count(name) - before.count(name) for name in DOUBTS},
        start_s=start_s,
    )


def _send(
    load: Load, port: int, sample: Callable[[], None] | None, every_s: float
) -> Mapping[str, Any]:
    """Run the generator to its end; return what it says of itself."""
    stated = words(port=port, qos=1, shape=load.shape, rate=load.rate, messages=load.messages)
    with child("bench.paced", *stated) as generator:
        go(generator)
        while not has_said(generator, within_s=every_s):
            if sample is not None:
                sample()
        said: dict[str, Any] = json.loads(line(generator))
    return said


def _stage(after: Seen, before: Seen, stage: str) -> Histogram:
    now, then = (Histogram.of(each.counters, STAGE_METRIC, stage=stage) for each in (after, before))
    return now.since(then)


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LAST_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
