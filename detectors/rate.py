"""Rate of change: a first-order low-pass of the difference quotient of what two readings agree on.

The value is first taken through a median of three, of the last two readings and the median before
them: it moves only as far as two readings in a row agree that it has. A single reading that is off,
by however much, moves nothing; a step and a slope are seen one reading later.

``r += (m - m_prev - dt * r) / (tau + dt)``: the backward-Euler form, which has one division and no
transcendental function, so that the compiled and the plain form agree to the last bit. On a slope
the median is the reading before this one, so `dt` is the time between the two before: with readings
that come in bursts the last interval would tell of another slope. It begins when the rate in the
watched direction reaches the limit, once it has been watched for one time constant. A gap longer
than `gap` starts it anew and holds what stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import kernel, step
from detectors.memory import BEGINS, ENDS, NANO, NEITHER

LIMIT, DIRECTION, DEADBAND, TAU, GAP, WATCH = 0, 1, 2, 3, 4, 5
MEDIAN, RATE, PREVIOUS = 0, 1, 2  # kept; `since` is when watching started


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
        gap, watch = self.gap_s * SECOND, self.tau_s * SECOND
        return (self.limit, float(self.direction), self.deadband, self.tau_s, gap, watch)


@step
def rate_step(
    rule: Records, memory: Records, elapsed: int, spacing: int, time: int, value: float
) -> int:
    """Take one value; return BEGINS, ENDS or neither.

    Parameters
    ----------
    elapsed, spacing
        Since the value before, and from the one before that to it, ns.
    """
    params = rule.params
    kept = memory.kept
    if memory.since == NEVER or elapsed > params[GAP]:
        begin(memory, time, value)
        return NEITHER
    dt = spacing * NANO
    before, previous = kept[MEDIAN], kept[PREVIOUS]
    median = max(min(previous, value), min(before, max(previous, value)))
    rate = kept[RATE]
    rate += (median - before - dt * rate) * (1.0 / (params[TAU] + dt))
    kept[MEDIAN] = median
    kept[PREVIOUS] = value
    kept[RATE] = rate
    if time - memory.since < params[WATCH]:
        return NEITHER
    seen = abs(rate) if params[DIRECTION] == 0.0 else rate * params[DIRECTION]
    if seen >= params[LIMIT]:
        return BEGINS
    return ENDS if seen < params[LIMIT] - params[DEADBAND] else NEITHER


@kernel
def begin(memory: Records, time: int, value: float) -> None:
    """Watch anew from this value on."""
    memory.since = time
    memory.kept[MEDIAN] = value
    memory.kept[RATE] = 0.0
    memory.kept[PREVIOUS] = value
