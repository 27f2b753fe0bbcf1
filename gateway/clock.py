"""The real clock and the clocks of replay and tests: the same two questions, three answers.

Durations are differences of `monotonic_ns`; `now_ns` dates what happened and may be set by anybody.
"""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        return time.monotonic_ns()


class ScaledClock:
    """A clock that runs `speed` times as fast as the machine's, from the moment it was made.

    Parameters
    ----------
    speed
        1 is real time; 60 makes an hour pass in a minute.
    origin_ns
        Machine time (ns since the epoch) at which both clocks agreed; every process of one demo is
        given the same, so that all of them agree.
    """

    def __init__(self, speed: float, origin_ns: int) -> None:
        self.speed = speed
        self.origin_ns = origin_ns
        self._monotonic = time.monotonic_ns()

    def now_ns(self) -> int:
        """Scaled nanoseconds since 1970-01-01 UTC."""
        return self.origin_ns + int((time.time_ns() - self.origin_ns) * self.speed)

    def monotonic_ns(self) -> int:
        """Scaled nanoseconds that never go back."""
        return int((time.monotonic_ns() - self._monotonic) * self.speed)


class ManualClock:
    """A clock that stands until it is moved: replay and tests."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now = now_ns

    def now_ns(self) -> int:
        """Return the instant it was last set to."""
        return self._now

    def monotonic_ns(self) -> int:
        """Return the same instant: it only moves forward."""
        return self._now

    def set(self, now_ns: int) -> None:
        """Move to an instant, never back."""
        self._now = max(self._now, now_ns)
