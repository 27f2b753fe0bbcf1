"""The fence: a message to oneself that tells what waited in the broker's queue from what is live.

A resumed session first delivers what came while the gateway was away. The fence is published once
the session stands; the broker puts it behind what waited, so all that comes before it is old.

Where a broker is known to deliver the node's messages to itself, nothing but the fence's return
takes it down: a queue of hours may take minutes on a slow board, and is not live for that. It is
said again meanwhile, since a broker whose queue is full drops it. Where nothing has ever come back,
a broker may forbid it in silence, and the fence falls. A broker that has no session of ours may be
another than before: of it nothing is known until it has delivered something.

A minute after it was put up it is overdue: the node tells that as a fault of its own and lets time
run, so that silence is an alarm, but what comes is still taken for old. A gateway that works off a
long queue pauses now and then, or most of the time, since its disk is slow. That moves only what
makes the fence fall; when it is said again and when it is told go by its age.
"""

from __future__ import annotations

import secrets
from typing import Final

from gateway.model import Clock
from gateway.observe import log

#: Where nothing has ever come back, it is taken down when nothing came before it for this long.
FENCE_S: Final = 10.0
#: And at last after this, pauses apart, though messages keep coming. Overdue at this age.
LAST_S: Final = 60.0
#: Said again this often.
AGAIN_S: Final = 10.0
QUEUED: Final = "the broker's queue is still coming; it is not live"
FORBIDDEN: Final = (
    "nothing that this node says to itself comes back; the broker may forbid it: see its ACL"
)
LOG = log("southbound.fence")


class Fence:
    """Stands while messages that waited in the broker's queue may still be coming.

    Parameters
    ----------
    topic
        On which the node speaks to itself.
    clock
        Tells when the fence is overdue.
    known
        Whether anything that the node said to itself has ever come back.
    """

    def __init__(self, topic: str, clock: Clock, *, known: bool = False) -> None:
        self.said = b""
        self.known = known
        #: Whether anything has come back since it was put up.
        self.heard = False
        #: Whether it should have come back long ago.
        self.overdue = False
        self._topic = topic
        self._clock = clock
        self._until = 0
        self._last = 0
        self._due = 0
        self._again = 0
        self._looked = 0

    @property
    def stands(self) -> bool:
        """Whether what comes now may have waited."""
        return bool(self.said)

    @property
    def trouble(self) -> str:
        """Why it has not come back, where that is overdue."""
        return "" if not self.overdue else QUEUED if self.heard else FORBIDDEN

    @property
    def holds(self) -> bool:
        """Whether time has to wait too: what ends a delay or a silence may be in the queue."""
        return self.stands and not self.overdue

    def put_up(self) -> None:
        """Put up a new one; `said` is what must come back."""
        self.said = secrets.token_hex(8).encode()
        self.overdue = self.heard = False
        self._looked = self._clock.monotonic_ns()
        self._last = self._due = self._in(LAST_S)
        self._again = self._in(AGAIN_S)
        self.wait()

    def hear(self, said: bytes) -> None:
        """Take what the node said to itself and has come back; the fence's own takes it down."""
        self.known = self.heard = True
        if said == self.said:
            self.take_down()

    def forget(self) -> None:
        """Know nothing of the broker: it has no session of ours, and may be another."""
        self.known = False

    def take_down(self) -> None:
        """Take it down: it came back, or nothing comes."""
        if self.overdue:
            LOG.info("the broker's queue has passed")
        self.said, self.overdue = b"", False

    def wait(self) -> None:
        """Count anew how long nothing may come: something of the queue came before it."""
        self._until = self._in(FENCE_S)

    def excuse(self) -> None:
        """Move what makes it fall by the time since the last look: nothing was being read."""
        self._last += self._clock.monotonic_ns() - self._looked
        self.wait()

    def look(self) -> bool:
        """Take it down, or call it overdue, in its time; return whether it is to be said again."""
        now = self._looked = self._clock.monotonic_ns()
        if not self.stands:
            return False
        if not self.known and now > min(self._until, self._last):
            LOG.warning("fence did not come back; the broker may forbid it", topic=self._topic)
            self.said, self.overdue = b"", False
            return False
        if now > self._due and not self.overdue:
            self.overdue = True
            LOG.warning(self.trouble, topic=self._topic)
        if not self.known or now <= self._again:
            return False
        self._again = self._in(AGAIN_S)
        return True

    def _in(self, seconds: float) -> int:
        return self._clock.monotonic_ns() + int(seconds * 1e9)
