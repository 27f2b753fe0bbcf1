"""Stuck value: a reading that has not moved by its noise floor for too long.

A healthy sensor shows noise. The rule is off unless a profile states the floor below which a change
is no change, and it is inert inside the zero band: clean air reads 0.0 for weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors._debounce import OWN
from detectors.admission import NEVER, SECOND
from detectors.jit import kernel

FLOOR, DURATION, ZERO = 0, 1, 2
ANCHOR = 0
SINCE = OWN


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
        return (self.floor, self.duration_s, self.zero_band)


@kernel
def stuck_step(
    params: npt.NDArray[np.float64],
    floats: npt.NDArray[np.float64],
    ints: npt.NDArray[np.int64],
    time: int,
    value: float,
) -> tuple[bool, bool]:
    """Take one value; return (begins, ends)."""
    still = (
        ints[SINCE] != NEVER
        and abs(value - floats[ANCHOR]) <= params[FLOOR]
        and abs(value) > params[ZERO]
    )
    if not still:
        floats[ANCHOR] = value
        ints[SINCE] = time
        return False, True
    return (time - ints[SINCE]) / SECOND >= params[DURATION], False
