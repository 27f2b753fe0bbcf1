"""How long to wait before the next attempt: ever longer, and never when everybody else does.

Each wait is drawn between the first and three times the last one (decorrelated jitter), and the
longest wait bounds the range rather than the draw: else gateways that have waited long would pile
up at the longest one, and come back in the same second.
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
        self._wait = first

    def reset(self) -> None:
        """Begin a new row with the next failure."""
        self._wait = self._first

    def next(self) -> float:
        """Return the next wait."""
        self._wait = self._random.uniform(self._first, min(self._last, self._wait * 3))
        return self._wait

    def longest(self) -> float:
        """Return a wait where trying again soon is of no use."""
        self._wait = self._random.uniform(self._last / 2, self._last)
        return self._wait
