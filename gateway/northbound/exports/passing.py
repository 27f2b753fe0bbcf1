"""Alarms that a receiver was sent and neither took nor refused, while it answers for others.

Such an alarm is passed over, so that it holds up nothing: its own later events wait behind it,
since the receiver gets them in order, and every other alarm goes on. It is sent again after a wait
that grows up to a minute. Only one that was not taken `TRIES` times, with others taken between, is
hopeless, or one whose post was refused for ever `DECLINED_TRIES` times so: a receiver that takes
nothing is itself in trouble, and no event is set aside for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.backoff import Backoff, Random

#: Tries of one event, others taken between each and the next; at a minute's wait, ten minutes.
TRIES: Final = 20
#: The same of one that was refused alone with a status that says "never".
DECLINED_TRIES: Final = 2
#: Alarms not taken one after the other, and none taken: it is the receiver that is wrong.
IN_A_ROW: Final = 8
#: Alarms that are passed over at most.
PASSED_OVER: Final = 2_000


@dataclass(slots=True)
class _Passed:
    event: str
    reason: str
    backoff: Backoff
    tries: int = 0
    due: float = 0.0
    #: Others were taken since its last try.
    others: bool = True


class Passing:
    """What is passed over at one receiver; pure.

    Parameters
    ----------
    first, last
        The shortest and the longest wait until an alarm is tried again, s.
    random
        Draws them.
    """

    def __init__(self, first: float, last: float, *, random: Random) -> None:
        self._first = first
        self._last = last
        self._random = random
        self._passed: dict[str, _Passed] = {}
        self._row = 0

    def __len__(self) -> int:
        return len(self._passed)

    @property
    def reason(self) -> str:
        """Why the newest of them was not taken."""
        return next((each.reason for each in reversed(self._passed.values())), "")

    @property
    def useless(self) -> bool:
        """Whether it does not pay to go on: nothing is taken, or far too much is not."""
        return self._row >= IN_A_ROW or len(self._passed) >= PASSED_OVER

    def alarms(self, now: float) -> list[str]:
        """Return the alarms whose time has not come."""
        return [alarm for alarm, each in self._passed.items() if each.due > now]

    def wait(self, now: float, most: float) -> float:
        """Return how long until the next one's time, s; no longer than `most`."""
        return max(0.0, min([most, *(each.due - now for each in self._passed.values())]))

    def taken(self, alarms: list[str]) -> None:
        """Note that the receiver took events of these: it is not the receiver that is wrong."""
        if not alarms:
            return
        for alarm in alarms:
            self._passed.pop(alarm, None)
        for each in self._passed.values():
            each.others = True
            if self._row >= IN_A_ROW:  # it has come back: nobody's wait was his own fault
                each.due = 0.0
        self._row = 0

    def doubtful(
        self, alarm: str, event: str, reason: str, now: float, *, tries: int = TRIES
    ) -> bool:
        """Note that an alarm's oldest event was not taken; return whether that is hopeless."""
        passed = self._passed.get(alarm)
        if passed is None or passed.event != event:
            if passed is None and len(self._passed) >= PASSED_OVER:
                return False
            backoff = Backoff(self._first, self._last, random=self._random)
            passed = self._passed[alarm] = _Passed(event, reason, backoff)
        # An alarm that is tried again and again, alone, says nothing of the receiver.
        self._row += passed.others
        passed.tries += passed.others
        passed.others = False
        passed.reason = reason
        passed.due = now + passed.backoff.next()
        if passed.tries < tries:
            return False
        del self._passed[alarm]
        return True

    def clear(self) -> None:
        """Forget all of them: none of their events waits any more."""
        self._passed.clear()
