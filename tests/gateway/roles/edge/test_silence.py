"""Silence as the line tells it: not what a fence held back, and not a whole plant at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.alarms.actions import Siren
from gateway.alarms.desk import Desk
from gateway.clock import ManualClock
from gateway.identity import NONE, Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS
from gateway.northbound.summary import Summaries
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.pipeline.overdue import Overdue
from gateway.roles.edge.committer import Work
from gateway.roles.edge.line import Line
from gateway.roles.edge.pacing import Pacing
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.clocks import Clocks
from gateway.southbound.ingest import Ingest
from gateway.southbound.liveness import Liveness
from tests.gateway.southbound.test_liveness import START, plant_of


class Wired:
    """A line of points that report each second, without broker and store."""

    def __init__(self, folder: Path, points: int, *, most: int | None = None) -> None:
        plant, metrics = plant_of(folder, *["1s"] * points), Metrics()
        identity = Identity("gw", NONE, NONE)
        self.clock, self.held, self.work = ManualClock(START), False, list[Work]()
        self.line = Line(
            engine=Engine(plant),
            desk=Desk(plant.definitions, Chain(identity)),
            ingest=Ingest(plant, metrics),
            liveness=Liveness(plant, most=most),
            clocks=Clocks(plant, most=most),
            overdue=Overdue(plant, most=most),
            siren=Siren(lambda _: True),
            summaries=Summaries(plant.points.tags),
            pacing=Pacing(None),
            submit=self.work.append,
            clock=self.clock,
            metrics=metrics,
            position=0,
            identity=identity,
            held=lambda: self.held,
        )
        self.line.start([], resumed=False)
        self.line.liveness.begin(START)

    def second(self, number: int, *, said: bool = False) -> None:
        now = START + number * NANOSECONDS + NANOSECONDS // 2
        self.clock.set(now)
        self.line.advance()
        if said:
            self.line.take(Arrivals.of([Message("p/0", b'{"x": 1.0}')], received_ns=now))

    @property
    def told(self) -> list[tuple[str, str, int]]:
        events = [each.event for work in self.work for each in work.transitions]
        return [(e.tag, e.cause, (e.source_ns - START) // NANOSECONDS) for e in events]


def test_what_a_fence_held_back_is_no_silence(tmp_path: Path) -> None:
    """A queue that outlasts a point's patience blames nobody; who stays silent is told."""
    wired = Wired(tmp_path, 2)
    wired.held = True
    for number in range(1, 11):
        wired.second(number)
    wired.held = False
    for number in range(11, 20):
        wired.second(number, said=True)
    assert {(tag, cause) for tag, cause, _ in wired.told} == {("T1", "raise")}


@pytest.mark.parametrize("most", [3, None])
def test_a_whole_plant_is_told_with_the_second_it_fell_silent(
    tmp_path: Path, most: int | None
) -> None:
    """However many are told a second, every point is, once, and its event says when it was."""
    wired = Wired(tmp_path, 10, most=most)
    for number in range(1, 12):
        before = len(wired.told)
        wired.second(number)
        assert len(wired.told) - before <= (most or 10)
    assert wired.told == [(f"T{n}", "raise", 3) for n in range(10)]
