"""Replay: the same pipeline over recorded readings, with no clock but theirs.

In replay nothing is late: received = source. Time-driven rules advance on the same grid of whole
seconds as live, each second judged a little after it, so that data which came on time gives the
same events. Life and epoch are zero, so two replays of one file are the same to the byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway import __version__
from gateway.alarms.catalogue import node_alarms
from gateway.alarms.desk import Desk, Transition
from gateway.identity import NONE, Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS, Cause, Detection
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.line import GRACE_NS
from gateway.roles.edge.site import Site
from gateway.southbound.liveness import Liveness
from gateway.southbound.recording import Recording


@dataclass(slots=True)
class ReplaySummary:
    """What a replay found: readings, their span, and raises by alarm."""

    readings: int = 0
    events: int = 0
    first_ns: int = 0
    last_ns: int = 0
    raised: Counter[str] = field(default_factory=Counter)
    unknown: tuple[str, ...] = ()

    @property
    def days(self) -> float:
        """Length of the recording."""
        return (self.last_ns - self.first_ns) / (86_400 * NANOSECONDS)

    @property
    def a_day(self) -> float:
        """Raises a day; 0 for a recording without length."""
        return sum(self.raised.values()) / self.days if self.days > 0 else 0.0


class Replay:
    """A plant's engine and desk, moved by recorded readings alone.

    Parameters
    ----------
    plant
        The bound site.
    configuration
        Hash of what was applied, told in the first events as a live node tells it.
    batch
        Readings given to the engine at once; it changes nothing but speed.
    """

    def __init__(self, plant: Plant, *, configuration: str = "", batch: int = 4096) -> None:
        self.summary = ReplaySummary()
        self._batch = batch
        self._engine = Engine(plant)
        self._liveness = Liveness(plant)
        self._desk = Desk(
            (*plant.definitions, *node_alarms(plant.node, plant.division)),
            Chain(Identity(plant.node, NONE, NONE)),
            clock_source="replay",
        )
        self._configuration = configuration
        self._second: int | None = None

    def run(self, chunks: Iterable[list[Row]]) -> Iterator[Transition]:
        """Yield every transition that these readings make, in order."""
        for chunk in chunks:
            waiting: list[Row] = []
            for row in chunk:
                second = (row[2] - GRACE_NS) // NANOSECONDS
                if self._second is None:
                    self._second = second
                    self._liveness.begin(row[2])
                    self.summary.first_ns = row[1]
                    yield self._desk.note("life", now_ns=row[2], detail={"store": ""})
                    yield self._desk.note("start", now_ns=row[2], detail=self._start())
                if second > self._second or len(waiting) >= self._batch:
                    yield from self._process(waiting)
                    waiting = []
                    yield from self._advance(second)
                waiting.append(row)
            yield from self._process(waiting)

    def _start(self) -> dict[str, object]:
        return {
            "version": __version__,
            "configuration": self._configuration,
            "spool_records": 0,
        }

    def _process(self, rows: list[Row]) -> Iterator[Transition]:
        if not rows:
            return
        detections, _ = self._engine.process(ReadingBatch.from_rows(rows))
        self.summary.readings += len(rows)
        self.summary.last_ns = rows[-1][1]
        yield from self._move(detections)

    def _advance(self, second: int) -> Iterator[Transition]:
        heard = self._engine.heard
        while self._second is not None and self._second < second:
            due = min(self._engine.next_due(), self._liveness.next_due(heard))
            # Seconds in which nothing can happen are passed over, not run.
            self._second = max(self._second + 1, min(second, -(-due // NANOSECONDS)))
            now = self._second * NANOSECONDS
            yield from self._move(self._engine.tick(now) + self._liveness.tick(now, heard))

    def _move(self, detections: list[Detection]) -> Iterator[Transition]:
        for detection in detections:
            for transition in self._desk.detect(detection):
                self.summary.events += 1
                if transition.event.cause == Cause.RAISE:
                    self.summary.raised[transition.event.alarm] += 1
                yield transition


def replay_file(site: Site, source: Path, target: Path | None, *, batch: int) -> ReplaySummary:
    """Replay a file into a file of events, one a line; return the summary.

    Raises
    ------
    RecordingError
        The recording cannot be read.
    """
    recording = Recording(source, site.plant.points)
    run = Replay(site.plant, configuration=site.hash, batch=batch)
    run.summary.unknown = tuple(recording.unknown)
    if target is None:
        for _ in run.run(recording.rows()):
            pass
        return run.summary
    with target.open("wb") as file:
        for transition in run.run(recording.rows()):
            file.write(transition.entry + b"\n")
    return run.summary


def differences(one: ReplaySummary, other: ReplaySummary) -> dict[str, int]:
    """Return, for each alarm that differs, how many more the second raised."""
    alarms = sorted(one.raised.keys() | other.raised.keys())
    changes = {alarm: other.raised[alarm] - one.raised[alarm] for alarm in alarms}
    return {alarm: change for alarm, change in changes.items() if change}
