"""What time it is where an order was made, as far as that is known.

An order ends by the clock of whoever made it. A gateway whose own clock is wrong would refuse every
order, or take those that have long ended; so it goes by its parent's time, told with the answer to
each heartbeat and carried on by the clock that nobody sets.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.model import NANOSECONDS, Clock

#: An answer older than this says nothing any more: a suspended machine counts no time meanwhile.
OLDEST_NS: Final = 600 * NANOSECONDS
#: A parent may be as far from this gateway's clock, and no farther: one that lies about its time
#: could let old orders live. Ids of ended ones are kept for 50 h, an order lives 25 h at most, and
#: twice this fits between.
FARTHEST_NS: Final = 12 * 3600 * NANOSECONDS
OWN: Final = "this gateway's clock"
PARENT: Final = "the clock of the centre above"


class Told(NamedTuple):
    """A time, ns since 1970, and whose clock says so."""

    now_ns: int
    whose: str


class ParentTime:
    """The time of each receiver.

    Parameters
    ----------
    clock
        The gateway's own; it stands where a receiver's is not known.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[str, tuple[int, int]] = {}

    def answered(self, receiver: str, clock_ns: int) -> None:
        """Note what a receiver answered; what the answer took to come back is neglected."""
        self._answers[receiver] = (clock_ns, self._clock.monotonic_ns())

    def now(self, receiver: str) -> Told:
        """Return what time it is for orders of a receiver."""
        own = self._clock.now_ns()
        answer = self._answers.get(receiver)
        if answer is None:
            return Told(own, OWN)
        clock_ns, at_ns = answer
        age = self._clock.monotonic_ns() - at_ns
        there = clock_ns + age
        if age > OLDEST_NS or abs(there - own) > FARTHEST_NS:
            return Told(own, OWN)
        return Told(there, PARENT)
