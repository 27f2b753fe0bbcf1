"""Drift: a zero that has gone down, told by the mean of what is read.

No gas reads below nothing. A value below zero is a sensor that has drifted, and one that hides as
much of the gas as it reads too little: a fault, never a 0. Single readings say little, since noise
goes to both sides; so their exponentially weighted mean is judged, over `tau`. A zero that went
down by 1.2 times the tolerance has brought it there after two of these times (``1 - exp(-2) =
0.86``), twice the tolerance after 0.7 of one. It ends when the mean is within half the tolerance.

Gas lifts the mean: a drift is told when it has gone. Upwards nothing tells drift from gas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import kernel, step
from detectors.memory import BEGINS, ENDS, NANO, NEITHER

TOLERANCE, TAU, WATCH, GAP = 0, 1, 2, 3
MEAN = 0  # kept; `since` is when watching started
#: Time constants to watch before the first verdict.
WATCHED: Final = 2.0


@dataclass(frozen=True, slots=True)
class DriftParams:
    """How far below zero the mean may lie. No default: what is healthy is stated by the profile.

    Parameters
    ----------
    tolerance
        Below zero, in the point's unit, > 0.
    tau_s
        Time constant of the mean, s, > 0.
    gap_s
        A longer gap starts it anew, s, > 0.
    """

    tolerance: float
    tau_s: float
    gap_s: float

    def __post_init__(self) -> None:
        if not all(0 < each < np.inf for each in (self.tolerance, self.tau_s, self.gap_s)):
            raise ValueError(
                f"drift tolerance={self.tolerance}, tau={self.tau_s} s, gap={self.gap_s} s: all "
                "must be positive and finite"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (self.tolerance, self.tau_s, WATCHED * self.tau_s * SECOND, self.gap_s * SECOND)


@step
def drift_step(rule: Records, memory: Records, elapsed: int, time: int, value: float) -> int:
    """Take one value, `elapsed` ns after the one before; return BEGINS, ENDS or neither."""
    params = rule.params
    if memory.since == NEVER or elapsed > params[GAP]:
        watch_from(memory, time, value)
        return NEITHER
    dt = elapsed * NANO
    mean = memory.kept[MEAN]
    mean += (value - mean) * (dt / (params[TAU] + dt))
    memory.kept[MEAN] = mean
    if time - memory.since < params[WATCH]:
        return NEITHER
    if mean < -params[TOLERANCE]:
        return BEGINS
    return ENDS if mean > -0.5 * params[TOLERANCE] else NEITHER


@kernel
def watch_from(memory: Records, time: int, value: float) -> None:
    """Watch anew from this value on."""
    memory.since = time
    memory.kept[MEAN] = value
