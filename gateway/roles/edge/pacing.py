"""When to make messages durable and acknowledge them: the broker waits, flash wears.

Sync when half the in-flight window waits, when traffic pauses 5 ms at more than 20 messages a
second, or when the oldest message has waited 1 s. The window is the broker's: MQTT 5 states ours,
but a broker may keep to a smaller one of its own, so what it never exceeds is learned.
"""

from __future__ import annotations

from typing import Final

PAUSE_S: Final = 0.005
OLDEST_S: Final = 1.0
BUSY_RATE: Final = 20
FIRST_GUESS: Final = 10
#: A pause that finds the same number waiting this often has found the broker's window.
CONFIRMATIONS: Final = 3


class Pacing:
    """Counts what waits and says when to sync; it owns no timer.

    Parameters
    ----------
    stated
        The window we asked for, or None under MQTT 3.1.1.
    """

    def __init__(self, stated: int | None) -> None:
        self.window = stated if stated is not None else FIRST_GUESS
        self.stated = stated
        self.waiting = 0
        self.limited = False
        self._second = -1
        self._count = 0
        self._rate = 0
        self._seen = 0
        self._repeats = 0

    def arrived(self, count: int, *, monotonic_ns: int) -> bool:
        """Take messages that now wait; return whether half the window does."""
        self.waiting += count
        second = monotonic_ns // 1_000_000_000
        if second != self._second:
            self._rate = self._count if second == self._second + 1 else 0
            self._second, self._count = second, 0
        self._count += count
        if self.waiting > self.window:
            self.window, self.limited = self.waiting, False
        return self.waiting >= max(1, self.window // 2)

    @property
    def busy(self) -> bool:
        """Whether a pause of 5 ms means something: more than 20 messages a second."""
        return max(self._rate, self._count) > BUSY_RATE

    def paused(self) -> None:
        """Learn from a pause while messages wait: the broker may be waiting for us."""
        if self.waiting >= FIRST_GUESS and self.waiting == self._seen:
            self._repeats += 1
            if self._repeats >= CONFIRMATIONS:
                self.window, self.limited = self.waiting, True
        else:
            self._seen, self._repeats = self.waiting, 0

    def durable(self, count: int) -> None:
        """Take off messages that may be acknowledged."""
        self.waiting -= count
