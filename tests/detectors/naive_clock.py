"""Runs of a device's clock in plain Python, reading by reading: slow, and easy to check by eye."""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1_000_000_000
AHEAD = 6 * SECOND
GOOD, CLOCK, UNDATED = 0, 6, 7
NOTHING, RIGHT, WRONG, SLOW = 0, 1, 2, 3


@dataclass
class NaiveRun:
    """What is known of one device's clock."""

    most: int
    of: int = NOTHING
    since: int | None = None
    last: int | None = None
    delay: int = 0
    watched: bool = False

    def take(self, time: int, received: int, grade: int) -> None:
        """Take one reading of the device."""
        late = received - time
        if grade // 8 in {CLOCK, UNDATED}:
            of = WRONG
        elif grade == GOOD:
            of = SLOW if late > self.most else RIGHT
        else:
            return
        if of == RIGHT and not self.watched:
            return
        at = time if abs(late) < SECOND else received
        goes_on = self.of == of and self.last is not None and at >= self.last - AHEAD
        if of == SLOW and abs(late - self.delay) > self.most:
            goes_on = False
        if not goes_on:
            self.of, self.since, self.last, self.delay = of, at, at, late
        elif self.last is not None:
            self.last = max(self.last, at)
        self.watched = self.watched or of != RIGHT


@dataclass
class NaiveClocks:
    """The clocks of several devices, by the device of each point."""

    devices: list[int]
    most: list[int]
    runs: list[NaiveRun] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runs = [NaiveRun(most) for most in self.most]

    def take(self, point: int, time: int, received: int, grade: int) -> None:
        """Take one reading."""
        if self.devices[point] >= 0:
            self.runs[self.devices[point]].take(time, received, grade)
