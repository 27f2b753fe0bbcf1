"""On-delay and off-delay, the same for every detector, on source time.

A rule becomes active when its condition has held for the on-delay, and inactive when its end
condition has held for the off-delay. An on-delay may run out between two readings: it then fires at
the first whole second at or after its end, either when a later reading shows that this second has
passed, or by the clock (`detectors.bank.tick`); both name the same second, so live and replay
agree. An off-delay is judged on readings alone: no data never clears.

A rule that is inactive and has no delay running is at rest: a verdict that does not begin moves
nothing in it. So a row at rest is not even looked at (`detectors.admission.POINT`, `stirred`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.admission import FIXED, FULL, NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import kernel

NOTHING: Final = 0
BEGAN: Final = 1
ENDED: Final = -1

#: A row's state: whether it is active, and since when its end condition (while active) or its
#: condition (while not) holds, ns, NEVER while it does not.
DELAY: Final = np.dtype([("active", np.int64), ("since", np.int64)])


@kernel
def deadline(row: Records, on_delay: int) -> int:
    """Return the whole second (ns) at which a pending on-delay fires, or NEVER for none."""
    if row.active == 1 or row.since == NEVER:
        return NEVER
    return (row.since + on_delay + SECOND - 1) // SECOND * SECOND


@kernel
def fire(row: Records) -> None:
    """Make a pending rule active."""
    row.active = 1
    row.since = NEVER


@kernel
def settle(
    row: Records,
    on_delay: int,
    off_delay: int,
    time: int,
    effect: int,
    begins: bool,
    ends: bool,
) -> int:
    """Take one verdict of a detector; return BEGAN, ENDED or NOTHING.

    Parameters
    ----------
    row
        The row's state, a `DELAY`; changed.
    on_delay, off_delay
        In ns of source time.
    time, effect
        Of the reading, as admitted.
    begins, ends
        The detector's verdict; neither holds inside a deadband.
    """
    if row.active == 1:
        if not ends:
            if effect != FIXED:
                row.since = NEVER
            return NOTHING
        if effect != FULL:
            return NOTHING
        if row.since == NEVER:
            row.since = time
        if time - row.since < off_delay:
            return NOTHING
        row.active = 0
        row.since = NEVER
        return ENDED
    if begins:
        # A reading out of order proves an instant, not a duration.
        if effect == FIXED and on_delay > 0:
            return NOTHING
        if row.since == NEVER:
            row.since = time
        if time - row.since < on_delay:
            return NOTHING
        fire(row)
        return BEGAN
    if effect == FULL:
        row.since = NEVER
    return NOTHING
