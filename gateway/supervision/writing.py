"""Whether the store takes what is written: a disk that is full or hangs can be read all the while.

The writer's thread notes how each transaction went; the event loop asks. By the machine's own
clock, however fast the centre's runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.db import StoreError, StoreFullError

#: A write that takes so long, or errors for so long, are a trouble, s.
PATIENCE_S: Final = 5.0
#: Where nobody writes for so long, something is written to see whether it can be, s: as seldom as
#: a child speaks, for the sake of a flash card.
IDLE_S: Final = 15.0
#: The same where the last write was refused, s.
AGAIN_S: Final = 2.0
#: What was too large for a full disk is sent again within this; small things may still fit, s.
FULL_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing is kept, and for how long, s."""

    reason: str
    seconds: float


class Writing:
    """How writing goes.

    Parameters
    ----------
    now
        A clock in seconds that never goes back, asked from any thread.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._well_s = now()
        self._begun_s: float | None = None
        self._error = ""
        self._full_from_s: float | None = None
        self._full_s = 0.0

    @property
    def unwritten_s(self) -> float:
        """How long ago the store last took something."""
        return self._now() - self._well_s

    @property
    def unproven(self) -> bool:
        """Whether something is to be written only to see whether it can be."""
        return self.unwritten_s > (AGAIN_S if self._error else IDLE_S)

    def begin(self) -> None:
        """Note that a transaction is under way."""
        self._begun_s = self._now()

    def keep(self) -> None:
        """Note that it was committed."""
        self._begun_s = None
        self._well_s, self._error = self._now(), ""

    def fail(self, error: BaseException) -> None:
        """Note that it was not: what the store said, or what a piece of work refused itself."""
        now_s, self._begun_s = self._now(), None
        if not isinstance(error, StoreError):
            return
        self._error = type(error).__name__
        if isinstance(error, StoreFullError):
            if self._full_from_s is None or now_s - self._full_s > FULL_S:
                self._full_from_s = now_s
            self._full_s = now_s

    def trouble(self) -> Trouble | None:
        """Return what is wrong, if anything is."""
        now_s, begun_s, full_from_s = self._now(), self._begun_s, self._full_from_s
        if full_from_s is not None and now_s - self._full_s <= FULL_S:
            return Trouble("the disk is full", now_s - full_from_s)
        unwritten_s = now_s - self._well_s
        if begun_s is not None and now_s - begun_s > PATIENCE_S:
            return Trouble("a write does not end", unwritten_s)
        if unwritten_s > (PATIENCE_S if self._error else IDLE_S + PATIENCE_S):
            return Trouble(self._error or "nothing was written", unwritten_s)
        return None
