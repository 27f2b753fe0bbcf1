"""Noise that has risen: readings that turn back, again and again, by more than they should.

A reading turns where the signal moved by `height` or more one way and with it moves as far the
other way. Counted is the share of such readings, smoothed over `readings`: one in four begins it,
fewer than one in eight end it. White noise whose standard deviation is 1.1 times the height turns
so at one reading in four, of 0.7 times at one in eight, of half at one in twenty, of a third at one
in 180; however strong, at two in three at most.

A count of turnings knows no sampling interval. A slope, a step, and an oscillation slower than
eight readings do not make one in four of them; a spike makes one. Data that move by steps of a
converter, or are reported on change, turn by less than the height where it is stated above that
step. A value that stands still turns nothing and is no move: a sensor read twice as often as it
measures is judged by what it measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER
from detectors.arrays import Records
from detectors.jit import step
from detectors.memory import BEGINS, ENDS, NEITHER

HEIGHT, WEIGHT = 0, 1
PREVIOUS, MOVED, SHARE = 0, 1, 2  # kept; `since` is when watching started
NOISY = 0.25
QUIET = 0.125
#: With fewer readings chance is enough: of 5 million readings of white noise of a third of the
#: height one began it over 20 readings, 41 over 12, none over 30.
FEWEST = 30


@dataclass(frozen=True, slots=True)
class NoiseParams:
    """How much noise is too much. No default: a healthy sensor's noise is stated by its profile.

    Parameters
    ----------
    height
        By how much a reading may not turn back, in the point's unit, > 0: above the step in which
        the value moves (a dead zone above 0 is one) and three standard deviations of healthy noise.
    readings
        Over how many of them the share is smoothed, >= 30.
    """

    height: float
    readings: int

    def __post_init__(self) -> None:
        if not (0 < self.height < np.inf and FEWEST <= self.readings < np.inf):
            raise ValueError(
                f"noise height={self.height}, readings={self.readings}: need a positive height, "
                f"and at least {FEWEST} readings, or chance alone would be an alarm"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (self.height, 1.0 / self.readings)


@step
def noise_step(rule: Records, memory: Records, time: int, value: float) -> int:
    """Take one value; return BEGINS, ENDS or neither."""
    params = rule.params
    kept = memory.kept
    if memory.since == NEVER:
        memory.since = time
        kept[PREVIOUS] = value
        kept[MOVED] = 0.0
        kept[SHARE] = 0.0
        return NEITHER
    change = value - kept[PREVIOUS]
    kept[PREVIOUS] = value
    turned = 0.0
    if change != 0.0:
        moved = 0.0
        if change >= params[HEIGHT]:
            moved = 1.0
        elif change <= -params[HEIGHT]:
            moved = -1.0
        if moved * kept[MOVED] < 0.0:
            turned = 1.0
        kept[MOVED] = moved
    share = kept[SHARE]
    share += (turned - share) * params[WEIGHT]
    kept[SHARE] = share
    if share >= NOISY:
        return BEGINS
    return ENDS if share < QUIET else NEITHER
