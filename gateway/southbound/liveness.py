"""Silence: a point without usable data for three expected intervals is an alarm.

Judged at each whole second. A point counts as heard by a reading that came on time and has a value
(GOOD or UNCERTAIN); BAD, late and fenced readings do not count. It counts anew from each
subscription; what stood silent before stands until data comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.model import Detection
from gateway.pipeline.plant import Plant

#: A device's clock may be ahead by this much.
FUTURE_NS: Final = 6_000_000_000


class Liveness:
    """Watches when each point was last heard.

    Parameters
    ----------
    plant
        Gives each point's patience and the rows of the "no data" alarms.
    silent
        Tags whose silence alarm stands already.
    """

    def __init__(self, plant: Plant, silent: Iterable[str] = ()) -> None:
        self._first_row = plant.silence_row
        self._patience = plant.points.silence_ns
        self._numbers = plant.points.numbers
        self.silent = np.zeros(len(plant.points), bool)
        self.silent[[self._numbers[tag] for tag in silent if tag in self._numbers]] = True
        self._since: int | None = None

    def begin(self, now_ns: int) -> None:
        """Count silence anew from here: a subscription, or the first reading of a replay."""
        self._since = now_ns

    def is_silent(self, tag: str) -> bool:
        """Whether a point has fallen silent; an unknown one has not."""
        number = self._numbers.get(tag)
        return number is not None and bool(self.silent[number])

    def next_due(self, heard: npt.NDArray[np.int64]) -> int:
        """Return the earliest instant (ns) at which something could change; very late for never."""
        if self._since is None or not heard.size:
            return np.iinfo(np.int64).max
        if (self.silent & (heard >= self._since)).any():
            return 0
        ends = np.maximum(heard, self._since) + self._patience
        waiting = ends[~self.silent]
        return int(waiting.min()) if waiting.size else int(np.iinfo(np.int64).max)

    def tick(self, now_ns: int, heard: npt.NDArray[np.int64]) -> list[Detection]:
        """Return the points that fell silent or were heard again, as of the whole second `now_ns`.

        Parameters
        ----------
        now_ns
            Whole second, ns.
        heard
            Shape (points,): when each point last had usable data on time, ns.
        """
        if self._since is None:
            return []
        # Heard in the future: the clock was set back since, and nothing is known.
        heard = np.where(heard > now_ns + FUTURE_NS, 0, heard)
        recent = np.maximum(heard, self._since) + self._patience > now_ns
        spoke = recent & (heard >= self._since)
        fell = ~recent & ~self.silent
        rose = spoke & self.silent
        found = [self._detection(int(index), now_ns, active=True) for index in np.flatnonzero(fell)]
        found += [self._detection(int(i), now_ns, active=False) for i in np.flatnonzero(rose)]
        self.silent[fell] = True
        self.silent[rose] = False
        return found

    def _detection(self, index: int, now_ns: int, *, active: bool) -> Detection:
        return Detection(
            row=self._first_row + index,
            active=active,
            time_ns=now_ns,
            received_ns=now_ns,
            value=float("nan"),
        )
