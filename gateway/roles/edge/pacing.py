"""When to make messages durable and acknowledge them: the broker waits, flash wears.

Sync when half the in-flight window waits, when traffic pauses 5 ms at more than 20 messages a
second, or when the oldest message has waited 1 s. The window is the broker's: MQTT 5 states ours,
but a broker may keep to a smaller one of its own. It is learned: a broker that stops at the same
number again and again, and goes on as soon as that is acknowledged, was waiting for us. Devices
that all speak in the same instant of each second stop at the same number too, but do not go on.
"""

from __future__ import annotations

from typing import Final

PAUSE_S: Final = 0.005
OLDEST_S: Final = 1.0
BUSY_RATE: Final = 20
FIRST_GUESS: Final = 10
#: A broker that went on this soon after the acknowledgement had been waiting for it.
AT_ONCE_NS: Final = 20_000_000
#: This often at the same number, and that number is the broker's window.
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
        self._stopped_at = 0
        self._released_ns: int | None = None
        self._seen = 0
        self._repeats = 0

    def arrived(self, count: int, *, monotonic_ns: int) -> bool:
        """Take messages that now wait; return whether half the window does."""
        if self._stopped_at and self._released_ns is not None:
            self._learn(at_once=monotonic_ns - self._released_ns < AT_ONCE_NS)
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
        """Note a pause while messages wait: the broker may be waiting for us."""
        self._stopped_at = self.waiting if self.waiting >= FIRST_GUESS else 0
        self._released_ns = None

    def durable(self, count: int, *, monotonic_ns: int) -> None:
        """Take off messages that may be acknowledged."""
        self.waiting -= count
        if not self.waiting:
            self._released_ns = monotonic_ns

    def _learn(self, *, at_once: bool) -> None:
        number, self._stopped_at = self._stopped_at, 0
        if not at_once:
            self._repeats = 0
            return
        self._repeats = self._repeats + 1 if number == self._seen else 1
        self._seen = number
        if self._repeats >= CONFIRMATIONS:
            self.window, self.limited = number, True
