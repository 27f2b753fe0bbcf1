"""What is overdue by the clock: calibrations and gas tests, each an alarm of its point.

Judged at a whole second, and only at one in which something falls due: between two of them a tick
costs a comparison, however many points there are. What stands is known from the store, so a restart
raises nothing twice, and a site file with a newer date ends the alarm at the first tick.

A machine without a battery starts in 1970, or when its image was made, and learns the date later.
A clock that is behind what was known before ends nothing for an hour, one before 2000 never does:
what is overdue would be overdue again a minute later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from device_profiles.instant import EARLIEST_NS
from gateway.model import Detection
from gateway.pipeline.plant import Plant
from gateway.pipeline.telling import Telling, holding

LATE: Final = int(np.iinfo(np.int64).max)
#: Ticks, a second each, for which a clock that went back is doubted.
DOUBTED: Final = 3600


class Overdue:
    """Watches what falls due at the points of a plant.

    Parameters
    ----------
    plant
        Tells what falls due when.
    standing
        Ids of alarms that stand already; those of other rules are passed over.
    most
        How many edges a tick hands out at most; None for all.
    """

    def __init__(
        self, plant: Plant, standing: Iterable[str] = (), *, most: int | None = None
    ) -> None:
        each = [plant.definitions.sparse_rows(group.rule) for group in plant.deadlines]
        #: The first row: those of all rules stand beside each other.
        self.first_row = each[0][0] if each else len(plant.definitions)
        #: The point of each row.
        self.points = np.concatenate([np.zeros(0, np.int32), *(points for _, points in each)])
        times = (group.at_ns for group in plant.deadlines)
        self._at_ns = np.concatenate([np.zeros(0, np.int64), *times])
        rows = range(self.first_row, self.first_row + self.points.size)
        holds = holding(plant.definitions, standing, rows)
        self._telling = Telling(self.first_row, holds, most=most)
        # The seconds between which nothing falls due.
        self._from, self._until = LATE, LATE if not holds.size else 0
        self._known, self._doubted = EARLIEST_NS, 0

    def doubt(self, known_ns: int) -> None:
        """End nothing for an hour while the clock is behind `known_ns`: it was set back."""
        self._known, self._doubted = max(known_ns, EARLIEST_NS), DOUBTED
        self._from = LATE

    def next_due(self) -> int:
        """Return the earliest instant (ns) at which something could change; very late for never."""
        return 0 if self._telling.waiting else self._until

    def tick(self, now_ns: int) -> list[Detection]:
        """Return what fell due, or is due no more, by the whole second `now_ns`."""
        if not self.points.size:
            return []
        doubted = now_ns < EARLIEST_NS or (self._doubted > 0 and now_ns < self._known)
        self._doubted -= self._doubted > 0
        if doubted or not self._from <= now_ns < self._until:
            self._judge(now_ns, ends=not doubted)
        return self._telling.hand_out() if self._telling.waiting else []

    def _judge(self, now_ns: int, *, ends: bool) -> None:
        over, holds = self._at_ns <= now_ns, self._telling.holds
        self._telling.change(over & ~holds, holds=True, now_ns=now_ns)
        if not ends:
            self._from = LATE  # judged again at the next tick
            return
        self._telling.change(holds & ~over, holds=False, now_ns=now_ns)
        self._from = int(self._at_ns[over].max(initial=0))
        self._until = int(self._at_ns[~over].min(initial=LATE))
