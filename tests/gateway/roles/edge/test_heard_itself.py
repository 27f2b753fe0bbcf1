"""Whether the broker delivers what the node says to itself is known over a new start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.model import NANOSECONDS, Detection
from gateway.roles.edge import heard_itself
from gateway.roles.edge.line import Line as EdgeLine
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.edge.self_fault import QUEUED, STANDS_NS, SelfFault
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker, free_port
from tests.gateway.roles.edge.edge import running, until, write_site


@pytest.mark.broker
async def test_it_is_noted_and_known_at_the_next_start(tmp_path: Path, broker: LocalBroker) -> None:
    """The queue is what comes first then: too late to learn whether the fence can come back."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        assert not edge.node._heard_itself
        await until(lambda: edge.node._heard_itself)
        assert await edge.node.storage.act(heard_itself.known)
    site = load_site(write_site(tmp_path, port=free_port()))
    async with EdgeNode(site, clock=SystemClock(), again=lambda _: None) as node:
        assert node.session.heard_itself


class Line:
    """What the fault's alarm and its events go to."""

    marked_ns = None

    def __init__(self) -> None:
        self.desk = self.siren = self
        self.notes: list[str] = []
        self.edges: list[tuple[int, bool]] = []

    def note(self, _kind: str, *, now_ns: int, detail: dict[str, str]) -> str:
        del now_ns
        return detail["reason"]

    def emit(self, notes: list[str]) -> None:
        self.notes += notes

    def detected(self, found: Sequence[Detection]) -> None:
        self.edges += [(each.time_ns // NANOSECONDS, each.active) for each in found]


def test_a_queue_that_does_not_end_is_a_fault_of_the_node() -> None:
    """It stands as an alarm for as long as the queue comes, and a minute; one event tells of it."""
    line, clock = Line(), ManualClock()
    own = OwnAlarms("gw", {"gw/@node/self_fault": 0}, clock)
    fault = SelfFault(cast("EdgeLine", line), own, clock)
    for second in range(300):
        clock.set(second * NANOSECONDS)
        fault.look(0, queued=10 <= second < 120)
    assert line.edges == [(0, False), (10, True), (119 + STANDS_NS // NANOSECONDS, False)]
    assert line.notes == [QUEUED]
