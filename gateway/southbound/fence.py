"""The fence: a message to oneself that tells what waited in the broker's queue from what is live.

A resumed session first delivers what came while the gateway was away. The fence is published once
the session stands; the broker puts it behind what waited, so all that comes before it is old.
"""

from __future__ import annotations

import secrets
from typing import Final

from gateway.model import Clock
from gateway.observe import log

#: A fence that does not come back is taken down when nothing came before it for this long.
FENCE_S: Final = 10.0
#: And at last after this, though messages keep coming: the broker may forbid the topic in silence,
#: and behind a fence no delay and no silence runs out.
LAST_S: Final = 60.0
LOG = log("southbound.fence")


class Fence:
    """Stands while messages that waited in the broker's queue may still be coming.

    Parameters
    ----------
    topic
        On which the node speaks to itself.
    clock
        Tells when the fence is overdue.
    """

    def __init__(self, topic: str, clock: Clock) -> None:
        self.said = b""
        self._topic = topic
        self._clock = clock
        self._until = 0
        self._last = 0

    @property
    def stands(self) -> bool:
        """Whether what comes now may have waited."""
        return bool(self.said)

    def put_up(self) -> None:
        """Put up a new one; `said` is what must come back."""
        self.said = secrets.token_hex(8).encode()
        self.excuse()

    def take_down(self) -> None:
        """Take it down: it came back, or nothing comes."""
        self.said = b""

    def wait(self) -> None:
        """Count anew how long nothing may come: something of the queue came before it."""
        self._until = self._clock.monotonic_ns() + int(FENCE_S * 1e9)

    def excuse(self) -> None:
        """Count everything anew: nothing could come back until now."""
        self._last = self._clock.monotonic_ns() + int(LAST_S * 1e9)
        self.wait()

    def look(self) -> None:
        """Take it down where it has not come back in time."""
        if self.stands and self._clock.monotonic_ns() > min(self._until, self._last):
            LOG.warning("fence did not come back; the broker may forbid it", topic=self._topic)
            self.take_down()
