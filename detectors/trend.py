"""Trend: the time left until a limit is reached, from Holt's level and slope.

With ``a = dt / (tau + dt)``: ``level' = p + a * (v - p)`` where ``p = level + slope * dt``, and
``slope += a * ((level' - level) / dt - slope)``; the mean absolute innovation is smoothed alike and
is the noise the slope must beat. It begins when the slope leads to the limit within the horizon and
``|slope| * tau >= significance * noise``, after it has watched for three time constants. Beyond the
limit it is silent: the level alarm speaks there. Irregular sampling as in D. J. Wright,
"Forecasting data published at irregular time intervals using an extension of Holt's method",
doi:10.1287/mnsc.32.4.499.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors._debounce import OWN
from detectors.admission import NEVER, SECOND
from detectors.jit import kernel

LIMIT, SIGN, TAU, HORIZON, SIGNIFICANCE, GAP = 0, 1, 2, 3, 4, 5
LEVEL, SLOPE, NOISE = 0, 1, 2
TIME, START = OWN, OWN + 1
#: The condition ends only when the time left has grown by this factor: a deadband in time.
RELEASE = 1.5
#: Time constants to watch before the first verdict.
WATCH = 3.0


@dataclass(frozen=True, slots=True)
class TrendParams:
    """A warning that a limit will be reached.

    Parameters
    ----------
    limit
        In the point's unit.
    high
        True when the limit is above, False when it is below.
    tau_s
        Time constant of level and slope, s.
    horizon_s
        Begin when the limit is this near, s.
    significance
        How many times the noise the slope must move the level within `tau_s`.
    gap_s
        A longer gap starts it anew, s.
    """

    limit: float
    high: bool
    tau_s: float = 10.0
    horizon_s: float = 600.0
    significance: float = 1.5
    gap_s: float = 60.0

    def __post_init__(self) -> None:
        positive = (self.tau_s, self.horizon_s, self.significance, self.gap_s)
        if not (np.isfinite(self.limit) and all(0 < number < np.inf for number in positive)):
            raise ValueError(
                f"trend to {self.limit}: tau, horizon, significance and gap must be positive, "
                f"they are {positive}"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        sign = 1.0 if self.high else -1.0
        return (self.limit, sign, self.tau_s, self.horizon_s, self.significance, self.gap_s)


@kernel
def trend_step(
    params: npt.NDArray[np.float64],
    floats: npt.NDArray[np.float64],
    ints: npt.NDArray[np.int64],
    time: int,
    value: float,
) -> tuple[bool, bool, int]:
    """Take one value; return (begins, ends, predicted crossing in ns or 0)."""
    dt = (time - ints[TIME]) / SECOND
    if ints[TIME] == NEVER or dt > params[GAP]:
        ints[TIME] = time
        ints[START] = time
        floats[LEVEL] = value
        floats[SLOPE] = 0.0
        floats[NOISE] = 0.0
        return False, False, 0
    weight = dt / (params[TAU] + dt)
    predicted = floats[LEVEL] + floats[SLOPE] * dt
    innovation = value - predicted
    level = predicted + weight * innovation
    floats[SLOPE] += weight * ((level - floats[LEVEL]) / dt - floats[SLOPE])
    floats[NOISE] += weight * (abs(innovation) - floats[NOISE])
    floats[LEVEL] = level
    ints[TIME] = time
    if not np.isfinite(level + floats[SLOPE] + floats[NOISE]):
        # Two values whose difference no double holds: watched anew, as after a gap.
        ints[START] = time
        floats[LEVEL] = value
        floats[SLOPE] = 0.0
        floats[NOISE] = 0.0
        return False, False, 0
    if (time - ints[START]) / SECOND < WATCH * params[TAU]:
        return False, False, 0
    distance = (params[LIMIT] - level) * params[SIGN]
    towards = floats[SLOPE] * params[SIGN]
    if distance <= 0.0:
        return False, False, 0
    moved = towards * params[TAU]
    strong = params[SIGNIFICANCE] * floats[NOISE]
    if towards <= 0.0 or moved < 0.5 * strong or distance > RELEASE * params[HORIZON] * towards:
        return False, True, 0
    if moved < strong or distance > params[HORIZON] * towards:
        return False, False, 0
    return True, False, time + int(distance / towards * SECOND)
