"""Exposure in plain Python, minute by minute: slow, and easy to check by eye."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from detectors.exposure import ExposureParams, Mode

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
AHEAD = 6 * SECOND
GOOD, UNCERTAIN, BAD, FENCED = 0, 1, 2, 3
#: BAD because the message says nothing of this point.
SILENT = 2 + 8 * 2


@dataclass
class Minute:
    """A minute that is over: its mean, None without data, and its cover in whole ms."""

    mean: float | None = None
    usable: int = 0
    good: int = 0


@dataclass
class Told:
    """What is told at the end of a minute: three values and their coverages, with grades."""

    end: int
    values: list[float]
    grades: list[int]


@dataclass
class Naive:
    """One exposure."""

    params: ExposureParams
    last: int | None = None
    until: int = 0
    heard: int | None = None
    told: int | None = None
    value: float = math.nan
    grade: int = GOOD
    #: Start of the open minute, and what stood in it: (value, ns, whether GOOD).
    start: int | None = None
    pieces: list[tuple[float, int, bool]] = field(default_factory=list)
    session: list[Minute] = field(default_factory=list)
    elapsed: int = 0
    total: float = 0.0
    usable: int = 0
    good: int = 0
    ended: bool = True
    marker: float | None = None
    marked: int | None = None

    def mark(self, time: int, received: int, value: float, grade: int) -> None:
        """Take a reading of the marker."""
        if self.marked is not None and self.marked > received + AHEAD:
            self.marked = None
        if grade % 8 in {BAD, FENCED} or not math.isfinite(value):
            return
        if self.marked is not None and time <= self.marked:
            return
        self.ended |= self.marker not in {None, value}
        self.marked, self.marker = time, value

    def take(self, time: int, received: int, value: float, grade: int) -> list[Told]:
        """Take a reading of the base and return what is told for the minutes it closed."""
        if self.heard is not None and self.heard > received + AHEAD:
            self.set_back()
        before = self.heard
        self.heard = time if before is None else max(before, time)
        if grade % 8 == FENCED or grade == SILENT:
            return []
        off = self.params.off_after_ns
        if off and before is not None and time - before >= off:
            self.ended = True
        if grade % 8 == BAD or not math.isfinite(value):
            if self.last is not None:
                self.until = min(self.until, max(time, self.last + 1))
            return []
        if self.last is not None and time <= self.last:
            if time == self.last and value > self.value:
                self.value, self.grade = value, max(self.grade, grade % 8)
                self.until = time + self.params.hold_ns
            return []
        found = self.close_all(time, received) if self.start is not None else []
        if self.ended:
            self.begin(time)
        elif self.start is None:
            self.start = time // MINUTE * MINUTE
        self.stand(time)
        self.last, self.until = time, time + self.params.hold_ns
        self.value, self.grade = value, grade % 8
        return found

    def set_back(self) -> None:
        """Keep the minutes, forget the times."""
        if self.start is not None:
            if self.last is not None:
                self.stand(self.last + 1)
            if self.pieces:
                self.keep()
        self.start = self.last = self.heard = None

    def close_all(self, time: int, received: int) -> list[Told]:
        """Close the minutes before `time`."""
        found: list[Told] = []
        assert self.start is not None
        while self.start + MINUTE <= time or (self.ended and self.start < time):
            end = min(self.start + MINUTE, time)
            self.stand(end)
            if not self.pieces:
                if not self.ended:
                    self.without_data(time // MINUTE * MINUTE)
                break
            self.keep()
            if self.told is None or end > self.told or self.told > received + AHEAD:
                self.told = end
                found.append(self.tell(end))
        return found

    def begin(self, time: int) -> None:
        """Begin a session."""
        self.start = time // MINUTE * MINUTE
        self.pieces, self.session = [], []
        self.elapsed, self.total, self.usable, self.good = 0, 0.0, 0, 0
        if self.params.mode is Mode.INSTRUMENT and time > self.start:
            self.pieces.append((0.0, time - self.start, True))
        self.last, self.ended = None, False

    def stand(self, end: int) -> None:
        """Let the last reading stand up to `end`, as long as it holds."""
        if self.last is None or self.start is None:
            return
        span = min(end, self.until) - max(self.last, self.start)
        if span > 0:
            self.pieces.append((self.value, span, self.grade == GOOD))

    def keep(self) -> None:
        """End the open minute."""
        base = self.pieces[0][0]
        rest = 0.0
        for value, span, _ in self.pieces:
            rest += (value - base) * span
        usable = sum(span for _, span, _ in self.pieces)
        mean = base + rest / usable
        minute = Minute()
        if math.isfinite(mean):
            good = sum(span for _, span, good in self.pieces if good)
            minute = Minute(mean, usable // 1_000_000, good // 1_000_000)
            self.total += mean
            self.usable += minute.usable
            self.good += minute.good
        self.session.append(minute)
        self.elapsed += 1
        assert self.start is not None
        self.start += MINUTE
        self.pieces = []

    def without_data(self, start: int) -> None:
        """Go on to the minute that begins at `start`."""
        assert self.start is not None
        gap = (start - self.start) // MINUTE
        self.session += [Minute()] * min(gap, 480)
        self.elapsed += gap
        self.start = start

    def tell(self, end: int) -> Told:
        """Return the values at the end of the newest minute."""
        short, moving = self.window(15), self.window(480)
        whole = (self.total / 480, self.usable, self.good, self.elapsed)
        values, coverages, grades = [], [], []
        for value, usable, good, width in (short, whole, moving):
            values.append(value)
            coverages.append(100.0 * usable / (width * 60_000))
            grades.append(GOOD if good >= 0.75 * width * 60_000 else UNCERTAIN)
        return Told(end, values + coverages, [*grades, GOOD, GOOD, GOOD])

    def window(self, width: int) -> tuple[float, int, int, int]:
        """Return mean and cover of the last minutes, the newest first."""
        known = self.session[: -width - 1 : -1]
        usable = sum(each.usable for each in known)
        good = sum(each.good for each in known)
        means = [each.mean for each in known if each.mean is not None]
        base = known[0].mean or 0.0
        rest, count = 0.0, len(means)
        if self.params.mode is Mode.INSTRUMENT:
            before = width - min(width, self.elapsed)
            rest += before * (0.0 - base)
            usable, good, count = (
                usable + before * 60_000,
                good + before * 60_000,
                count + before,
            )
        for mean in means:
            rest += mean - base
        return (base + rest / count if count else math.nan), usable, good, width
