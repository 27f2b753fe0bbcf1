"""Companion: the oxygen beside a catalytic sensor, without which its reading is too low.

A catalytic sensor burns its gas, and burns less of it the less oxygen there is: in an inert space
it reads near zero whatever the gas. Its readings, the ward's, are therefore judged by the newest
reading of the oxygen point beside it, taken at or before them in the order of the readings, and of
several of one instant by the least:

========================================= ==========================================================
oxygen                                    a reading of the ward becomes
========================================= ==========================================================
GOOD, in time, as much as it needs        what it is
GOOD, in time, less                       BAD: a low number says nothing, what stands is held
the same, but at or beyond the ward's     UNCERTAIN: it raises and never clears, for a sensor that
limit                                     reads too low and yet shows the limit must alarm
not GOOD, too old, never heard            UNCERTAIN
========================================= ==========================================================

What is BAD already stays as it is, and so does what waited behind a fence: it clears nothing, and
the number in it may still raise. A verdict is never made better. Which oxygen is too old is judged
as for members of derived points (`detectors._members`), by the times of both devices set right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors._members import by_our_clock, hear, new_members
from detectors.admission import AHEAD, BAD, FENCED, GOOD, NEVER, UNCERTAIN, VERDICT
from detectors.arrays import Records, new_records, prefetch
from detectors.jit import entry, step
from detectors.reason import LOW_OXYGEN, OXYGEN_UNKNOWN, SHIFT

#: Which member is a ward's oxygen, the age at which that is too old (ns), the least of it that the
#: ward needs, and the value from which on it must alarm.
WARD: Final = np.dtype(
    [("oxygen", "i8"), ("stale_after", "i8"), ("least", "f8"), ("limit", "f8")], align=True
)
#: How many readings ahead a member's line is asked for.
NEAR: Final = 8

Ints = npt.NDArray[np.int64]


class Ward(NamedTuple):
    """A point whose sensor needs oxygen.

    Parameters
    ----------
    point, oxygen
        Dense indices of the point and of the one that measures its oxygen.
    least
        Oxygen below which the sensor reads too low, in the unit of the oxygen point.
    stale_after
        Age at which a reading of the oxygen says nothing, ns.
    limit
        The value from which on its readings must alarm even so, in its own unit: the lowest high
        limit that is set against them. -inf where all must: no limit says which are calm.
    """

    point: int
    oxygen: int
    least: float
    stale_after: int
    limit: float


class Companions:
    """The wards of a site, and what is remembered of them and their oxygen.

    Parameters
    ----------
    count
        How many points devices report.
    wards
        Each point once; one oxygen point may have many wards.

    Raises
    ------
    ValueError
        A ward stands twice, or is the oxygen of one; a point is none that a device reports.
    """

    def __init__(self, count: int, wards: Sequence[Ward]) -> None:
        oxygens = list(dict.fromkeys(each.oxygen for each in wards))
        #: The points that are remembered: each oxygen, then each ward.
        self.points = np.array([*oxygens, *(each.point for each in wards)], np.int32)
        if np.unique(self.points).size < self.points.size:
            raise ValueError("a ward stands twice or is an oxygen point; each point has one part")
        if self.points.size and not 0 <= self.points.min() <= self.points.max() < count:
            raise ValueError(f"points {self.points.tolist()}: need 0 to {count - 1}")
        self._slots = np.full(count, -1, np.int32)
        self._slots[self.points] = np.arange(self.points.size, dtype=np.int32)
        self._wards = new_records(len(wards), WARD)
        for packed, each in zip(self._wards, wards, strict=True):
            packed["oxygen"], packed["stale_after"] = self._slots[each.oxygen], each.stale_after
            packed["least"], packed["limit"] = each.least, each.limit
        #: A `detectors._members.MEMBER` for each of `points`.
        self.state = new_members(self.points.size)

    def judge(
        self,
        point: npt.NDArray[np.int32],
        time: Ints,
        received: Ints,
        value: npt.NDArray[np.float64],
        grade: npt.NDArray[np.uint8],
    ) -> int:
        """Judge readings, in order, by the oxygen beside them; return how many grades changed.

        Parameters
        ----------
        point, time, received, value, grade
            As `detectors.bank.Bank.take` reads them; the grades of wards are changed in place.
        """
        first = self.points.size - self._wards.size
        return int(
            judge(point, time, received, value, grade, self._slots, first, self._wards, self.state)
        )

    def warm_up(self) -> None:
        """Compile the kernel on points of its own, so that the first reading does not wait."""
        one = np.ones(2, np.int64)
        own = Companions(2, [Ward(1, 0, 1.0, 1, 1.0)])
        own.judge(np.arange(2, dtype=np.int32), one, one, np.ones(2), np.zeros(2, np.uint8))


@step
def judged(
    ward: Records,
    oxygen: Records,
    usual: int,
    time: int,
    received: int,
    value: float,
    grade: int,
) -> int:
    """Return the grade of a ward's reading in the light of the oxygen beside it.

    Parameters
    ----------
    ward, oxygen
        A `WARD`, and the `MEMBER` that is its oxygen.
    usual
        Usual delay of the ward's device, ns.
    """
    verdict = grade & VERDICT
    if verdict in (BAD, FENCED) or not np.isfinite(value):
        return grade
    now = by_our_clock(time, received, usual)
    # What lies ahead was heard before this machine's clock was set back.
    heard = oxygen.heard if oxygen.heard <= now + AHEAD else NEVER
    if oxygen.grade != GOOD or now - heard > ward.stale_after:
        return UNCERTAIN | OXYGEN_UNKNOWN << SHIFT if verdict == GOOD else grade
    if oxygen.value >= ward.least:
        return grade
    if value >= ward.limit:
        return (UNCERTAIN if verdict == GOOD else verdict) | LOW_OXYGEN << SHIFT
    return BAD | LOW_OXYGEN << SHIFT


@entry
def judge(
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: npt.NDArray[np.float64],
    grade: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.int32],
    first: int,
    wards: Records,
    members: Records,
) -> int:
    """Take readings of oxygens and wards; write the wards' grades, return how many changed.

    Parameters
    ----------
    slots
        The member that each point is, -1 for none: from `first` on wards, before it oxygens.
    """
    changed = 0
    last = point.size - 1
    for i in range(point.size):
        if i + NEAR <= last and slots[point[i + NEAR]] >= 0:
            prefetch(members, slots[point[i + NEAR]])
        slot = slots[point[i]]
        if slot < 0:
            continue
        member = members[slot]
        # So it is signed: shifted, an unsigned number and a constant would make a double.
        given = grade[i] & 255
        hear(member, time[i], received[i], value[i], given, True)
        if slot < first:
            continue
        ward = wards[slot - first]
        usual = min(member.lowest, member.before)
        found = judged(ward, members[ward.oxygen], usual, time[i], received[i], value[i], given)
        if found != given:
            grade[i] = found
            changed += 1
    return changed
