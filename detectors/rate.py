"""Rate of change: a first-order low-pass of the difference quotient.

``r += dt / (tau + dt) * ((v - v_prev) / dt - r)``: the backward-Euler form, which has no
transcendental function, so that the compiled and the plain form agree to the last bit. It begins
when the rate in the watched direction reaches the limit, once it has been watched for one time
constant. A gap longer than `gap` starts it anew and holds what stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors._debounce import OWN
from detectors.admission import NEVER, SECOND
from detectors.jit import kernel

LIMIT, DIRECTION, DEADBAND, TAU, GAP = 0, 1, 2, 3, 4
PREVIOUS, RATE = 0, 1
TIME, START = OWN, OWN + 1


@dataclass(frozen=True, slots=True)
class RateParams:
    """A limit on the rate of change.

    Parameters
    ----------
    limit
        In the point's unit per second, > 0.
    direction
        +1 rising, -1 falling, 0 both.
    deadband
        In the point's unit per second, below `limit`.
    tau_s, gap_s
        Time constant, and the gap that starts it anew, both in seconds, > 0.
    """

    limit: float
    direction: int = 0
    deadband: float = 0.0
    tau_s: float = 10.0
    gap_s: float = 60.0

    def __post_init__(self) -> None:
        if not (0 < self.limit < np.inf and 0 <= self.deadband < self.limit):
            raise ValueError(
                f"rate limit={self.limit}, deadband={self.deadband}: need 0 <= deadband < limit"
            )
        if not (0 < self.tau_s < np.inf and 0 < self.gap_s < np.inf):
            raise ValueError(f"rate tau={self.tau_s} s, gap={self.gap_s} s: both must be positive")

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (self.limit, float(self.direction), self.deadband, self.tau_s, self.gap_s)


@kernel
def rate_step(
    params: npt.NDArray[np.float64],
    floats: npt.NDArray[np.float64],
    ints: npt.NDArray[np.int64],
    time: int,
    value: float,
) -> tuple[bool, bool]:
    """Take one value; return (begins, ends)."""
    dt = (time - ints[TIME]) / SECOND
    if ints[TIME] == NEVER or dt > params[GAP]:
        ints[TIME] = time
        ints[START] = time
        floats[PREVIOUS] = value
        floats[RATE] = 0.0
        return False, False
    weight = dt / (params[TAU] + dt)
    floats[RATE] += weight * ((value - floats[PREVIOUS]) / dt - floats[RATE])
    floats[PREVIOUS] = value
    ints[TIME] = time
    if not np.isfinite(floats[RATE]):
        # Two values whose difference no double holds: watched anew, as after a gap.
        ints[START] = time
        floats[RATE] = 0.0
        return False, False
    if (time - ints[START]) / SECOND < params[TAU]:
        return False, False
    seen = floats[RATE]
    if params[DIRECTION] == 0.0:
        seen = abs(seen)
    else:
        seen *= params[DIRECTION]
    return seen >= params[LIMIT], seen < params[LIMIT] - params[DEADBAND]
