"""Trend: the time left until a limit is reached, from a line through exponentially weighted data.

Three first-order low-passes in a row, each ``m += w * (its input - m)`` with ``w = dt / (tau +
dt)``: their lag behind a straight line is exactly ``tau`` each, however irregular the readings.
The line is the discounted least-squares fit of R. G. Brown ("Smoothing, Forecasting and Prediction
of Discrete Time Series", 1963; irregular readings: T. Cipra, T. Hanzák, "Exponential smoothing for
irregular time series", Kybernetika 44 (2008) 385-399): ``rise = once - twice`` is what it climbs
in one `tau`, and it now stands at ``once + rise``.

How far to trust the rise is told by the data at the same time scale: the bend, ``rise - (twice -
thrice)``, is zero on any straight line and is what noise of any colour, coarse steps and reports on
change leave of it. Its mean magnitude gives the rise's standard error, so that a lower confidence
bound can be asked for: the condition begins when even a rise less `significance` standard errors
leads to the limit within the horizon. Beyond the limit it is silent: the level alarm speaks there.

Chosen among the estimators of ``bench/detection/leaks`` by lead and false alarms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import kernel, step
from detectors.memory import BEGINS, ENDS, NANO, NEITHER

LIMIT, SIGN, TAU, REACH, DOUBT, GAP, RELEASE = 0, 1, 2, 3, 4, 5, 6
ONCE, TWICE, THRICE, BEND = 0, 1, 2, 3  # kept: smoothed so often; `since` is when watching started
#: Time constants to watch before the first verdict.
WATCHED: Final = 3.0
#: Time constants over which the bend is averaged; over all there is until then.
LEARNT: Final = 100.0
#: Standard error of the rise for a mean bend of 1. Of white noise the rise has 4/3 of the bend's
#: variance (their transfer functions are p / (1 + p)^2 and p^2 / (1 + p)^3), and a normal number's
#: mean magnitude is sqrt(2 / pi) of its deviation.
ERROR: Final = math.sqrt(4.0 / 3.0) * math.sqrt(math.pi / 2.0)
#: It looks this many times as far ahead as it looks back, where nothing else is said.
AHEAD: Final = 24.0
#: Time constants for which the end of the condition must last before a warning is taken back.
HELD: Final = 3.0
#: Standard errors that still count against the end of the condition: half of those for its begin.
HALF: Final = 0.5


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
        Time constant, s: it looks back about so far, and sees nothing faster.
    horizon_s
        Begin when the limit is this near, s.
    significance
        Standard errors that are taken off the slope before it must lead to the limit, >= 0. Three
        are a one-sided confidence of 99.9 %, against noise no slower than `tau_s`.
    gap_s
        A longer gap starts it anew, s.
    release
        It ends only when the time left has grown beyond so many horizons, >= 1: a deadband in time.
    """

    limit: float
    high: bool
    tau_s: float = 75.0
    horizon_s: float = 1800.0
    significance: float = 3.0
    gap_s: float = 450.0
    release: float = 1.5

    def __post_init__(self) -> None:
        positive = (self.tau_s, self.horizon_s, self.gap_s)
        if not (np.isfinite(self.limit) and all(0 < number < np.inf for number in positive)):
            raise ValueError(
                f"trend to {self.limit}: tau, horizon and gap must be positive, they are {positive}"
            )
        if not (0 <= self.significance < np.inf and 1 <= self.release < np.inf):
            raise ValueError(
                f"trend to {self.limit}: significance={self.significance} must not be negative, "
                f"release={self.release} not below 1"
            )

    @classmethod
    def suited(
        cls,
        limit: float,
        *,
        high: bool,
        interval_s: float,
        silence_s: float,
        t90_s: float = 0.0,
        tau_s: float | None = None,
        horizon_s: float = 1800.0,
        significance: float = 3.0,
    ) -> Self:
        """Return what suits a point that says how it reports, and no more than that.

        Parameters
        ----------
        interval_s, silence_s, t90_s
            The point's interval, the longest pause between readings of a healthy device (its
            keep-alive where it reports on change), and its lag, all s.
        tau_s
            None for the horizon over `AHEAD`, but no less than the interval or the lag.
        """
        tau = max(horizon_s / AHEAD, interval_s, t90_s) if tau_s is None else tau_s
        gap = max(10.0 * interval_s, 3.0 * silence_s, 6.0 * tau)
        return cls(limit, high, tau, horizon_s, significance, gap)

    @property
    def held_s(self) -> float:
        """The off-delay that suits it, s: what comes and goes is one warning."""
        return HELD * self.tau_s

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        sign = 1.0 if self.high else -1.0
        # How often a rise fits into the horizon, and the errors in terms of the mean bend.
        reach, doubt = self.horizon_s / self.tau_s, self.significance * ERROR
        return (self.limit, sign, self.tau_s, reach, doubt, self.gap_s * SECOND, self.release)


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
    tau = params[TAU]
    dt = elapsed * NANO
    weight = dt / (tau + dt)
    once = kept[ONCE]
    once += weight * (value - once)
    twice = kept[TWICE]
    twice += weight * (once - twice)
    thrice = kept[THRICE]
    thrice += weight * (twice - thrice)
    rise = once - twice
    bend = abs(rise - (twice - thrice))
    age = (time - memory.since) * NANO
    share = weight * (1.0 / LEARNT) if age >= LEARNT * tau else dt / age
    mean = kept[BEND]
    mean += share * (bend - mean)
    kept[ONCE] = once
    kept[TWICE] = twice
    kept[THRICE] = thrice
    kept[BEND] = mean
    if age < WATCHED * tau:
        return NEITHER, 0
    sign = params[SIGN]
    distance = (params[LIMIT] - (once + rise)) * sign
    if distance <= 0.0 or (params[LIMIT] - value) * sign <= 0.0:
        return NEITHER, 0
    towards = rise * sign
    doubt = params[DOUBT] * mean
    if distance > params[RELEASE] * params[REACH] * (towards - HALF * doubt):
        return ENDS, 0
    if distance > params[REACH] * (towards - doubt):
        return NEITHER, 0
    return BEGINS, time + int(distance / towards * tau * SECOND)


@kernel
def start(memory: Records, time: int, value: float) -> None:
    """Watch anew from this value on."""
    memory.since = time
    memory.kept[ONCE] = value
    memory.kept[TWICE] = value
    memory.kept[THRICE] = value
    memory.kept[BEND] = 0.0
