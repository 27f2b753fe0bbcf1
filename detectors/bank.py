"""The bank: every rule of every point in arrays of records, run in the order the readings came.

`Bank.take` judges each reading's times (`admission`), runs the rules of its point and settles their
delays; `Bank.tick` lets on-delays run out by the clock. Both report edges in an order that does not
depend on how the readings were cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors._clock import earliest, run_out
from detectors._debounce import DELAY
from detectors._sweep import PLACE, Floats, Ints, sweep
from detectors._turn import EDGE
from detectors.admission import NEVER, new_devices, new_points
from detectors.arrays import Records, new_records
from detectors.clock_step import follow, move
from detectors.limit import LimitParams
from detectors.memory import new_memory
from detectors.rate import RateParams
from detectors.rules import BITS, Rule, rule_table
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

EDGES: Final = 4096  # edges one call of the kernel can report before it is called again


class Edge(NamedTuple):
    """A rule began or ended; `at` is the index of the reading in its batch, -1 for the clock."""

    at: int
    row: int
    began: bool
    time: int
    value: float
    predicted: int
    historical: bool


class Counts(NamedTuple):
    """What became of the readings of one call."""

    ignored: int
    out_of_order: int
    late: int
    held: int


class Newest(NamedTuple):
    """What is known of a point: its last accepted reading, and whether a BAD one came after it.

    Until `quiet` (ns) the clock does not judge it, since late data are coming.
    """

    time: int
    value: float
    grade: int
    unknown: bool
    quiet: int


@dataclass(frozen=True, slots=True)
class State:
    """All that readings change, as arrays of records that may be copied whole.

    Parameters
    ----------
    points, devices
        A `detectors.admission.POINT` a point, a `DEVICE` a device.
    delays
        A `detectors._debounce.DELAY` a row.
    memory
        A `detectors.memory.MEMORY` a row that is no fixed limit.
    """

    points: Records
    devices: Records
    delays: Records
    memory: Records


class Bank:
    """The rules of a site and their state.

    Rule `k` of point `p` has row ``first[p] + k``.

    Parameters
    ----------
    devices
        Device of each point, shape (points,).
    late_after
        Delay beyond the usual from which a point's reading is late, ns, shape (points,).
    sets
        The rule sets, each with its fixed limits first.
    point_sets
        Which set each point has, shape (points,).

    Raises
    ------
    ValueError
        A set has a fixed limit behind a rule of another kind.
    """

    def __init__(
        self,
        devices: npt.ArrayLike,
        late_after: npt.ArrayLike,
        sets: Sequence[Sequence[Rule]],
        point_sets: npt.ArrayLike,
    ) -> None:
        self._table = rule_table(sets)
        of_device, of_set = np.asarray(devices, np.int32), np.asarray(point_sets, np.int32)
        count = of_device.size
        packed = self._table.sets
        self.first = _starts((packed["end"] - packed["begin"])[of_set])
        #: The first memory of each point, as `first` is its first row.
        self.first_memory = _starts((packed["end"] - packed["watching"])[of_set])
        self._places = new_records(count, PLACE)
        self._places["device"], self._places["rules"] = of_device, of_set
        self._places["row"], self._places["memory"] = self.first[:-1], self.first_memory[:-1]
        self._places["late_after"] = late_after
        self.state = State(
            points=new_points(count),
            devices=new_devices(int(of_device.max(initial=-1)) + 1),
            delays=new_records(int(self.first[-1]), DELAY),
            memory=new_memory(int(self.first_memory[-1])),
        )
        self.state.delays["since"] = NEVER
        widest = int(np.diff(self.first).max(initial=0))
        self._edges = new_records(max(EDGES, 2 * widest), EDGE)

    def take(
        self,
        point: npt.NDArray[np.int32],
        time: Ints,
        received: Ints,
        value: Floats,
        grade: npt.NDArray[np.uint8],
    ) -> tuple[list[Edge], Counts]:
        """Run readings, in order, through admission and the rules of their points.

        Parameters
        ----------
        point, time, received, value, grade
            Shape (n,): dense index, source and received time (ns), value in the point's unit, and
            a grade of `detectors.admission`.
        """
        state, table = self.state, self._table
        ignored = out_of_order = late = held = start = 0
        found: list[Edge] = []
        while start < point.size:
            start, written, *counts = sweep(
                start,
                point,
                time,
                received,
                value,
                grade,
                state.points,
                self._places,
                state.devices,
                table.sets,
                table.rules,
                state.delays,
                state.memory,
                self._edges,
            )
            ignored += counts[0]
            out_of_order += counts[1]
            late += counts[2]
            held += counts[3]
            if written:
                found += self._read(written)
        return found, Counts(ignored, out_of_order, late, held)

    def tick(self, now: int) -> list[Edge]:
        """Let the on-delays run out that end at or before the whole second `now` (ns)."""
        state, table = self.state, self._table
        found: list[Edge] = []
        start = 0
        while start < state.points.size:
            start, written = run_out(
                start,
                now,
                state.points,
                self._places,
                state.devices,
                table.sets,
                table.rules,
                state.delays,
                self._edges,
            )
            found += self._read(written)
        return found

    def set_clock(self, step: int, ahead: Ints) -> None:
        """Follow a step of this machine's clock: every span goes on where it was.

        Parameters
        ----------
        step
            By how much it was set forward, ns; negative for back.
        ahead
            Of each device, as `detectors.clock_step.follow` reads it.
        """
        state = self.state
        by = follow(state.devices, step, ahead)[self._places["device"]]
        for field in ("last", "stepped"):
            move(state.points[field], by)
        received = np.full(by.size, step, np.int64)
        for field in ("heard", "quiet"):
            move(state.points[field], received)
        move(state.delays["since"], np.repeat(by, np.diff(self.first)))
        move(state.memory["since"], np.repeat(by, np.diff(self.first_memory)))

    def next_due(self) -> int:
        """Return the earliest second (ns) at which a pending on-delay fires; -NEVER for none."""
        state, table = self.state, self._table
        return int(earliest(state.points, self._places, table.sets, table.rules, state.delays))

    @property
    def heard(self) -> Ints:
        """When each point last had usable data that came on time, ns; NEVER for never."""
        found: Ints = self.state.points["heard"]
        return found

    @property
    def quiet(self) -> Ints:
        """Until when the clock does not judge each point, ns: late data are coming."""
        found: Ints = self.state.points["quiet"]
        return found

    def newest(self, point: int) -> Newest:
        """Return what is known of a point."""
        return self.newest_of(np.array([point]))[0]

    def newest_of(self, points: Ints) -> list[Newest]:
        """Return what is known of each of these points, shape (n,), in their order."""
        state = self.state.points[points]
        columns = (state[name].tolist() for name in ("last", "value", "grade", "unknown", "quiet"))
        return [
            Newest(last, value, grade, bool(unknown), quiet)
            for last, value, grade, unknown, quiet in zip(*columns, strict=True)
        ]

    def point_of(self, row: int) -> int:
        """Return the point that a row belongs to."""
        return int(np.searchsorted(self.first, row, side="right")) - 1

    def is_active(self, row: int) -> bool:
        """Return whether a rule is active."""
        return bool(self.state.delays[row]["active"])

    def active_rows(self) -> list[int]:
        """Return the rows of the rules that are active, in order."""
        found: list[int] = np.flatnonzero(self.state.delays["active"]).tolist()
        return found

    def set_active(self, active: npt.NDArray[np.bool_]) -> None:
        """Tell each rule whether its alarm stands; where that changes nothing, a delay runs on.

        Parameters
        ----------
        active
            Shape (rows,).
        """
        delays = self.state.delays
        changed = delays["active"] != active
        delays["active"] = active
        delays["since"][changed] = NEVER
        self.stir()

    def stirred_rows(self) -> Ints:
        """Return the rows that are not at rest, in order."""
        delays = self.state.delays
        return np.flatnonzero((delays["active"] != 0) | (delays["since"] != NEVER))

    def memory_of(self, point: int, place: int) -> tuple[int, int]:
        """Return the kind of a rule in its point's set, and where its memory is, if it has one."""
        own = self._table.sets[self._places[point]["rules"]]
        kind = int(self._table.rules[own["begin"] + place]["kind"])
        limits = int(own["watching"]) - int(own["begin"])
        return kind, int(self.first_memory[point]) + place - limits

    def stir(self) -> None:
        """Find anew which rows are not at rest, after something but a reading has set them."""
        rows = self.stirred_rows()
        owners = np.searchsorted(self.first, rows, side="right") - 1
        places = np.minimum(rows - self.first[owners], BITS - 1).astype(np.uint64)
        self.state.points["stirred"] = 0
        np.bitwise_or.at(self.state.points["stirred"], owners, np.uint64(1) << places)

    def warm_up(self) -> None:
        """Compile every kernel on a bank of its own, so that the first reading does not wait."""
        rules = (
            Rule(LimitParams(1.0, high=True), on_delay=1),
            Rule(RateParams(1.0)),
            Rule(TrendParams(1.0, high=True)),
            Rule(StuckParams(0.0, 1.0)),
        )
        bank = Bank([0], [1], [rules], [0])
        one = np.ones(2, np.int64)
        bank.take(np.zeros(2, np.int32), one, one, np.ones(2), np.zeros(2, np.uint8))
        bank.tick(1)
        bank.next_due()

    def bytes_per_point(self) -> float:
        """Bytes that one point costs in every array a reading can change."""
        return sum(size for _, size in self._sizes()) / max(1, self.state.points.size)

    def describe_state(self) -> str:
        """Return what one point costs, a line for each array that a reading can change."""
        points = max(1, self.state.points.size)
        return "\n".join(f"{name:<28} {size / points:>8.1f} bytes" for name, size in self._sizes())

    def _sizes(self) -> Iterator[tuple[str, int]]:
        state = self.state
        yield "point: times, value, grade", int(state.points.nbytes)
        yield "device: usual delay", int(state.devices.nbytes)
        yield "rows: delays", int(state.delays.nbytes)
        yield "detectors: memory", int(state.memory.nbytes)

    def _read(self, written: int) -> list[Edge]:
        return [Edge._make(edge) for edge in self._edges[:written].tolist()]


def _starts(sizes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    starts = np.zeros(sizes.size + 1, np.int32)
    np.cumsum(sizes, out=starts[1:])
    return starts
