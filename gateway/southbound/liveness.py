"""Silence: a point without usable data for three expected intervals is an alarm.

Judged at each whole second. A point counts as heard by a reading that came on time and has a value
(GOOD or UNCERTAIN); BAD, late and fenced readings do not count. It counts anew from each
subscription; what stood silent before stands until data comes.

Behind a broker or a switch that fails a whole plant falls silent at once, and half a million events
made in one go would keep the event loop from the gas for many seconds. So a tick can be told to
hand out no more than so many (`gateway.pipeline.telling`). Siren and linkage rest on limits: to
tell silence some seconds late is safe, to hold up a limit for it is not. Where a silence sounds, as
that of a vote that trips, it is told before all others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.model import Detection
from gateway.pipeline.plant import Plant
from gateway.pipeline.telling import Telling

#: A device's clock may be ahead by this much.
FUTURE_NS: Final = 6_000_000_000
#: Edges that a live node takes from one tick: less than 0.1 s of its event loop.
MOST: Final = 2_000


class Liveness:
    """Watches when each point was last heard.

    Parameters
    ----------
    plant
        Gives each point's patience and the rows of the "no data" alarms.
    silent
        Tags whose silence alarm stands already.
    most
        How many edges a tick hands out at most; None for all, as in replay, which nothing waits
        for.
    """

    def __init__(
        self, plant: Plant, silent: Iterable[str] = (), *, most: int | None = None
    ) -> None:
        self._patience = plant.points.silence_ns
        self._numbers = plant.points.numbers
        self.silent = np.zeros(len(plant.points), bool)
        self.silent[[self._numbers[tag] for tag in silent if tag in self._numbers]] = True
        sounds = np.array([kind.silence.sounds for kind in plant.definitions.kinds], bool)
        self._telling = Telling(
            plant.silence_row, self.silent, most=most, first=sounds[plant.points.kind]
        )
        self._since: int | None = None

    @property
    def waiting(self) -> int:
        """Points of which something is to be told by a later tick."""
        return self._telling.waiting

    def begin(self, now_ns: int) -> None:
        """Count silence anew from here: a subscription, or the first reading of a replay."""
        self._since = now_ns

    def set_clock(self, step_ns: int) -> None:
        """Follow a step of the gateway's clock: silence goes on where it was."""
        if self._since is not None:
            self._since += step_ns

    def is_silent(self, tag: str) -> bool:
        """Whether a point has fallen silent; an unknown one has not."""
        number = self._numbers.get(tag)
        return number is not None and bool(self.silent[number])

    def next_due(self, heard: npt.NDArray[np.int64]) -> int:
        """Return the earliest instant (ns) at which something could change; very late for never."""
        if self.waiting:
            return 0
        if self._since is None or not heard.size:
            return np.iinfo(np.int64).max
        if (self.silent & (heard >= self._since)).any():
            return 0
        ends = np.maximum(heard, self._since) + self._patience
        waiting = ends[~self.silent]
        return int(waiting.min()) if waiting.size else int(np.iinfo(np.int64).max)

    def tick(self, now_ns: int, heard: npt.NDArray[np.int64]) -> list[Detection]:
        """Return the points that fell silent or were heard again by the whole second `now_ns`.

        Each edge bears the second in which it was judged; of one second, who fell comes before who
        spoke, in the order of the points.

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
        self._telling.change(fell, holds=True, now_ns=now_ns)
        self._telling.change(rose, holds=False, now_ns=now_ns)
        return self._telling.hand_out()
