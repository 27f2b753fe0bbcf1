"""Whether a device still hands over what it kept, or its late data are all there is.

A backlog comes faster than it came about, so each of its readings is less late than the one before.
What comes at the pace at which it was measured is late by as much each time: the device's clock is
slow, or ours is ahead, and nothing is to be waited for. Which of both a first late reading is shows
only in what follows it. So late data has settled when for half a second nothing came of its device
that was less late, or so much later that it is another backlog. A device that was seen to hand over
what it kept has not settled until that is forgotten: its next message may be a second away.
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
        before = self._late[devices]
        less = late < before - PACE_NS
        self._draining[devices] |= less & (before < NEVER)
        changed = less | (late > before + ANOTHER_NS)
        self._late[devices[changed]] = late[changed]
        self._since[devices[changed]] = batch.received_ns[-1]

    def settled(self, now_ns: int) -> npt.NDArray[np.bool_]:
        """Return of which devices what is late is late by as much, for half a second at least.

        Returns
        -------
        ndarray
            Shape (devices,); false where nothing has come since the watch began.
        """
        found: npt.NDArray[np.bool_] = (self._since <= now_ns - SETTLED_NS) & ~self._draining
        return found
