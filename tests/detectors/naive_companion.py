"""Companions in plain Python, reading by reading: slow, and easy to check by eye."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.companion import Ward
from tests.detectors.naive_derived import AHEAD, BAD, FENCED, GOOD, UNCERTAIN, Reading, Sensor

LOW, UNKNOWN = 8, 9


@dataclass
class Naive:
    """The wards of a site, and what is known of every point."""

    wards: Sequence[Ward]
    sensors: dict[int, Sensor] = field(default_factory=dict)

    def take(self, reading: Reading) -> int:
        """Return the grade that a reading has in the light of its oxygen."""
        point, time, received, value, grade = reading
        sensor = self.sensors.setdefault(point, Sensor())
        sensor.hear(time, received, value, grade, least=True)
        for ward in self.wards:
            if ward.point == point:
                now = sensor.taken(time, received)
                oxygen = self.sensors.get(ward.oxygen, Sensor())
                return self.judged(ward, oxygen, now, value, grade)
        return grade

    @staticmethod
    def judged(ward: Ward, oxygen: Sensor, now: int, value: float, grade: int) -> int:
        """Return the grade of a ward's reading that was taken at `now`."""
        verdict = grade % 8
        if verdict in {BAD, FENCED} or not math.isfinite(value):
            return grade
        known = oxygen.heard is not None and oxygen.grade == GOOD
        if not known or not now - ward.stale_after <= (oxygen.heard or 0) <= now + AHEAD:
            return UNCERTAIN + 8 * UNKNOWN if verdict == GOOD else grade
        if oxygen.value >= ward.least:
            return grade
        if value >= ward.limit:
            return max(verdict, UNCERTAIN) + 8 * LOW
        return BAD + 8 * LOW
