"""A line without broker and store, whose seconds pass when a test says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.alarms.actions import Siren
from gateway.alarms.catalogue import Level
from gateway.alarms.desk import Desk
from gateway.alarms.lifecycle import Status
from gateway.clock import ManualClock
from gateway.identity import NONE, Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS
from gateway.northbound.summary import Summaries
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.pipeline.overdue import Overdue
from gateway.pipeline.plant import Plant
from gateway.roles.edge.line import Line
from gateway.roles.edge.pacing import Pacing
from gateway.roles.edge.work import Work
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.clocks import Clocks
from gateway.southbound.ingest import Ingest
from gateway.southbound.liveness import Liveness
from tests.gateway.southbound.test_liveness import START


class SteppedClock(ManualClock):
    """A clock that somebody can set, while the time since the start passes as it does."""

    step_ns = 0
    #: How often it is still read before it is set to `next_ns`; None for never.
    reads: int | None = None
    next_ns = 0

    def now_ns(self) -> int:
        if self.reads == 0:
            self.reads, self.step_ns = None, self.next_ns
        elif self.reads is not None:
            self.reads -= 1
        return super().now_ns() + self.step_ns


class Wired:
    """A line of a plant, and what it hands to the store."""

    def __init__(
        self,
        plant: Plant,
        *,
        most: int | None = None,
        step_ns: int = 0,
        statuses: Mapping[str, Status] | None = None,
        entries: Mapping[str, bytes] | None = None,
        snapshot: bytes = b"",
        second: int = 0,
        known_ns: int = 0,
        shows_ns: int | None = None,
    ) -> None:
        """Build it, and start it when the clock shows `shows_ns` beside the true time."""
        metrics = Metrics()
        identity = Identity("gw", NONE, NONE)
        self.clock, self.held, self.work = (
            SteppedClock(START + second * NANOSECONDS),
            False,
            list[Work](),
        )
        self.clock.step_ns = step_ns
        engine = Engine(plant)
        if snapshot:
            engine.restore(snapshot)
        active = [alarm for alarm, status in (statuses or {}).items() if status.active]
        known = [plant.definitions.get(alarm) for alarm in active]
        silent = [each.tag for each in known if each is not None and each.level == Level.NO_DATA]
        self.line = Line(
            engine=engine,
            desk=Desk(plant.definitions, Chain(identity), statuses=statuses, entries=entries),
            ingest=Ingest(plant, metrics),
            liveness=Liveness(plant, silent, most=most),
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
        if shows_ns is not None:
            self.clock.step_ns = shows_ns
        self.line.start([], resumed=False, known_ns=known_ns)

    def second(
        self,
        number: int,
        said: bytes | None = None,
        *,
        fenced: bool = False,
        topic: str = "p/0",
        set_to: int | None = None,
    ) -> None:
        """Let a second pass; then a device may say something.

        Where the clock is set by `set_to` (ns off the true time), that is between the reading of
        what the device said and the line's look at it.
        """
        self.clock.set(START + number * NANOSECONDS + NANOSECONDS // 2)
        now, passed = self.clock.now_ns(), self.clock.monotonic_ns()
        if set_to is None:
            self.line.look()
        else:
            self.clock.step_ns = set_to
        if said is not None:
            arrivals = Arrivals.of([Message(topic, said)], received_ns=now, fenced=fenced)
            self.line.take(replace(arrivals, monotonic_ns=passed))

    def moment(
        self,
        second: float,
        said: bytes | None = None,
        *,
        topic: str = "p/0",
        fenced: bool = False,
        retain: bool = False,
    ) -> None:
        """Take what a device says at a moment, if anything, and look, as a node does."""
        self.clock.set(START + round(second * NANOSECONDS))
        if said is not None:
            now, passed = self.clock.now_ns(), self.clock.monotonic_ns()
            messages = [Message(topic, said, retain=retain)]
            arrivals = Arrivals.of(messages, received_ns=now, fenced=fenced)
            self.line.take(replace(arrivals, monotonic_ns=passed))
        self.line.look()

    @property
    def told(self) -> list[tuple[str, str, int]]:
        """Tag, cause and second of each event, in order."""
        events = [each.event for work in self.work for each in work.transitions]
        return [(e.tag, e.cause, (e.source_ns - START) // NANOSECONDS) for e in events]
