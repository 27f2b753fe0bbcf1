"""Members of derived points: what is remembered of one, and whether it can be used.

A reading beyond its device's range has no value, but it has a side: it is kept as an infinite one.
A message that says nothing of the point says nothing new: a device may report only what changed.

A device whose clock shows whole seconds says several things of one instant: none is older, and the
last may be its last word for long. What differs from the first is taken, UNCERTAIN, so that nothing
rests on the order of the two and clears. Where less of it is what counts, as of oxygen, the least
of one instant is taken instead, and as sure as both are.

Devices' clocks differ. How old one member is beside another is reckoned by our clock: by its source
time while that is within a second of its reception, so that a replay finds the same; a clock that
is further off is set right by its usual delay (`detectors.admission`), and one that is ahead by the
reception. Late data are not set right: beside members that are on time they are stale.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors._sweep import Floats
from detectors.admission import (
    AHEAD,
    BAD,
    FENCED,
    GOOD,
    NEVER,
    SECOND,
    UNCERTAIN,
    VERDICT,
    usual_delay,
)
from detectors.arrays import LINE, Records, new_records
from detectors.jit import step
from detectors.reason import ABOVE, BELOW, MISSING, SHIFT

#: What is remembered of a member, one cache line. Times in ns, NEVER for none.
#:
#: ======== ==================================================================================
#: time     source time of its newest accepted reading; one that is BAD does not move it
#: heard    when the newest reading of all was taken, by our clock
#: value    of that reading; where it is BAD, infinite for one beyond its range, else NaN
#: start    with `lowest` and `before` its usual delay, as of a `detectors.admission.DEVICE`
#: grade    GOOD, UNCERTAIN or BAD
#: ======== ==================================================================================
MEMBER: Final = np.dtype(
    {
        "names": ["time", "heard", "value", "start", "lowest", "before", "grade"],
        "formats": ["i8", "i8", "f8", "i8", "i8", "i8", "u1"],
        "itemsize": LINE,
    }
)
#: A place in a derived point: which member has it, and the age at which that is stale, ns.
SEAT: Final = np.dtype([("member", "i8"), ("stale_after", "i8")])


def new_members(count: int) -> Records:
    """Return the state of `count` members that were never heard, a `MEMBER` each."""
    members = new_records(count, MEMBER)
    for field in ("time", "heard", "start"):
        members[field] = NEVER
    members["value"] = np.nan
    members["grade"] = GOOD
    return members


@step
def by_our_clock(time: int, received: int, usual: int) -> int:
    """Return when a reading was taken, ns, with its device's clock set right."""
    if abs(received - time) < SECOND:
        return time
    return min(time + usual, received)


@step
def hear(
    member: Records, time: int, received: int, value: float, grade: int, least: bool
) -> tuple[bool, int]:
    """Take one reading into its member.

    Parameters
    ----------
    least
        Whether of one instant the least counts, not the last.

    Returns
    -------
    tuple
        Whether it says anything new, and when it was taken by our clock, ns.
    """
    if member.time > received + AHEAD:
        # This machine's clock was set back, as in `detectors.admission`.
        member.time = NEVER
    usual = min(member.lowest, member.before)
    verdict = grade & VERDICT
    if verdict == BAD or not np.isfinite(value):
        reason = grade >> SHIFT if verdict == BAD else 0
        if reason == MISSING:
            return False, 0
        member.heard = by_our_clock(time, received, usual)
        member.grade = BAD
        member.value = np.inf if reason == ABOVE else -np.inf if reason == BELOW else np.nan
        return True, member.heard
    same = time == member.time
    if time < member.time or (same and verdict > UNCERTAIN):
        return False, 0
    sure = GOOD if verdict == GOOD else UNCERTAIN
    if same and member.grade != BAD:
        sure = max(sure, member.grade)
        if value == member.value and sure == member.grade:
            return False, 0
    if same and least and member.grade != BAD:
        value = min(value, member.value)
    elif same:
        sure = UNCERTAIN
    member.time = time
    if verdict == FENCED:
        return False, 0
    if verdict <= UNCERTAIN:
        usual = usual_delay(member, received - time, received)
    member.heard = by_our_clock(time, received, usual)
    # Zero has one sign, or which of two zeros is the higher would depend on their order.
    member.value = value + 0.0
    member.grade = sure
    return True, member.heard


@step
def gather(
    members: Records,
    seats: Records,
    begin: int,
    end: int,
    side: float,
    now: int,
    since: int,
    values: Floats,
) -> tuple[int, int, bool]:
    """Write the values of the usable members among these seats, in their order.

    Parameters
    ----------
    side
        1 or -1 where a member beyond the upper or the lower end of its range is usable, 0 where
        none is.
    now, since
        When the derived point speaks by our clock, and since when without a gap, ns.
    values
        Room for them all; changed.

    Returns
    -------
    tuple
        How many are usable, how many lost, and whether no usable one is UNCERTAIN.
    """
    usable, lost, sure = 0, 0, True
    for place in range(begin, end):
        seat = seats[place]
        member = members[seat.member]
        # What lies ahead was heard before this machine's clock was set back.
        heard = member.heard if member.heard <= now + AHEAD else NEVER
        # Without a value the product is NaN, and so it is without a side: neither is above zero.
        if member.grade == BAD and not member.value * side > 0.0:
            lost += 1
        elif now - heard <= seat.stale_after:
            values[usable] = member.value
            usable += 1
            sure = sure and member.grade != UNCERTAIN
        elif now - max(heard, since) > seat.stale_after:
            lost += 1
    return usable, lost, sure
