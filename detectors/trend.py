"""Trend: the time left until a limit is reached, from Holt's level and slope.

With ``a = dt / (tau + dt)`` and ``p = level + slope * dt``: ``level = p + a * (v - p)``, and
``slope += a * (v - p) / (tau + dt)``, which is Holt's ``a * ((level' - level) / dt - slope)``; the
mean absolute innovation ``|v - p|`` is smoothed alike and is the noise the slope must beat. It
begins when the slope leads to the limit within the horizon and ``|slope| * tau >= significance *
noise``, after it has watched for three time constants. Beyond the limit it is silent: the level
alarm speaks there. Irregular sampling as in D. J. Wright, "Forecasting data published at irregular
time intervals using an extension of Holt's method", doi:10.1287/mnsc.32.4.499.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import kernel, step
from detectors.memory import BEGINS, ENDS, NANO, NEITHER

LIMIT, SIGN, TAU, HORIZON, SIGNIFICANCE, GAP, WATCH = 0, 1, 2, 3, 4, 5, 6
LEVEL, SLOPE, NOISE = 0, 1, 2  # kept; `since` is when watching started
#: The condition ends only when the time left has grown by this factor: a deadband in time.
RELEASE = 1.5
#: Time constants to watch before the first verdict.
WATCHED = 3.0


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
        gap, watch = self.gap_s * SECOND, WATCHED * self.tau_s * SECOND
        return (self.limit, sign, self.tau_s, self.horizon_s, self.significance, gap, watch)


@step
def trend_step(
    rule: Records, memory: Records, elapsed: int, time: int, value: float
) -> tuple[int, int]:
    """Take one value, `elapsed` ns after the one before.

    Returns
    -------
    tuple
        BEGINS, ENDS or neither, and the predicted crossing, ns, 0 unless it begins.
    """
    params = rule.params
    kept = memory.kept
    if memory.since == NEVER or elapsed > params[GAP]:
        start(memory, time, value)
        return NEITHER, 0
    dt = elapsed * NANO
    share = 1.0 / (params[TAU] + dt)
    weight = dt * share
    slope = kept[SLOPE]
    predicted = kept[LEVEL] + slope * dt
    innovation = value - predicted
    step = weight * innovation
    level = predicted + step
    slope += step * share
    noise = kept[NOISE]
    noise += weight * (abs(innovation) - noise)
    if not np.isfinite(level + slope + noise):
        # Two values whose difference no double holds: watched anew, as after a gap.
        start(memory, time, value)
        return NEITHER, 0
    kept[LEVEL] = level
    kept[SLOPE] = slope
    kept[NOISE] = noise
    if time - memory.since < params[WATCH]:
        return NEITHER, 0
    distance = (params[LIMIT] - level) * params[SIGN]
    towards = slope * params[SIGN]
    if distance <= 0.0:
        return NEITHER, 0
    moved = towards * params[TAU]
    strong = params[SIGNIFICANCE] * noise
    if towards <= 0.0 or moved < 0.5 * strong or distance > RELEASE * params[HORIZON] * towards:
        return ENDS, 0
    if moved < strong or distance > params[HORIZON] * towards:
        return NEITHER, 0
    return BEGINS, time + int(distance / towards * SECOND)


@kernel
def start(memory: Records, time: int, value: float) -> None:
    """Watch anew from this value on."""
    memory.since = time
    memory.kept[LEVEL] = value
    memory.kept[SLOPE] = 0.0
    memory.kept[NOISE] = 0.0
