"""The bank: every rule of every point in structures of arrays, run in the order the readings came.

`Bank.take` judges each reading's times (`admission`), runs the rules of its point and settles their
delays; `Bank.tick` lets on-delays run out by the clock. Both report edges in an order that does not
depend on how the readings were cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors._debounce import (
    ACTIVE,
    BEGAN,
    NOTHING,
    OFF_SINCE,
    ON_SINCE,
    OWN,
    deadline,
    fire,
    settle,
)
from detectors._jit import kernel
from detectors.admission import (
    BEFORE_MIN,
    BUCKET_MIN,
    FIXED,
    GRADE,
    HOLD,
    IGNORE,
    LAST,
    NEVER,
    QUIET,
    SECOND,
    admit,
    new_devices,
    new_points,
)
from detectors.limit import LimitParams, limit_step
from detectors.rate import RateParams, rate_step
from detectors.stuck import StuckParams, stuck_step
from detectors.trend import TrendParams, trend_step

Params = LimitParams | RateParams | TrendParams | StuckParams
KIND: Final[dict[type, int]] = {LimitParams: 0, RateParams: 1, TrendParams: 2, StuckParams: 3}
LIMIT, RATE, TREND, STUCK = 0, 1, 2, 3
WIDTH = 6  # numbers a rule may keep, and parameters it may have
INTS = OWN + 2
EDGES = 4096  # edges one call of the kernel can report before it is called again

# Columns of an edge, and of the counts.
AT, ROW, EDGE, TIME, PREDICTED, HISTORICAL = 0, 1, 2, 3, 4, 5
IGNORED, OUT_OF_ORDER, LATE, HELD = 0, 1, 2, 3

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Rule(NamedTuple):
    """One row of the bank: which point, which detector with what, and its delays (ns)."""

    point: int
    params: Params
    on_delay: int = 0
    off_delay: int = 0


class Edge(NamedTuple):
    """A rule began or ended; `at` is the index of the reading in its batch, -1 for the clock."""

    at: int
    row: int
    began: bool
    time: int
    value: float
    predicted: int
    historical: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the readings of one call."""

    ignored: int
    out_of_order: int
    late: int
    held: int


@kernel
def judge(
    kind: int,
    params: Floats,
    floats: Floats,
    ints: Ints,
    time: int,
    value: float,
) -> tuple[bool, bool, int]:
    """Run one rule's detector; return (begins, ends, predicted crossing)."""
    predicted = 0
    if kind == LIMIT:
        begins, ends = limit_step(params, value)
    elif kind == RATE:
        begins, ends = rate_step(params, floats, ints, time, value)
    elif kind == TREND:
        begins, ends, predicted = trend_step(params, floats, ints, time, value)
    else:
        begins, ends = stuck_step(params, floats, ints, time, value)
    return begins, ends, predicted


@kernel
def note(
    edges: Ints,
    values: Floats,
    count: int,
    at: int,
    row: int,
    edge: int,
    time: int,
    value: float,
    predicted: int,
    historical: bool,
) -> int:
    """Write one edge; return the new count."""
    edges[count, AT] = at
    edges[count, ROW] = row
    edges[count, EDGE] = edge
    edges[count, TIME] = time
    edges[count, PREDICTED] = predicted
    edges[count, HISTORICAL] = 1 if historical else 0
    values[count] = value
    return count + 1


@kernel
def sweep(
    start: int,
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: Floats,
    grade: npt.NDArray[np.uint8],
    point_times: Ints,
    point_values: Floats,
    point_device: npt.NDArray[np.int32],
    point_late: Ints,
    devices: Ints,
    first: npt.NDArray[np.int32],
    kind: npt.NDArray[np.uint8],
    delays: Ints,
    params: Floats,
    floats: Floats,
    ints: Ints,
    edges: Ints,
    edge_values: Floats,
    counts: Ints,
) -> tuple[int, int]:
    """Take readings from `start` on; return (next reading, edges written).

    Stops early when the next point's rules might not fit the room left for edges.
    """
    written = 0
    for i in range(start, point.size):
        p = point[i]
        if written + 2 * (first[p + 1] - first[p]) > edges.shape[0]:
            return i, written
        usable = point_values[p, 0]
        effect, historical = admit(
            point_times[p],
            point_values[p],
            devices[point_device[p]],
            point_late[p],
            time[i],
            received[i],
            value[i],
            grade[i],
        )
        if effect == IGNORE:
            counts[IGNORED] += 1
            continue
        if effect == HOLD:
            counts[HELD] += 1
            continue
        if effect == FIXED:
            counts[OUT_OF_ORDER] += 1
        elif historical:
            counts[LATE] += 1
        for row in range(first[p], first[p + 1]):
            due = deadline(ints[row], delays[row, 0])
            if effect != FIXED and due != NEVER and due < time[i]:
                fire(ints[row])
                written = note(
                    edges, edge_values, written, i, row, BEGAN, due, usable, 0, historical
                )
            if effect == FIXED and kind[row] != LIMIT:
                continue
            begins, ends, predicted = judge(
                kind[row], params[row], floats[row], ints[row], time[i], value[i]
            )
            edge = settle(ints[row], delays[row, 0], delays[row, 1], time[i], effect, begins, ends)
            if edge != NOTHING:
                written = note(
                    edges,
                    edge_values,
                    written,
                    i,
                    row,
                    edge,
                    time[i],
                    value[i],
                    predicted,
                    historical,
                )
    return point.size, written


