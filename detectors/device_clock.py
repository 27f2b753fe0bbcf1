"""Device clock: for how long a device's clock has been right, wrong or slow without a break.

A reading says of its device's clock that it is

======== =======================================================================================
wrong    its source time cannot be, or none was given where one belongs (reasons CLOCK, UNDATED)
slow     GOOD, and received later than its source time by more than the device may need
right    GOOD, and not slow
======== =======================================================================================

All else says nothing: a BAD reading has its own trouble, and what waited behind a fence was held up
elsewhere. A run lasts while its readings say the same. Of slow ones each is also late by as much as
the run's first, within what the device may need: a backlog that is handed over faster than it came
about is late by less and less, and blames no clock.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.admission import AHEAD, GOOD, NEVER, SECOND
from detectors.arrays import Records, new_records
from detectors.jit import entry, step
from detectors.reason import CLOCK, SHIFT, UNDATED

# What a run is of.
NOTHING, RIGHT, WRONG, SLOW = 0, 1, 2, 3

#: The present run of a device: when it began and last went on, by our clock, NEVER for none; by how
#: much its first reading was late (ns); what it is of; 1 while right readings matter.
RUN: Final = np.dtype(
    [("since", "i8"), ("last", "i8"), ("delay", "i8"), ("of", "i1"), ("watched", "i1")], align=True
)

Ints = npt.NDArray[np.int64]


def new_runs(count: int) -> Records:
    """Return the runs of `count` devices that were never heard, a `RUN` each."""
    runs = new_records(count, RUN)
    runs["since"] = runs["last"] = NEVER
    return runs


@step
def go_on(run: Records, of: int, at: int, delay: int, most: int) -> None:
    """Take one reading into a device's run.

    Parameters
    ----------
    of
        What it says: RIGHT, WRONG or SLOW.
    at
        When it was taken, by our clock, ns; earlier than the run's last by more than a device's
        clock may be ahead, this machine's clock was set back, and the run begins anew.
    delay, most
        By how much it was late, and how far slow ones of one run may be apart, ns.
    """
    same = run.of == of and at >= run.last - AHEAD
    if same and of == SLOW:
        same = abs(delay - run.delay) <= most
    if not same:
        run.since = at
        run.last = at
        run.delay = delay
        run.of = of
    elif at > run.last:
        run.last = at
    if of != RIGHT:
        run.watched = 1


@entry
def watch(
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    grade: npt.NDArray[np.uint8],
    devices: npt.NDArray[np.int32],
    most: Ints,
    least: int,
    busy: bool,
    runs: Records,
) -> bool:
    """Take readings, in order, into the runs of their devices.

    Parameters
    ----------
    point, time, received, grade
        As `detectors.bank.Bank.take` reads them.
    devices
        The run of each point's device, -1 for one without a clock.
    most
        By how much each run's device may be late, ns; `least` of them all.
    busy
        Whether any run is watched. While none is, a right reading costs two comparisons.

    Returns
    -------
    bool
        Whether any run is watched now.
    """
    for i in range(point.size):
        given = grade[i] & 255
        reason = given >> SHIFT
        late = received[i] - time[i]
        wrong = reason == CLOCK or reason == UNDATED  # noqa: PLR1714 (a tuple costs more)
        if not wrong and (given != GOOD or (late <= least and not busy)):
            continue
        own = devices[point[i]]
        if own < 0:
            continue
        of = WRONG if wrong else SLOW if late > most[own] else RIGHT
        run = runs[own]
        if of == RIGHT and run.watched == 0:
            continue
        at = time[i] if abs(late) < SECOND else received[i]
        go_on(run, of, at, late, most[own])
        busy = True
    return busy
