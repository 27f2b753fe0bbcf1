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
HOLD     no value: nothing moves, an alarm that stands is held; rules on the reason see it
RAISE    evaluated, may raise, never clears (UNCERTAIN, late, or of the last one's instant: then
         by no rule that needs time between two)
FULL     on time and GOOD: may raise and clear
FIXED    older than the last accepted, or behind a fence: fixed limits only, raise only
IGNORE   equal to the last accepted reading: a duplicate, counted
======== =============================================================================
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.arrays import LINE, Records, new_records
from detectors.jit import kernel, step

HOLD: Final = 0
RAISE: Final = 1
FULL: Final = 2
FIXED: Final = 3
IGNORE: Final = 4

#: A reading's grade: the verdict in its low bits, above them the reason (`detectors.reason`).
GOOD: Final = 0
UNCERTAIN: Final = 1
BAD: Final = 2
FENCED: Final = 3
UNTIMED: Final = 4
VERDICT: Final = 7

SECOND: Final = 1_000_000_000
BUCKET: Final = 600 * SECOND
NEVER: Final = -(1 << 62)
#: The first late reading of a run keeps its point from being judged by the clock for this long: a
#: backlog drains in less, and a device that is late for ever must not wait for ever.
DRAIN: Final = 2 * SECOND
#: What is accepted lies at most five seconds ahead of its reception: beyond it the clock went back.
AHEAD: Final = 6 * SECOND

#: No instrument means a number beyond this: it is no value. The difference of two up to it, and the
#: square of that, are doubles still, so that no detector's arithmetic can overflow.
LARGEST: Final = 1e150

#: What is remembered of a point, exactly one cache line. Times in ns, NEVER for none.
#:
#: ======== ==================================================================================
#: last     source time of the last accepted reading; `value` and `grade` are this reading's
#: heard    when it last had usable data that came on time
#: quiet    until when the clock does not judge it: late data are coming
#: stepped  when its detectors with a memory were last run; one interval serves them all
#: spacing  the interval before that
#: stirred  a bit for each of its rules that is not at rest (`detectors._debounce`); the last
#:          bit stands for all from the 64th on
#: unknown  1 while the newest reading is BAD
#: ======== ==================================================================================
POINT: Final = np.dtype(
    {
        "names": [
            *("last", "heard", "quiet", "stepped", "value", "stirred"),
            *("grade", "unknown", "spacing"),
        ],
        "formats": ["i8", "i8", "i8", "i8", "f8", "u8", "u1", "u1", "i8"],
        # As a snapshot keeps it: what was added stands where nothing stood.
        "offsets": [0, 8, 16, 24, 32, 40, 48, 49, 56],
        "itemsize": LINE,
    }
)
#: A device's usual delay: the minimum since `start`, and that of the ten minutes before, ns.
DEVICE: Final = np.dtype([("start", "i8"), ("lowest", "i8"), ("before", "i8")])


def new_points(count: int) -> Records:
    """Return the state of `count` points that were never heard, a `POINT` each."""
    points = new_records(count, POINT)
    for field in ("last", "heard", "quiet", "stepped"):
        points[field] = NEVER
    points["value"] = np.nan
    points["grade"] = GOOD
    return points


def new_devices(count: int) -> Records:
    """Return the state of `count` devices that were never heard, a `DEVICE` each."""
    devices = new_records(count, DEVICE)
    devices["start"] = NEVER
    return devices


@step
def usual_delay(device: Records, delay: int, received: int) -> int:
    """Take one delay into a device's sliding minimum and return the minimum (ns, >= 0)."""
    delay = max(delay, 0)
    age = received - device.start
    if -AHEAD <= age < BUCKET:
        device.lowest = min(device.lowest, delay)
    elif device.start == NEVER or received < device.start - AHEAD:
        device.start = received
        device.lowest = delay
        device.before = 0
    elif received - device.start >= 2 * BUCKET:
        device.start = received
        device.before = min(delay, device.lowest)
        device.lowest = delay
    elif received - device.start >= BUCKET:
        device.start += BUCKET
        device.before = device.lowest
        device.lowest = delay
    return min(device.lowest, device.before)


@step
def wait(point: Records, received: int) -> None:
    """Keep the clock from judging a point of which late data are coming."""
    if received > point.quiet + DRAIN:
        point.quiet = received + DRAIN


@kernel
def forget(point: Records) -> None:
    """Know a point anew: this machine's clock was set back."""
    point.last = NEVER
    point.heard = NEVER
    point.quiet = NEVER
    point.stepped = NEVER
    point.spacing = 0
    point.grade = GOOD
    point.value = np.nan


@step
def admit(
    point: Records,
    device: Records,
    late_after: int,
    time: int,
    received: int,
    value: float,
    grade: int,
) -> tuple[int, bool]:
    """Judge one reading and take it into its point's and its device's state.

    Parameters
    ----------
    point, device
        A `POINT` and a `DEVICE`; changed.
    late_after
        Delay beyond the usual at which a reading is late, ns.
    time, received
        Source and received time, ns.
    value
        In the point's unit; one that is no number, or beyond `LARGEST`, is BAD whatever `grade`
        says.
    grade
        Its verdict GOOD, UNCERTAIN, BAD, FENCED, or UNTIMED: usable, but its time is the received
        one, so that it says nothing of the device's usual delay.

    Returns
    -------
    tuple
        The effect, and whether the reading is historical.
    """
    last = point.last
    verdict = grade & VERDICT
    if verdict == BAD or not abs(value) <= LARGEST:
        # Its time may be ours, not the device's: it says nothing of the usual delay, and is no
        # newest reading. A backlog of such readings keeps the clock back like any other.
        point.unknown = 1
        if received - time - min(device.lowest, device.before) > late_after:
            wait(point, received)
            return HOLD, True
        return HOLD, time <= last
    if time == last and grade == point.grade and value == point.value:
        return IGNORE, False
    if time < last or (time == last and verdict > UNCERTAIN):
        return FIXED, True
    late = False
    if verdict <= UNCERTAIN:
        late = received - time - usual_delay(device, received - time, received) > late_after
    point.last = time
    point.grade = grade
    point.unknown = 0
    point.value = value
    if verdict == FENCED:
        return FIXED, True
    if late:
        wait(point, received)
        return RAISE, True
    if time == last:
        # A device whose clock shows whole seconds has said both in one: neither is older, and the
        # second may be its last word for long.
        return RAISE, False
    # Within one second the source time counts, so that a replay finds the same silence.
    near = abs(received - time) < SECOND
    point.heard = time if near else received
    return (FULL if verdict == GOOD else RAISE), False
