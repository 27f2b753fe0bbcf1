"""What the broker is owed: messages that were taken, until what they said is durable.

They are acknowledged in the order they came in, and only on the connection they came on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.model import Clock
from gateway.observe import Metrics, log
from gateway.readings import ReadingBatch
from gateway.roles.edge.pacing import OLDEST_S, PAUSE_S, Pacing
from gateway.southbound.arrivals import Receipt
from gateway.southbound.repeats import Newest, Repeats

#: A window of so many messages is not soon exhausted.
ROOMY: Final = 500
LOG = log("roles.edge.owed")


class Owed:
    """Messages that wait for their acknowledgement, and when a sync is due for them.

    Parameters
    ----------
    pacing
        Decides when to sync; the timers are here.
    repeats
        Told what came on a connection that was lost: on the next one it comes again.
    sync
        Asks the store thread to make durable what it holds.
    """

    def __init__(
        self,
        pacing: Pacing,
        repeats: Repeats,
        *,
        sync: Callable[[], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.receipts: deque[Receipt] = deque()
        #: Messages taken, ever.
        self.accepted = 0
        self._acknowledged = 0
        self._pacing = pacing
        self._repeats = repeats
        #: What a broker may repeat: more than any in-flight window holds.
        self._recent = Newest(repeats.most)
        self._sync = sync
        self._clock = clock
        self._metrics = metrics
        self._pause: asyncio.TimerHandle | None = None
        self._oldest: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Messages that are not yet acknowledged."""
        return self.accepted - self._acknowledged

    @property
    def roomy(self) -> bool:
        """Whether the broker sends a good deal more before it is acknowledged anything."""
        return self._pacing.window >= ROOMY

    def take(self, receipt: Receipt, batch: ReadingBatch) -> bool:
        """Take messages and what they said; return whether they fill half the window."""
        if len(receipt):
            self.receipts.append(receipt)
            self._recent.add(batch)
        self.accepted += len(receipt)
        pacing, known = self._pacing, self._pacing.limited
        full = pacing.arrived(len(receipt), monotonic_ns=self._clock.monotonic_ns())
        if pacing.limited and not known:
            self._metrics.window_limited.inc()
            LOG.warning(
                "the broker's in-flight window limits the rate; raise max_inflight_messages there",
                window=pacing.window,
            )
        return full

    def arm(self) -> None:
        """See to it that a sync comes when traffic pauses, or the oldest has waited enough."""
        loop = asyncio.get_running_loop()
        if self._oldest is None:
            self._oldest = loop.call_later(OLDEST_S, self._old)
        if self._pacing.busy:
            if self._pause is not None:
                self._pause.cancel()
            self._pause = loop.call_later(PAUSE_S, self._paused)

    def durable(self, accepted: int) -> list[Receipt]:
        """Return what may be acknowledged: what is owed for the first `accepted` messages ever."""
        left = max(0, min(accepted, self.accepted) - self._acknowledged)
        self._acknowledged += left
        self._metrics.acknowledged.inc(left)
        self._pacing.durable(left, monotonic_ns=self._clock.monotonic_ns())
        found = []
        while left:
            receipt = self.receipts.popleft()
            if len(receipt) > left:
                receipt, rest = receipt.split(left)
                self.receipts.appendleft(rest)
            left -= len(receipt)
            found.append(receipt)
        return found

    def forget(self) -> None:
        """Let go of what was not acknowledged: on the next connection it comes again.

        So does what was acknowledged in vain, its acknowledgement lost with the connection.
        """
        for batch in self._recent:
            self._repeats.remember(batch)
        self._recent.clear()
        self._pacing.durable(self.waiting, monotonic_ns=self._clock.monotonic_ns())
        self._acknowledged = self.accepted
        self.receipts.clear()

    def _paused(self) -> None:
        self._pause = None
        if self.receipts:
            self._pacing.paused()
            self._sync()

    def _old(self) -> None:
        self._oldest = None
        if self.receipts:
            self._sync()
