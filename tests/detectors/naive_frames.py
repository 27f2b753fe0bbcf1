"""Frames in plain Python, reading by reading."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from detectors.admission import AHEAD, BAD, FENCED, GOOD, VERDICT
from detectors.frames import FrameParams
from detectors.reason import MISSING, SHIFT

Frame = tuple[int, int, list[float]]


@dataclass
class NaiveFrames:
    """One kind of frame: each member's newest reading, the frame that is open, the newest told."""

    params: FrameParams
    newest: dict[int, tuple[int, float]] = field(default_factory=dict)
    open: int | None = None
    told: int | None = None

    def take(self, point: int, time: int, received: int, value: float, grade: int) -> Frame | None:
        """Take one reading; return the frame that it closed: time, received, values."""
        members = [member.point for member in self.params.members]
        verdict = grade & VERDICT
        silent = verdict == FENCED or grade == BAD | MISSING << SHIFT
        if point not in members or silent:
            return None
        if point in self.newest and self.newest[point][0] > received + AHEAD:
            self.newest.clear()
            self.open = None
            if self.told is not None and self.told > received + AHEAD:
                self.told = None
        before, known = self.newest.get(point, (None, math.nan))
        if before is not None and time < before:
            return None
        lost = time == before and math.isnan(known)
        if verdict == BAD or not math.isfinite(value):
            if point in self.newest:
                self.newest[point] = (self.newest[point][0], math.nan)
            return None
        found = None
        if self.open is not None and time > self.open:
            found = (self.open, received, [self.value(*member) for member in self.params.members])
            self.told, self.open = self.open, None
        if self.open is None and (self.told is None or time > self.told):
            self.open = -(-time // self.params.period_ns) * self.params.period_ns
        self.newest[point] = (time, math.nan if verdict != GOOD or lost else value)
        return found

    def value(self, point: int, hold: int) -> float:
        """The value of a member in the frame that is open."""
        time, value = self.newest.get(point, (None, math.nan))
        if time is None or self.open is None or self.open - time > hold:
            return math.nan
        return value
