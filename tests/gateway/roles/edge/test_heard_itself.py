"""Whether the broker delivers what the node says to itself is known over a new start."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.db import Database
from gateway.model import NANOSECONDS, Detection
from gateway.roles.edge import heard_itself
from gateway.roles.edge.line import Line as EdgeLine
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.edge.self_fault import LONGEST, OLD, STANDS_NS, SelfFault
from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker, free_port
from gateway.southbound.fence import FORBIDDEN, QUEUED
from gateway.southbound.settings import BrokerSettings
from tests.gateway.roles.edge.edge import running, until, write_site


@pytest.mark.broker
async def test_it_is_noted_and_known_at_the_next_start(tmp_path: Path, broker: LocalBroker) -> None:
    """The queue is what comes first then: too late to learn whether the fence can come back."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        assert not edge.node._hears.known
        await until(lambda: edge.node._hears.known)
        whose = edge.node._hears.session
        assert await edge.node.storage.act(partial(heard_itself.known, session=whose))
        assert not await edge.node.storage.act(partial(heard_itself.known, session="other"))
    async with EdgeNode(
        load_site(write_site(tmp_path, port=broker.port)), clock=SystemClock(), again=lambda _: None
    ) as node:
        assert node.session.heard_itself
    elsewhere = load_site(write_site(tmp_path, port=free_port()))
    async with EdgeNode(elsewhere, clock=SystemClock(), again=lambda _: None) as node:
        assert not node.session.heard_itself


def test_it_is_known_of_one_broker_and_one_client_id() -> None:
    """An address or a client id that is another has proved nothing; what is withdrawn is gone."""
    first = BrokerSettings(url="mqtt://a")
    whose = heard_itself.session_of(first, "gw")
    others = [
        heard_itself.session_of(BrokerSettings(url="mqtt://b"), "gw"),
        heard_itself.session_of(BrokerSettings(url="mqtt://a:1884"), "gw"),
        heard_itself.session_of(BrokerSettings(url="mqtt://a", client_id="x"), "gw"),
        heard_itself.session_of(first, "other"),
    ]
    with closing(Database(None, "edge")) as database:
        heard_itself.note(database, whose, heard=True)
        assert heard_itself.known(database, whose)
        assert not any(heard_itself.known(database, each) for each in others)
        heard_itself.note(database, others[0], heard=True)
        assert not heard_itself.known(database, whose)
        heard_itself.note(database, others[0], heard=False)
        assert not heard_itself.known(database, others[0])


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


@pytest.mark.parametrize("why", [QUEUED, FORBIDDEN])
def test_a_queue_that_does_not_end_is_a_fault_of_the_node(why: str) -> None:
    """It stands as an alarm for as long as the queue comes, and a minute; one event tells of it."""
    line, clock = Line(), ManualClock()
    own = OwnAlarms("gw", {"gw/@node/self_fault": 0}, clock)
    fault = SelfFault(cast("EdgeLine", line), own, clock)
    for second in range(300):
        clock.set(second * NANOSECONDS)
        fault.look(0, queued=why if 10 <= second < 120 else "")
    assert line.edges == [(0, False), (10, True), (119 + STANDS_NS // NANOSECONDS, False)]
    assert line.notes == [why + OLD]
    assert len(why + OLD) <= LONGEST
