"""What the trend detector was compared with: other estimators of a slope, and of its error.

Each has a time constant, and a strictness of its own meaning; all look equally far ahead, begin on
``distance <= horizon * (slope - doubt)`` where they have a doubt, and end with the same deadband.
They are prototypes: limit 1 above, memory as long as they like, seconds as doubles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import entry, step
from detectors.memory import BEGINS, ENDS, NEITHER

Floats = npt.NDArray[np.float64]

NAMES: Final = (
    *("difference", "holt", "regression", "two stages", "two scales", "kalman", "page-hinkley"),
)
DIFFERENCE, HOLT, REGRESSION, STAGES, SCALES, KALMAN, PAGE = range(len(NAMES))
#: Places of the window of `difference`, two numbers each.
SLOTS: Final = 16
#: A setting's state: its parameters, since when it watches and the last reading (s), whether its
#: condition stands, and what the estimator keeps.
TAU, STRICT, HORIZON, GAP, SINCE, LAST, STANDS, OWN = range(8)
RELEASE: Final = 1.5
#: Time constants to watch, and over which an estimator's own scatter is averaged.
WATCHED: Final = 3.0
LEARNT: Final = 100.0
#: Mean magnitude of a normal number of deviation 1.
MAGNITUDE: Final = math.sqrt(2.0 / math.pi)


@step
def judge(level: float, slope: float, doubt: float, horizon: float) -> int:
    """Return the verdict on a line with a slope and how much of it is in doubt."""
    distance = 1.0 - level
    if distance <= 0.0:
        return NEITHER
    if distance <= horizon * (slope - doubt):
        return BEGINS
    return ENDS if distance > RELEASE * horizon * (slope - 0.5 * doubt) else NEITHER


@step
def share(tau: float, dt: float, age: float) -> float:
    """Return the weight of a reading in a mean over `LEARNT` time constants, or all there is."""
    return dt / (tau + dt) / LEARNT if age >= LEARNT * tau else dt / age


@step
def scatter(mean: float, rise: float, weight: float, relevant: float) -> float:
    """Return the mean magnitude of a rise, in which a leak's own counts for little.

    A rise counts at most as three times the mean, or as a tenth of what would lead to the limit.
    """
    most = 3.0 * mean + 0.1 * relevant
    return mean + weight * (min(abs(rise), most) - mean)


@step
def difference(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Take the difference over a window of `TAU` seconds; it knows no doubt."""
    pushed = int(kept[0])
    newest = 2 + 2 * ((pushed - 1) % SLOTS)
    if dt < 0.0 or age - kept[newest] >= params[TAU] / (SLOTS - 1):
        pushed = 0 if dt < 0.0 else pushed
        at = 2 + 2 * (pushed % SLOTS)
        kept[at], kept[at + 1] = age, value
        kept[0] = pushed + 1
    oldest = 2 + 2 * (int(kept[0]) % SLOTS)
    if kept[0] < SLOTS:
        return NEITHER
    span = age - kept[oldest]
    return judge(value, (value - kept[oldest + 1]) / span, 0.0, params[HORIZON])


