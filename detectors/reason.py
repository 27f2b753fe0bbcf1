"""Reason: why a reading is not GOOD, as a rule of its own, beside the rules on its value.

A reading that tells nothing (a lost sensor, a sentinel, a value outside what its device measures)
moves no other rule: what stands is held. This one begins on it, with the first such reading where
it has no on-delay: a sensor that cannot see must not look like a calm one. It ends only on a
reading of full effect, GOOD and on time, whose reason is none of its own. It needs no memory.

A reading of the past, not newer than the last accepted, proves an instant: it begins a rule without
on-delay, as history, and ends none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from detectors.arrays import Records
from detectors.jit import step

#: Why a reading is not GOOD, coarser than a quality code: as much as rules tell apart. What has no
#: usable value and none of the other reasons is a FAULT.
NONE: Final = 0
FAULT: Final = 1
#: The message says nothing of this point: of a device that reports what changed, no fault.
MISSING: Final = 2
BELOW: Final = 3
ABOVE: Final = 4
WARMING: Final = 5
#: A source time that cannot be: in the future, or no time at all.
CLOCK: Final = 6
#: No source time where one belongs.
UNDATED: Final = 7
#: Beside the sensor is less oxygen than it needs to read true, or nobody knows how much
#: (`detectors.companion`).
LOW_OXYGEN: Final = 8
OXYGEN_UNKNOWN: Final = 9
REASONS: Final = range(1, 32)
#: In a grade (`detectors.admission`) the reason stands above the three bits of the verdict.
SHIFT: Final = 3

MASK = 0


@dataclass(frozen=True, slots=True)
class ReasonParams:
    """The reasons on which a rule begins.

    Parameters
    ----------
    reasons
        In any order; a set of them is one rule, so that a sensor with two faults has one alarm.
    """

    reasons: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.reasons or not all(reason in REASONS for reason in self.reasons):
            raise ValueError(
                f"reasons={self.reasons}: name one or more of 1 to {REASONS[-1]}; "
                "0 is a reading with nothing to complain of, on which no rule begins"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (float(sum(1 << reason for reason in set(self.reasons))),)


@step
def begins_on(rule: Records, reason: int) -> bool:
    """Return whether a rule begins on this reason."""
    return (int(rule.params[MASK]) >> reason) & 1 == 1