@kernel
def run_out(
    start: int,
    now: int,
    row_point: npt.NDArray[np.int32],
    point_times: Ints,
    point_values: Floats,
    point_device: npt.NDArray[np.int32],
    devices: Ints,
    delays: Ints,
    ints: Ints,
    edges: Ints,
    edge_values: Floats,
) -> tuple[int, int]:
    """Fire the on-delays that ran out by `now`; return (next row, edges written)."""
    written = 0
    for row in range(start, row_point.size):
        if ints[row, ON_SINCE] == NEVER or ints[row, ACTIVE] == 1:
            continue
        if written == edges.shape[0]:
            return row, written
        p = row_point[row]
        device = devices[point_device[p]]
        due = deadline(ints[row], delays[row, 0])
        # A device that is always this late has not yet been heard for this second.
        usual = min(device[BUCKET_MIN], device[BEFORE_MIN])
        if due + usual <= now and now >= point_times[p, QUIET]:
            fire(ints[row])
            written = note(
                edges, edge_values, written, -1, row, BEGAN, due, point_values[p, 0], 0, False
            )
    return row_point.size, written


class Bank:
    """The rules of a site and their state.

    Parameters
    ----------
    devices
        Device of each point, shape (points,).
    late_after
        Delay beyond the usual from which a point's reading is late, ns, shape (points,).
    rules
        In any order; `order` maps rows back to it.
    """

    def __init__(
        self, devices: Sequence[int], late_after: Sequence[int], rules: Sequence[Rule]
    ) -> None:
        count = len(devices)
        self.point_device = np.asarray(devices, np.int32)
        self.point_late = np.asarray(late_after, np.int64)
        self.point_times, self.point_values = new_points(count)
        self.devices = new_devices(max(devices, default=-1) + 1)
        order = sorted(range(len(rules)), key=lambda index: (rules[index].point, index))
        self.order = tuple(order)
        rows = [rules[index] for index in order]
        self.row_point = np.asarray([rule.point for rule in rows], np.int32)
        self.first = np.searchsorted(self.row_point, np.arange(count + 1)).astype(np.int32)
        self.kind = np.asarray([KIND[type(rule.params)] for rule in rows], np.uint8)
        self.delays = np.asarray(
            [(rule.on_delay, rule.off_delay) for rule in rows], np.int64
        ).reshape(len(rows), 2)
        self.params = np.zeros((len(rows), WIDTH))
        for row, rule in enumerate(rows):
            packed = rule.params.pack()
            self.params[row, : len(packed)] = packed
        self.floats = np.zeros((len(rows), WIDTH))
        self.ints = np.full((len(rows), INTS), NEVER, np.int64)
        self.ints[:, ACTIVE] = 0
        widest = int(np.diff(self.first).max(initial=0))
        self._edges = np.zeros((max(EDGES, 2 * widest), 6), np.int64)
        self._edge_values = np.zeros(self._edges.shape[0])

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
        counts = np.zeros(4, np.int64)
        found: list[Edge] = []
        start = 0
        while start < point.size:
            start, written = sweep(
                start,
                point,
                time,
                received,
                value,
                grade,
                self.point_times,
                self.point_values,
                self.point_device,
                self.point_late,
                self.devices,
                self.first,
                self.kind,
                self.delays,
                self.params,
                self.floats,
                self.ints,
                self._edges,
                self._edge_values,
                counts,
            )
            found += self._read(written)
        return found, Counts(*(int(number) for number in counts))

    def tick(self, now: int) -> list[Edge]:
        """Let the on-delays run out that end at or before the whole second `now` (ns)."""
        found: list[Edge] = []
        start = 0
        while start < self.row_point.size:
            start, written = run_out(
                start,
                now,
                self.row_point,
                self.point_times,
                self.point_values,
                self.point_device,
                self.devices,
                self.delays,
                self.ints,
                self._edges,
                self._edge_values,
            )
            found += self._read(written)
        return found

    def next_due(self) -> int:
        """Return the earliest second (ns) at which a pending on-delay fires; -NEVER for none."""
        since = self.ints[:, ON_SINCE]
        pending = (since != NEVER) & (self.ints[:, ACTIVE] == 0)
        if not pending.any():
            return -NEVER
        end = int((since[pending] + self.delays[pending, 0]).min())
        return -(-end // SECOND) * SECOND

    def set_active(self, row: int, *, active: bool) -> None:
        """Tell a rule whether its alarm stands; a delay that is running is left to run."""
        if bool(self.ints[row, ACTIVE]) != active:
            self.ints[row, ACTIVE] = int(active)
            self.ints[row, OFF_SINCE] = NEVER

    def warm_up(self) -> None:
        """Compile every kernel on a bank of its own, so that the first reading does not wait."""
        rules = [
            Rule(0, LimitParams(1.0, high=True), on_delay=1),
            Rule(0, RateParams(1.0)),
            Rule(0, TrendParams(1.0, high=True)),
            Rule(0, StuckParams(0.0, 1.0)),
        ]
        bank = Bank([0], [1], rules)
        one = np.ones(2, np.int64)
        bank.take(np.zeros(2, np.int32), one, one, np.ones(2), np.zeros(2, np.uint8))
        bank.tick(1)

    def bytes_per_point(self) -> float:
        """Bytes of state (parameters apart) that one point costs."""
        state = (self.point_times, self.point_values, self.devices, self.floats, self.ints)
        total = sum(int(array.nbytes) for array in state)
        return total / max(1, self.point_times.shape[0])

    def _read(self, written: int) -> list[Edge]:
        rows = self._edges[:written].tolist()
        values = self._edge_values[:written].tolist()
        return [
            Edge(at, row, edge == BEGAN, time, value, predicted, historical == 1)
            for (at, row, edge, time, predicted, historical), value in zip(
                rows, values, strict=True
            )
        ]


__all__ = ["GRADE", "LAST", "Bank", "Counts", "Edge", "Rule"]
