"""Replay: the same pipeline over recorded readings, with no clock but theirs.

In replay nothing is late: received = source. Time-driven rules advance on the same grid of whole
seconds as live, each second judged a little after it, so that data which came on time gives the
same events. Life and epoch are zero, so two replays of one file are the same to the byte.
"""

from __future__ import annotations

import heapq
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway import __version__
from gateway.alarms.catalogue import node_alarms
from gateway.alarms.desk import Desk, Transition
from gateway.identity import NONE, Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS, Cause, Detection
from gateway.pipeline.engine import Engine
from gateway.pipeline.overdue import Overdue
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.line import GRACE_NS
from gateway.roles.edge.site import Site, load_site
from gateway.southbound.clocks import Clocks
from gateway.southbound.liveness import Liveness
from gateway.southbound.recording import Recording, RecordingError


@dataclass(slots=True)
class ReplaySummary:
    """What a replay found: readings, their span, and when each alarm rose and returned.

    Parameters
    ----------
    moves
        For each alarm the source times (ns) at which it rose, returned, rose, and so on.
    unknown
        Tags of the recording that are none of the site's.
    unread
        Cells that hold no number: each a BAD reading.
    """

    readings: int = 0
    events: int = 0
    first_ns: int = 0
    last_ns: int = 0
    moves: dict[str, list[int]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    unread: int = 0

    @property
    def raised(self) -> dict[str, int]:
        """How often each alarm rose."""
        return {alarm: len(self.raises(alarm)) for alarm in self.moves}

    @property
    def days(self) -> float:
        """Length of the recording."""
        return (self.last_ns - self.first_ns) / (86_400 * NANOSECONDS)

    @property
    def a_day(self) -> float:
        """Raises a day; 0 for a recording without length."""
        return sum(self.raised.values()) / self.days if self.days > 0 else 0.0

    def raises(self, alarm: str) -> list[int]:
        """Return when an alarm rose."""
        return self.moves.get(alarm, [])[::2]

    def active_ns(self, alarm: str) -> int:
        """Return how long an alarm's condition held, up to the end of the recording."""
        moves = self.moves.get(alarm, [])
        ends = [*moves[1::2], *([self.last_ns] if len(moves) % 2 else [])]
        return sum(ends) - sum(moves[::2])


#: Where a detection stands among all: row of the recording, then tick or reading, then order there.
Place = tuple[int, int, int, int, int, int]


def shares_of(plant: Plant, shares: int) -> npt.NDArray[np.int32]:
    """Return the share of each point, shape (points,): by its device.

    What is derived from points of several devices sees all of them: those devices are one share's.
    So are a sensor and the oxygen beside it, where they are two devices.
    """
    device = plant.points.device % shares
    members = [member.point for each in plant.derivations for member in each.members]
    members += [point for each in plant.exposures for point in (each.base, each.marker)]
    members += [
        point
        for ward in plant.wards
        if plant.points.device[ward.point] != plant.points.device[ward.oxygen]
        for point in (ward.point, ward.oxygen)
    ]
    members += [member.point for each in plant.frames for member in each.members]
    whole = np.isin(plant.points.device, plant.points.device[[m for m in members if m >= 0]])
    device[whole] = 0
    device[plant.reported :] = 0
    return device


class Run:
    """A plant's engine, moved by recorded readings alone.

    Parameters
    ----------
    plant
        The bound site.
    batch
        Readings given to the engine at once; it changes nothing but speed.
    share, shares
        Only the devices whose number modulo `shares` is `share` are run: their detections, merged
        with those of the other shares by place, are the same as those of one run.
    """

    def __init__(self, plant: Plant, *, batch: int, share: int = 0, shares: int = 1) -> None:
        self.readings = 0
        self.first_ns = 0
        self.last_ns = 0
        self._batch = batch
        self._plant = plant
        self._mine: list[bool] = (shares_of(plant, shares) == share).tolist()
        self._engine = Engine(plant)
        self._liveness = Liveness(plant)
        self._clocks = Clocks(plant)
        self._overdue = Overdue(plant)
        self._newest = [0] * len(plant.points)
        self._second: int | None = None

    def detections(self, chunks: Iterable[list[Row]]) -> Iterator[tuple[Place, Detection]]:
        """Yield every edge that these readings make, in order."""
        waiting: list[Row] = []
        numbers: list[int] = []
        for number, row in enumerate(chain.from_iterable(chunks)):
            second = (row[2] - GRACE_NS) // NANOSECONDS
            if self._second is None:
                self._second = second
                self._liveness.begin(row[2])
                self.first_ns = row[1]
            if second > self._second or len(waiting) >= self._batch:
                yield from self._process(waiting, numbers)
                waiting, numbers = [], []
                yield from self._advance(second, number)
            self.readings += 1
            self.last_ns = row[1]
            if self._mine[row[0]]:
                # Received in the order of the file: what is older than its point's newest came
                # late, it is no sign of a clock that was set back.
                newest = self._newest[row[0]] = max(self._newest[row[0]], row[2])
                waiting.append((*row[:2], newest, *row[3:]))
                numbers.append(number)
        yield from self._process(waiting, numbers)

    def _process(self, rows: list[Row], numbers: list[int]) -> Iterator[tuple[Place, Detection]]:
        if not rows:
            return
        batch = ReadingBatch.from_rows(rows)
        placed, _ = self._engine.place(batch)
        self._clocks.take(batch)
        for order, (at, detection) in enumerate(placed):
            yield (numbers[at], 1, order, 0, 0, 0), detection

    def _advance(self, second: int, number: int) -> Iterator[tuple[Place, Detection]]:
        heard = self._engine.heard
        while self._second is not None and self._second < second:
            due = min(
                self._engine.next_due(),
                self._liveness.next_due(heard),
                self._clocks.next_due(),
                self._overdue.next_due(),
            )
            # Seconds in which nothing can happen are passed over, not run.
            self._second = max(self._second + 1, min(second, -(-due // NANOSECONDS)))
            now = self._second * NANOSECONDS
            for found in self._engine.tick(now):
                point = self._plant.point_of(found.row)
                yield (number, 0, self._second, 0, point, found.row), found
            for found in self._liveness.tick(now, heard):
                point = found.row - self._plant.silence_row
                if self._mine[point]:
                    phase = 1 if found.active else 2  # Liveness tells who fell before who spoke
                    yield (number, 0, self._second, phase, point, found.row), found
            # So do the others: rows of one rule stand in the order of their points.
            for phase, part in ((3, self._clocks), (5, self._overdue)):
                for found in part.tick(now):
                    point = int(part.points[found.row - part.first_row])
                    if self._mine[point]:
                        order = phase if found.active else phase + 1
                        yield (number, 0, self._second, order, found.row, 0), found


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker found."""

    found: list[tuple[Place, Detection]]
    readings: int
    first_ns: int
    last_ns: int
    unknown: tuple[str, ...]
    unread: int


def run_share(plant: Plant, source: Path, batch: int, share: int, shares: int) -> Share:
    """Run one share of a plant's devices through a recording."""
    run = Run(plant, batch=batch, share=share, shares=shares)
    recording = Recording(source, plant.points, bounds=plant.bounds)
    found = list(run.detections(recording.rows()))
    unknown = tuple(recording.unknown)
    return Share(found, run.readings, run.first_ns, run.last_ns, unknown, recording.unread)


def run_file_share(site: Path, source: Path, batch: int, share: int, shares: int) -> Share:
    """Do the same from the site file, in a process that has nothing yet."""
    return run_share(load_site(site).plant, source, batch, share, shares)


def tell(site: Site, parts: list[Share], summary: ReplaySummary) -> Iterator[Transition]:
    """Yield the events that a live node's desk would make of these detections."""
    plant = site.plant
    desk = Desk(
        plant.definitions.with_own(node_alarms(plant.node, plant.division)),
        Chain(Identity(plant.node, NONE, NONE)),
        clock_source="replay",
    )
    if summary.readings:
        first = summary.first_ns
        detail: dict[str, str | int] = {"version": __version__, "configuration": site.hash}
        detail |= {"site_file": site.digest, "spool_records": 0}
        yield desk.note("life", now_ns=first, detail={"store": ""})
        yield desk.note("start", now_ns=first, detail=detail)
    for _, detection in heapq.merge(*(part.found for part in parts), key=lambda each: each[0]):
        for transition in desk.detect(detection):
            summary.events += 1
            event = transition.event
            if event.cause in {Cause.RAISE, Cause.CLEAR}:
                summary.moves.setdefault(event.alarm, []).append(event.source_ns)
            yield transition


def replay_file(
    site: Site, source: Path, target: Path | None, *, batch: int, workers: int = 1
) -> ReplaySummary:
    """Replay a file into a file of events, one a line; return the summary.

    Parameters
    ----------
    workers
        Processes that share the devices; the events are the same, byte for byte.

    Raises
    ------
    RecordingError
        The recording cannot be read, or the events cannot be written.
    """
    if target is not None and (target.is_dir() or not target.absolute().parent.is_dir()):
        # Told before the work, not after it.
        raise RecordingError(f"{target}: cannot be written; name a file in a folder that is there")
    if workers == 1:
        parts = [run_share(site.plant, source, batch, 0, 1)]
    else:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            asked = [
                pool.submit(run_file_share, site.path, source, batch, share, workers)
                for share in range(workers)
            ]
            parts = [each.result() for each in asked]
    summary = ReplaySummary(
        readings=parts[0].readings,
        first_ns=parts[0].first_ns,
        last_ns=parts[0].last_ns,
        unknown=parts[0].unknown,
        unread=parts[0].unread,
    )
    try:
        with target.open("wb") if target is not None else nullcontext() as file:
            for transition in tell(site, parts, summary):
                if file is not None:
                    file.write(transition.entry + b"\n")
    except OSError as error:
        raise RecordingError(f"{target}: cannot be written: {error.strerror}") from error
    return summary


@dataclass(frozen=True, slots=True)
class Difference:
    """How one alarm of a second rule set differs from the first's.

    Parameters
    ----------
    raised
        How many more the second raised.
    first_s
        How much later the second first raised it, in seconds; negative is earlier, None where one
        never did.
    same
        Raises at the same instant in both.
    active_s
        How much longer it held in the second, in seconds.
    """

    raised: int
    first_s: float | None
    same: int
    active_s: float


def differences(one: ReplaySummary, other: ReplaySummary) -> dict[str, Difference]:
    """Return each alarm that rose or returned at another time, or not at all, in the second."""
    found = {}
    for alarm in sorted(one.moves.keys() | other.moves.keys()):
        if one.moves.get(alarm) == other.moves.get(alarm):
            continue
        here, there = one.raises(alarm), other.raises(alarm)
        longer = other.active_ns(alarm) - one.active_ns(alarm)
        found[alarm] = Difference(
            raised=len(there) - len(here),
            first_s=(there[0] - here[0]) / NANOSECONDS if here and there else None,
            same=sum((Counter(here) & Counter(there)).values()),
            active_s=longer / NANOSECONDS,
        )
    return found
