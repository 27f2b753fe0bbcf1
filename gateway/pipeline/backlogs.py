"""Whether a device still hands over what it kept, or its late data are all there is.

A backlog comes faster than it came about, so each of its readings is less late than the one before.
What comes at the pace at which it was measured is late by as much each time: the device's clock is
slow, or ours is ahead, and nothing is to be waited for. Which of both a first late reading is shows
only in what follows it. So late data has settled when for half a second nothing came of its device
that was less late, or so much later that it is another backlog; and ten seconds where it was seen
to hand over what it kept, since its next message may be a while away.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.pipeline.plant import LATE_NS
from gateway.readings import ReadingBatch

#: For so long nothing less late has come.
SETTLED_NS: Final = 500_000_000
#: Less late by more than this: faster than it was measured, and no jitter of transport.
PACE_NS: Final = 500_000_000
#: Later by more than this, which a clock of whole seconds is not: another backlog begins.
ANOTHER_NS: Final = 2_000_000_000
#: So long after a backlog a device is like any other.
FORGOTTEN_NS: Final = 10_000_000_000
NEVER: Final = 1 << 62


class Backlogs:
    """Watches by how much the readings of devices are late, while somebody asks.

    Parameters
    ----------
    device
        Of each point, shape (points,).
    """

    def __init__(self, device: npt.NDArray[np.int32]) -> None:
        self._device = device
        count = int(device.max(initial=-1)) + 1
        #: By how much each device's readings are late, and when that last changed, ns.
        self._late = np.full(count, NEVER, np.int64)
        self._since = np.full(count, NEVER, np.int64)
        self._draining = np.zeros(count, bool)
        self._watching = False

    def begin(self) -> None:
        """Know nothing of any device: nobody asks, or this machine's clock was set."""
        if self._watching:
            self._late.fill(NEVER)
            self._since.fill(NEVER)
            self._draining.fill(False)
            self._watching = False

    def take(self, batch: ReadingBatch) -> None:
        """Take the readings that came at once."""
        delay = batch.received_ns - batch.time_ns
        # What a device says now beside what it kept tells nothing of the latter.
        old = delay > LATE_NS
        if not old.any():
            return
        self._watching = True
        devices, own = np.unique(self._device[batch.point[old]], return_inverse=True)
        late = np.full(devices.size, NEVER, np.int64)
        np.minimum.at(late, own, delay[old])
        most = np.zeros(devices.size, np.int64)
        np.maximum.at(most, own, delay[old])
        before = self._late[devices]
        less = late < before - PACE_NS
        # Several at once, of hours: more than a loop that stood still for a moment explains.
        handed_over = (less & (before < NEVER)) | (most - late > ANOTHER_NS)
        changed = less | (late > before + ANOTHER_NS) | handed_over
        self._draining[devices[changed]] = handed_over[changed]
        self._late[devices[changed]] = late[changed]
        self._since[devices[changed]] = batch.received_ns[-1]

    def settled(self, now_ns: int) -> npt.NDArray[np.bool_]:
        """Return of which devices all that is late has been late by as much for long enough.

        Returns
        -------
        ndarray
            Shape (devices,); false where nothing has come since the watch began.
        """
        wait = np.where(self._draining, FORGOTTEN_NS, SETTLED_NS)
        found: npt.NDArray[np.bool_] = self._since <= now_ns - wait
        return found
