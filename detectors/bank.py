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

from detectors._debounce import ACTIVE, BEGAN, OFF_SINCE, ON_SINCE, OWN
from detectors._sweep import LIMIT, RATE, STUCK, TREND, Floats, Ints, run_out, sweep
from detectors.admission import GRADE, LAST, NEVER, SECOND, new_devices, new_points
from detectors.limit import LimitParams
from detectors.rate import RateParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

Params = LimitParams | RateParams | TrendParams | StuckParams
KIND: Final[dict[type, int]] = {
    LimitParams: LIMIT,
    RateParams: RATE,
    TrendParams: TREND,
    StuckParams: STUCK,
}
WIDTH = 6  # numbers a rule may keep, and parameters it may have
INTS = OWN + 2
EDGES = 4096  # edges one call of the kernel can report before it is called again


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
