"""Stuck value: a reading that has not moved by its noise floor for too long.

A healthy sensor shows noise. The rule is off unless a profile states the floor below which a change
is no change, and it is inert inside the zero band: clean air reads 0.0 for weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import step
from detectors.memory import BEGINS, ENDS, NEITHER

FLOOR, DURATION, ZERO = 0, 1, 2
ANCHOR = 0  # kept; `since` is when it last moved


@dataclass(frozen=True, slots=True)
class StuckParams:
    """When a value counts as stuck.

    Parameters
    ----------
    floor
        A change of more than this is a movement, in the point's unit, >= 0.
    duration_s
        Without a movement for this long it is stuck, s, > 0.
    zero_band
        Inert while the value's magnitude is at most this, in the point's unit, >= 0.
    """

    floor: float
    duration_s: float
    zero_band: float = 0.0

    def __post_init__(self) -> None:
        finite = all(np.isfinite(n) for n in (self.floor, self.duration_s, self.zero_band))
        if not (finite and self.floor >= 0 and self.duration_s > 0 and self.zero_band >= 0):
            raise ValueError(
                f"stuck floor={self.floor}, duration={self.duration_s} s, zero band="
                f"{self.zero_band}: a positive duration, the others not negative"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (self.floor, self.duration_s * SECOND, self.zero_band)


@step
def stuck_step(rule: Records, memory: Records, time: int, value: float) -> int:
    """Take one value; return BEGINS, ENDS or neither."""
    params = rule.params
    still = (
        memory.since != NEVER
        and abs(value - memory.kept[ANCHOR]) <= params[FLOOR]
        and abs(value) > params[ZERO]
    )
    if not still:
        memory.kept[ANCHOR] = value
        memory.since = time
        return ENDS
    return BEGINS if time - memory.since >= params[DURATION] else NEITHER
