"""How fast a backlog goes up: as fast as the parent takes it without making live alarms wait.

After an outage all gateways have a backlog, and a parent commits one post after the other: a live
alarm waits behind whatever others have just sent. So a backlog begins with small posts, and each
gateway watches how long its own take, beyond what the way alone takes. Where answers come late,
posts become smaller and pauses lie between them, the longer the later; where they come soon, both
go back. Live alarms are neither cut nor paused.
"""

from __future__ import annotations

from typing import Final

from gateway.northbound.wire import MAX_ITEMS

#: The way there and back takes as long as the fastest answer, s, but never counts for more: where
#: everybody came back at once, even that has waited.
LONGEST_WAY_S: Final = 0.3
#: An answer within this, beyond the way, is soon, s; one that takes twice as long is late.
SOON_S: Final = 0.2
LATE_S: Final = 2 * SOON_S
LEAST: Final = 10
LONGEST_S: Final = 10.0
#: By so much a pause becomes shorter, until it is none.
SHORTER: Final = 0.8
SHORTEST_S: Final = 0.05


class Pace:
    """The pace on one connection; pure."""

    def __init__(self) -> None:
        #: Events of the backlog that a post may hold now.
        self.most = LEAST
        #: How long to wait before the next one, s.
        self.pause_s = 0.0
        self._way = LONGEST_WAY_S

    def answered(self, seconds: float) -> None:
        """Note how long the parent took to answer a post of the backlog."""
        self._way = min(self._way, seconds)
        waited = seconds - self._way
        if waited > LATE_S:
            self.most = max(LEAST, self.most // 2)
            self.pause_s = min(LONGEST_S, max(waited, self.pause_s * 2))
        elif waited <= SOON_S:
            self.pause_s = self.pause_s * SHORTER if self.pause_s > SHORTEST_S else 0.0
            if not self.pause_s:
                self.most = min(MAX_ITEMS, self.most * 2)
