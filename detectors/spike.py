"""Spikes: a value that jumps away and is soon back, counted as a bucket that leaks.

A jump of `height` or more from the value before is followed: back within half of that height and
within `longest` of the first reading outside, it was a spike; a step stays, and is none. Each spike
adds one to the bucket, which leaks one in `within`. It begins above ``count - 1``: whenever `count`
spikes came within `within`, and when single ones keep coming faster than it leaks. It ends when
none came for `within`.

No model of the signal is learnt: a value that is exactly 0, moves in coarse steps, is reported on
change or each quarter of an hour is judged alike, since only readings and the time between the two
jumps count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import step
from detectors.memory import BEGINS, ENDS, NEITHER

HEIGHT, LONGEST, COUNT, WITHIN = 0, 1, 2, 3
BASE, OUTSIDE, BUCKET = 0, 1, 2  # kept; `since` is when the last spike ended
#: `OUTSIDE` is for how long (ns) it has been outside, or this while it is not.
INSIDE = -1.0


@dataclass(frozen=True, slots=True)
class SpikeParams:
    """Which spikes are too many. No default: what is a spike is a matter of sensor and process.

    Parameters
    ----------
    height
        Of a jump from one reading to the next, in the point's unit, > 0.
    longest_s
        From the first reading outside to the first one back, s, > 0: shorter than anything that the
        process can do and the sensor follow.
    count
        So many spikes, >= 1,
    within_s
        in this time, s, > 0.
    """

    height: float
    longest_s: float
    count: int
    within_s: float

    def __post_init__(self) -> None:
        positive = (self.height, self.longest_s, self.within_s)
        if not (all(0 < number < np.inf for number in positive) and 1 <= self.count < np.inf):
            raise ValueError(
                f"spike height={self.height}, longest={self.longest_s} s, count={self.count}, "
                f"within={self.within_s} s: all must be positive and finite, count at least 1"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        longest, within = self.longest_s * SECOND, self.within_s * SECOND
        return (self.height, longest, float(self.count), within)


@step
def spike_step(rule: Records, memory: Records, elapsed: int, time: int, value: float) -> int:
    """Take one value, `elapsed` ns after the one before; return BEGINS, ENDS or neither."""
    params = rule.params
    kept = memory.kept
    if memory.since == NEVER:
        memory.since = time
        kept[BASE] = value
        kept[OUTSIDE] = INSIDE
        kept[BUCKET] = 0.0
        return NEITHER
    bucket = kept[BUCKET]
    if bucket > 0.0 and time - memory.since >= params[WITHIN]:
        bucket = 0.0
    away = abs(value - kept[BASE])
    outside = kept[OUTSIDE]
    if outside == INSIDE:
        if away >= params[HEIGHT]:
            kept[OUTSIDE] = 0.0
        else:
            kept[BASE] = value
    else:
        outside += elapsed
        back = away <= 0.5 * params[HEIGHT]
        if outside > params[LONGEST] or back:
            kept[BASE] = value
            kept[OUTSIDE] = INSIDE
        else:
            kept[OUTSIDE] = outside
        if outside <= params[LONGEST] and back:
            if bucket > 0.0:
                bucket -= (time - memory.since) / params[WITHIN]
            # No higher than what begins it: a burst is not remembered longer than a few.
            bucket = min(bucket + 1.0, params[COUNT])
            memory.since = time
    kept[BUCKET] = bucket
    if bucket > params[COUNT] - 1.0:
        return BEGINS
    return ENDS if bucket == 0.0 else NEITHER