@step
def holt(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Take Holt's level and slope, and as noise the mean magnitude of the innovation.

    It was the detector before this comparison: strict is how many times the noise the slope must
    move the level within `TAU`.
    """
    tau = params[TAU]
    if dt < 0.0:
        kept[0], kept[1], kept[2] = value, 0.0, 0.0
        return NEITHER
    share = 1.0 / (tau + dt)
    innovation = value - (kept[0] + kept[1] * dt)
    kept[0] += kept[1] * dt + dt * share * innovation
    kept[1] += dt * share * innovation * share
    kept[2] += dt * share * (abs(innovation) - kept[2])
    distance, moved, noise = 1.0 - kept[0], kept[1] * tau, params[STRICT] * kept[2]
    if age < WATCHED * tau or distance <= 0.0:
        return NEITHER
    if kept[1] <= 0.0 or moved < 0.5 * noise or distance > RELEASE * params[HORIZON] * kept[1]:
        return ENDS
    return NEITHER if moved < noise or distance > params[HORIZON] * kept[1] else BEGINS


@step
def regression(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Fit a line by exponentially weighted least squares, with its standard error.

    The error takes the residuals as independent: weights fall by ``exp(-age / TAU)``, so that the
    slope's variance is a quarter of the residuals' over the weighted sum of squares of time.
    """
    if dt < 0.0:
        kept[0], kept[1], kept[2], kept[3], kept[4], kept[5] = 1.0, 0.0, 0.0, value, 0.0, value**2
        return NEITHER
    keep = params[TAU] / (params[TAU] + dt)
    # Times are counted from now: all that is kept moves back by dt.
    kept[2] = keep * (kept[2] - 2.0 * dt * kept[1] + dt * dt * kept[0])
    kept[1] = keep * (kept[1] - dt * kept[0])
    kept[4] = keep * (kept[4] - dt * kept[3])
    kept[0] = keep * kept[0] + 1.0
    kept[3] = keep * kept[3] + value
    kept[5] = keep * kept[5] + value * value
    time, mean = kept[1] / kept[0], kept[3] / kept[0]
    squares = kept[2] - kept[1] * time
    if age < WATCHED * params[TAU] or squares <= 0.0:
        return NEITHER
    both = kept[4] - kept[1] * mean
    slope = both / squares
    left = max(0.0, (kept[5] - kept[3] * mean - slope * both) / kept[0])
    doubt = params[STRICT] * 0.5 * math.sqrt(left / squares)
    return judge(mean - slope * time, slope, doubt, params[HORIZON])


@step
def stages(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Take two low-passes in a row (Brown), and as noise the rise's own usual magnitude."""
    tau = params[TAU]
    if dt < 0.0:
        kept[0], kept[1], kept[2] = value, value, 0.0
        return NEITHER
    weight = dt / (tau + dt)
    kept[0] += weight * (value - kept[0])
    kept[1] += weight * (kept[0] - kept[1])
    rise = kept[0] - kept[1]
    level = kept[0] + rise
    kept[2] = scatter(kept[2], rise, share(tau, dt, age), abs(1.0 - level) * tau / params[HORIZON])
    if age < WATCHED * tau:
        return NEITHER
    return judge(level, rise / tau, params[STRICT] / MAGNITUDE * kept[2] / tau, params[HORIZON])


@step
def scales(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Take the difference of two low-passes side by side, `TAU` and a quarter of it."""
    slow, fast = params[TAU], 0.25 * params[TAU]
    if dt < 0.0:
        kept[0], kept[1], kept[2] = value, value, 0.0
        return NEITHER
    kept[0] += dt / (fast + dt) * (value - kept[0])
    kept[1] += dt / (slow + dt) * (value - kept[1])
    rise, span = kept[0] - kept[1], slow - fast
    level = kept[0] + rise * fast / span
    kept[2] = scatter(
        kept[2], rise, share(slow, dt, age), abs(1.0 - level) * span / params[HORIZON]
    )
    if age < WATCHED * slow:
        return NEITHER
    return judge(level, rise / span, params[STRICT] / MAGNITUDE * kept[2] / span, params[HORIZON])


@step
def kalman(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Take a constant-velocity Kalman filter in its steady state, damped by 1/sqrt(2)."""
    tau = params[TAU]
    if dt < 0.0:
        kept[0], kept[1], kept[2] = value, 0.0, 0.0
        return NEITHER
    weight = dt / (tau + dt)
    # From sqrt(2) * weight where readings are dense to 1 where they are rare.
    gain = math.sqrt(0.5) * weight * (2.0 - weight) + (1.0 - math.sqrt(0.5)) * weight * weight
    innovation = value - (kept[0] + kept[1] * dt)
    kept[0] += kept[1] * dt + gain * innovation
    kept[1] += weight / (tau + dt) * innovation
    rise = kept[1] * tau
    kept[2] = scatter(
        kept[2], rise, share(tau, dt, age), abs(1.0 - kept[0]) * tau / params[HORIZON]
    )
    if age < WATCHED * tau:
        return NEITHER
    return judge(kept[0], kept[1], params[STRICT] / MAGNITUDE * kept[2] / tau, params[HORIZON])


@step
def page(kept: Floats, params: Floats, dt: float, age: float, value: float) -> int:
    """Sum what exceeds a slow mean by its usual scatter (Page-Hinkley) since the sum was last 0.

    A ramp that began then has a slope of twice the sum over the time squared.
    """
    tau = params[TAU]
    if dt < 0.0:
        kept[0], kept[1], kept[2], kept[3], kept[4] = value, value, 0.0, 0.0, 0.0
        return NEITHER
    kept[0] += dt / (tau + dt) * (value - kept[0])
    beyond, weight = kept[0] - kept[1], share(tau, dt, age)
    most = 3.0 * kept[2] + 0.01
    kept[1] += weight * max(-most, min(most, beyond))
    kept[2] += weight * (min(abs(beyond), most) - kept[2])
    kept[3] = max(0.0, kept[3] + (beyond - kept[2]) * dt)
    kept[4] = kept[4] + dt if kept[3] > 0.0 else 0.0
    if age < WATCHED * tau:
        return NEITHER
    if kept[4] < tau:
        return ENDS
    slope = 2.0 * kept[3] / kept[4] ** 2
    doubt = params[STRICT] / MAGNITUDE * 2.0 * kept[2] * math.sqrt(tau) / kept[4] ** 1.5
    return judge(max(kept[0], kept[1] + kept[2] + slope * kept[4]), slope, doubt, params[HORIZON])


@step
def verdict_of(estimator: int, state: Floats, dt: float, age: float, value: float) -> int:
    """Give one reading to an estimator by its place in `NAMES`; `dt` is negative to begin anew."""
    params, kept = state[:GAP], state[OWN:]
    if estimator == DIFFERENCE:
        verdict = difference(kept, params, dt, age, value)
    elif estimator == HOLT:
        verdict = holt(kept, params, dt, age, value)
    elif estimator == REGRESSION:
        verdict = regression(kept, params, dt, age, value)
    elif estimator == STAGES:
        verdict = stages(kept, params, dt, age, value)
    elif estimator == SCALES:
        verdict = scales(kept, params, dt, age, value)
    elif estimator == KALMAN:
        verdict = kalman(kept, params, dt, age, value)
    else:
        verdict = page(kept, params, dt, age, value)
    return verdict


def new_states(settings: Sequence[tuple[float, float, float, float]]) -> Floats:
    """Return the state of settings (tau, strictness, horizon, gap) that have seen nothing."""
    states = np.zeros((len(settings), OWN + 2 + 2 * SLOTS))
    states[:, : GAP + 1] = settings
    states[:, LAST] = -1.0
    return states


@entry
def watch(
    estimator: int, times: npt.NDArray[np.int64], values: Floats, states: Floats, begins: Floats
) -> None:
    """Give readings to several settings of one estimator.

    Parameters
    ----------
    estimator
        Its place in `NAMES`.
    times, values
        ns, and of H.
    states
        A row a setting, as `new_states` makes them; changed.
    begins
        A row a setting: how often it began, and the first instants (s); changed.
    """
    for which in range(states.shape[0]):
        state, row = states[which], begins[which]
        for number in range(times.size):
            now, value = times[number] * 1e-9, values[number]
            dt = now - state[LAST]
            if state[LAST] < 0.0 or dt > state[GAP]:
                dt, state[SINCE] = -1.0, now
            state[LAST] = now
            age = now - state[SINCE]
            verdict = verdict_of(estimator, state, dt, age, value)
            if verdict == BEGINS and state[STANDS] == 0.0:
                state[STANDS] = 1.0
                row[0] += 1.0
                if row[0] < row.size:
                    row[int(row[0])] = now
            elif verdict == ENDS:
                state[STANDS] = 0.0
