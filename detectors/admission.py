"""What a reading may do, judged from its times: all, raise only, fixed limits, or nothing.

Per point the source time only increases. Lateness is judged against the device's own usual delay,
the minimum of (received - source) over the last ten to twenty minutes, so a slow clock is not taken
for late data for ever. Until a device has been watched for that long its usual delay counts as
zero.

A point's last time can be later than a reading's reception only by what a device's clock may be
ahead. Where it is later than that, this machine's clock was set back: the point is then known anew,
or it would be judged by fixed limits alone until the clock has caught up.

======== =============================================================================
effect   meaning
======== =============================================================================
HOLD     no value: nothing moves, an alarm that stands is held
RAISE    evaluated, may raise, never clears (UNCERTAIN, or late)
FULL     on time and GOOD: may raise and clear
FIXED    not newer than the last accepted, or behind a fence: fixed limits only, raise only
IGNORE   equal to the last accepted reading: a duplicate, counted
======== =============================================================================
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import kernel

HOLD: Final = 0
RAISE: Final = 1
FULL: Final = 2
FIXED: Final = 3
IGNORE: Final = 4

GOOD: Final = 0
UNCERTAIN: Final = 1
BAD: Final = 2
FENCED: Final = 3
UNTIMED: Final = 4

SECOND: Final = 1_000_000_000
BUCKET: Final = 600 * SECOND
NEVER: Final = -(1 << 62)
#: The first late reading of a run keeps its point from being judged by the clock for this long: a
#: backlog drains in less, and a device that is late for ever must not wait for ever.
DRAIN: Final = 2 * SECOND
#: What is accepted lies at most five seconds ahead of its reception: beyond it the clock went back.
AHEAD: Final = 6 * SECOND

# Columns of a point's times, and of its device's.
LAST, HEARD, QUIET, GRADE, UNKNOWN = 0, 1, 2, 3, 4  # UNKNOWN: 1 while the newest reading is BAD
BUCKET_START, BUCKET_MIN, BEFORE_MIN = 0, 1, 2


def new_points(count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """State of `count` points: times, shape (count, 5), and last value, shape (count, 1)."""
    times = np.full((count, 5), NEVER, np.int64)
    times[:, GRADE] = GOOD
    times[:, UNKNOWN] = 0
    return times, np.full((count, 1), np.nan)


def new_devices(count: int) -> npt.NDArray[np.int64]:
    """State of `count` devices, shape (count, 3): the usual delay's sliding minimum."""
    state = np.zeros((count, 3), np.int64)
    state[:, BUCKET_START] = NEVER
    return state


@kernel
def usual_delay(device: npt.NDArray[np.int64], delay: int, received: int) -> int:
    """Take one delay into a device's sliding minimum and return the minimum (ns, >= 0)."""
    delay = max(delay, 0)
    if device[BUCKET_START] == NEVER or received < device[BUCKET_START] - AHEAD:
        device[BUCKET_START] = received
        device[BUCKET_MIN] = delay
        device[BEFORE_MIN] = 0
    elif received - device[BUCKET_START] >= 2 * BUCKET:
        device[BUCKET_START] = received
        device[BEFORE_MIN] = min(delay, device[BUCKET_MIN])
        device[BUCKET_MIN] = delay
    elif received - device[BUCKET_START] >= BUCKET:
        device[BUCKET_START] += BUCKET
        device[BEFORE_MIN] = device[BUCKET_MIN]
        device[BUCKET_MIN] = delay
    elif delay < device[BUCKET_MIN]:
        device[BUCKET_MIN] = delay
    return min(device[BUCKET_MIN], device[BEFORE_MIN])


@kernel
def forget(times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> None:
    """Know a point anew: this machine's clock was set back."""
    times[LAST] = NEVER
    times[HEARD] = NEVER
    times[QUIET] = NEVER
    times[GRADE] = GOOD
    values[0] = np.nan


@kernel
def admit(
    times: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    device: npt.NDArray[np.int64],
    late_after: int,
    time: int,
    received: int,
    value: float,
    grade: int,
) -> tuple[int, bool]:
    """Judge one reading and take it into its point's and its device's state.

    Parameters
    ----------
    times, values, device
        The point's row of each state array; changed.
    late_after
        Delay beyond the usual at which a reading is late, ns.
    time, received
        Source and received time, ns.
    value
        In the point's unit; a value that is not finite is BAD whatever `grade` says.
    grade
        GOOD, UNCERTAIN, BAD, FENCED, or UNTIMED: usable, but its time is the received one, so
        that it says nothing of the device's usual delay.

    Returns
    -------
    tuple
        The effect, and whether the reading is historical.
    """
    last = times[LAST]
    if grade == BAD or not np.isfinite(value):
        # Its time may be ours, not the device's: it moves nothing but this.
        times[UNKNOWN] = 1
        return HOLD, time <= last
    if time == last and grade == times[GRADE] and value == values[0]:
        return IGNORE, False
    if time <= last:
        return FIXED, True
    late = False
    if grade <= UNCERTAIN:
        late = received - time - usual_delay(device, received - time, received) > late_after
    times[LAST] = time
    times[GRADE] = grade
    times[UNKNOWN] = 0
    values[0] = value
    if grade == FENCED:
        return FIXED, True
    if late:
        if received > times[QUIET] + DRAIN:
            times[QUIET] = received + DRAIN
        return RAISE, True
    # Within one second the source time counts, so that a replay finds the same silence.
    near = abs(received - time) < SECOND
    times[HEARD] = time if near else received
    return (FULL if grade == GOOD else RAISE), False
