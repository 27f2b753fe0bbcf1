"""Events that a parent was sent and has neither taken nor rejected, and what is done about them.

A parent that cannot read one event answers 400 to the whole post that holds it. Posts are halved
until it stands alone; it is then passed over, so that it holds up nothing, and sent again after
others have been taken. Only one that was refused `TRIES` times, with others taken between and after
them, is hopeless: a parent that refuses everything is broken, and no event is set aside for that.
An event whose receipt is missing is passed over too, until everything else was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.northbound.wire import MAX_ITEMS

LIVE: Final = "live"
BACKLOG: Final = "backlog"
#: Refusals of one event, each followed by the parent's taking of others.
TRIES: Final = 3
#: Events refused one by one for the first time, with none taken: it is the parent that is wrong.
#: Of those refused before so many are sent once more, until one is taken.
IN_A_ROW: Final = 8
#: Events that are passed over at most.
PASSED_OVER: Final = 2_000


@dataclass(slots=True)
class _Doubt:
    reason: str
    tries: int = 0
    #: Others were taken after its last refusal.
    since: bool = True
    due: bool = False


class Doubts:
    """What is doubtful at one parent; pure."""

    def __init__(self) -> None:
        #: Events that a post may hold now, of what is live and of the backlog: what the parent
        #: takes of one says nothing of where the bad event of the other is.
        self.most = {LIVE: MAX_ITEMS, BACKLOG: MAX_ITEMS}
        self._refused: dict[int, _Doubt] = {}
        self._unnamed: set[int] = set()
        self._row = self._repeats = 0

    @property
    def skip(self) -> set[int]:
        """Numbers of the events that are passed over."""
        return self._unnamed | self._refused.keys()

    def again(self) -> None:
        """Begin anew with what was passed over: on a new connection, or after all else was sent."""
        self._unnamed.clear()
        self._row = self._repeats = 0
        for doubt in self._refused.values():
            doubt.due = True

    def refused(self, seqs: list[int], reason: str, *, of: str = BACKLOG) -> bool:
        """Note that a post of these was not understood; return whether it pays to go on."""
        if len(seqs) > 1:
            self.most[of] = len(seqs) // 2
            return True
        if len(self._refused) >= PASSED_OVER:
            self._refused.clear()
        before = self._refused.pop(seqs[0], None)
        # Put last: where not all are sent once more, others have their turn the next time.
        doubt = self._refused[seqs[0]] = before or _Doubt(reason)
        doubt.tries += doubt.since
        doubt.since = doubt.due = False
        doubt.reason = reason
        if before is None:
            self._row += 1
            return self._row < IN_A_ROW
        # That it is refused again says nothing new of the parent: no reason to leave it alone.
        self._repeats += 1
        if self._repeats >= IN_A_ROW:
            for each in self._refused.values():
                each.due = False
        return True

    def taken(self, seqs: list[int], *, of: str = BACKLOG) -> None:
        """Note that the parent took these: it reads what can be read."""
        if len(seqs) >= self.most[of]:
            self.most[of] = min(MAX_ITEMS, self.most[of] * 2)
        self._row = self._repeats = 0
        for seq in seqs:
            self._refused.pop(seq, None)
        for doubt in self._refused.values():
            doubt.since = doubt.due = True

    def unnamed(self, seqs: list[int]) -> bool:
        """Note that no receipt names these; return whether it pays to go on."""
        self._unnamed.update(seqs)
        return len(self._unnamed) < PASSED_OVER

    def due(self) -> int | None:
        """Return the number of an event that should be sent once more, alone."""
        return next(
            (seq for seq, doubt in self._refused.items() if doubt.due and doubt.tries < TRIES), None
        )

    def forget(self, seq: int) -> None:
        """Forget an event that waits no more."""
        self._refused.pop(seq, None)

    def hopeless(self) -> list[tuple[int, str]]:
        """Return the events that the parent alone cannot read, with its reason, and forget them."""
        found = [
            (seq, doubt.reason)
            for seq, doubt in self._refused.items()
            if doubt.tries >= TRIES and doubt.since
        ]
        for seq, _ in found:
            del self._refused[seq]
        return found
