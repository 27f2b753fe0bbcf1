"""A step of this machine's clock: what a bank remembers moves along, so that no span changes.

A point's times stand on one of two clocks. Where the device states its time they are the device's,
which no step of ours moves; its readings are then received later than usual by the step. Where the
time is missing, or so far ahead of ours that it was replaced by the received time, they are ours
and move with it. A step can make a point change from one to the other: a device that our clock
fell behind lies in the future from then on, and one in the future whose distance is known lies
there no more once our clock has caught up. In each case an on-delay goes on where it was, neither
run out by the step nor begun anew, and what came on time stays on time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records

#: A source time this far ahead of our clock is another clock's mistake, not transport.
FUTURE: Final = 5 * SECOND
#: Instead of how far a device's clock is ahead: its readings bear our time.
OURS: Final = -1

Ints = npt.NDArray[np.int64]


def follow(devices: Records, step: int, ahead: Ints) -> Ints:
    """Let the usual delays of devices follow a step; return by how much their points' times move.

    Parameters
    ----------
    devices
        A `detectors.admission.DEVICE` each; changed.
    step
        By how much our clock was set forward, ns; negative for back.
    ahead
        Shape (devices,): 0 where the last readings bore the device's time, `OURS` where they bore
        ours, else by how much (ns) the device's time was ahead when ours took its place.

    Returns
    -------
    ndarray
        Shape (devices,), ns.
    """
    usual = np.minimum(devices["lowest"], devices["before"])
    ours, replaced = ahead == OURS, ahead > 0
    # By how much the device's next reading will be late; negative where it is ahead.
    delay = np.where(replaced, -ahead, usual) + step
    future = delay < -FUTURE
    moved = np.where(replaced, ahead, 0)
    moved = np.where(future, np.where(replaced, step, step + usual), moved)
    for field in ("lowest", "before"):
        own = np.where(replaced, delay, devices[field] + step)
        own = np.where(future, 0, np.maximum(own, 0))
        devices[field] = np.where(ours, devices[field], own)
    known = devices["start"] != NEVER
    devices["start"][known] += step
    found: Ints = np.where(ours, step, moved)
    return found


def move(times: Ints, by: Ints) -> None:
    """Move instants in place; NEVER stays NEVER.

    Parameters
    ----------
    times, by
        Shape (n,), ns.
    """
    known = times != NEVER
    times[known] += by[known]
