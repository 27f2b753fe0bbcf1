"""Quality of a reading in one byte: two bits of verdict, six bits of reason.

The verdict decides what a reading may do. GOOD raises and clears. UNCERTAIN raises like GOOD and
never clears. BAD neither raises nor clears: the alarm it finds, it holds. The reason says why a
reading is not GOOD; it is stored with the reading, so that nothing becomes "normal" by being
unreadable.
"""

from __future__ import annotations

from enum import IntEnum

REASON_BITS = 6
REASON_MASK = (1 << REASON_BITS) - 1


class Verdict(IntEnum):
    """What a reading may do."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Quality(IntEnum):
    """Verdict and reason together, as stored in ``ReadingBatch.quality`` (uint8)."""

    GOOD = 0
    # UNCERTAIN: the value may be right; it may raise, never clear.
    TIME_MISSING = (Verdict.UNCERTAIN << REASON_BITS) | 1
    TIME_IMPLAUSIBLE = (Verdict.UNCERTAIN << REASON_BITS) | 2
    TIME_FUTURE = (Verdict.UNCERTAIN << REASON_BITS) | 3
    FENCED = (Verdict.UNCERTAIN << REASON_BITS) | 4
    WARMING_UP = (Verdict.UNCERTAIN << REASON_BITS) | 5
    RETAINED = (Verdict.UNCERTAIN << REASON_BITS) | 6
    INCOMPLETE = (Verdict.UNCERTAIN << REASON_BITS) | 7
    OXYGEN_UNKNOWN = (Verdict.UNCERTAIN << REASON_BITS) | 8
    ALARM_IN_LOW_OXYGEN = (Verdict.UNCERTAIN << REASON_BITS) | 9
    # BAD: there is no value to act on; the point holds its alarm.
    MISSING = (Verdict.BAD << REASON_BITS) | 1
    WRONG_TYPE = (Verdict.BAD << REASON_BITS) | 2
    NOT_FINITE = (Verdict.BAD << REASON_BITS) | 3
    SENTINEL = (Verdict.BAD << REASON_BITS) | 4
    BELOW_RANGE = (Verdict.BAD << REASON_BITS) | 5
    ABOVE_RANGE = (Verdict.BAD << REASON_BITS) | 6
    DEVICE_FAULT = (Verdict.BAD << REASON_BITS) | 7
    UNDECODABLE = (Verdict.BAD << REASON_BITS) | 8
    NOT_COMPUTED = (Verdict.BAD << REASON_BITS) | 9
    LOW_OXYGEN = (Verdict.BAD << REASON_BITS) | 10

    @property
    def verdict(self) -> Verdict:
        """GOOD, UNCERTAIN or BAD."""
        return Verdict(self >> REASON_BITS)
