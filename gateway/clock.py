"""The real clock and the clocks of replay and tests: the same two questions, three answers.

Durations are differences of `monotonic_ns`; `now_ns` dates what happened and may be set by anybody.
Where the two move apart by more than a clock is ever steered, it was set: `Steps` notices.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from gateway.model import Clock

#: A clock was set, not steered, where it moves by more than this against the monotonic one between
#: two looks: NTP steers by 0.5 ms a second, and a leap second told twice is a whole one.
STEP_NS: Final = 500_000_000
#: A look that took longer was interrupted between its two clocks, and says nothing.
LOOK_NS: Final = 50_000_000
LOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody set the clock: what it would show (ns), and what it shows."""

    before_ns: int
    after_ns: int

    @property
    def by_ns(self) -> int:
        """By how much it was set forward; negative for back."""
        return self.after_ns - self.before_ns


class Steps:
    """Notices that a clock was set.

    Parameters
    ----------
    clock
        Looked at by `look`, at best several times a second.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._look()[1]

    def look(self) -> Step | None:
        """Return by how much the clock was set since the look before, None where it was not."""
        now, offset = self._look()
        step, self._offset = offset - self._offset, offset
        return Step(now - step, now) if abs(step) > STEP_NS else None

    def _look(self) -> tuple[int, int]:
        """Return what the clock shows, and by how much that is more than the monotonic one."""
        for _ in range(LOOKS):
            before = self._clock.monotonic_ns()
            now = self._clock.now_ns()
            if self._clock.monotonic_ns() - before <= LOOK_NS:
                break
        return now, now - before


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
