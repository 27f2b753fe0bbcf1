"""Exposure: what was breathed in over 15 minutes (STEL) and over eight hours (TWA).

Of each minute of source time the time-weighted mean is kept. A reading holds until the next one, a
BAD one, or the silence after which its point has no data. A plain mean over the readings would
count a device that reports on change by how often its value moved, not by how long it stood; for
one that reports evenly the two are the same. A minute ends when a reading of a later one comes. Of
one instant (a device's clock of whole seconds) the highest stands, whichever came last.

=========== ==================================================================================
STEL        mean of the last 15 one-minute means, anew each minute
TWA_SUM     sum of the one-minute means since the session began, over 480
TWA_MOVING  mean of the last 480 one-minute means
=========== ==================================================================================

Nothing is averaged over a gap: a minute without data is neither zero nor interpolated, and nothing
is told for it. Coverage is the share of the time that has data. Where readings that are GOOD cover
less than 75 % the value is UNCERTAIN: it raises and never clears. What lay beyond a sensor's range
is missing too: rules on the reason (`detectors.reason`) and on the base itself speak there.

A fixed point watches a place. An instrument is worn: its session begins with the first reading
after a silence, or after its marker changed, and the time before that counts as zero, since its
wearer was elsewhere. So do the makers: MSA ALTAIR PRO manual, "STEL" and "TWA" (15 minutes, sum
over 480, off clears both); BW Technologies, "TWA method: OSHA" (moving). The 75 % are this
project's own. 15 minutes and 8 hours: PC-STEL and PC-TWA of GBZ 2.1-2019. Mixtures, where the sum
of C/OEL over substances with the same target may not exceed 1, are not judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from detectors._minutes import LONG, MINUTE, OUTPUTS, TWA_SUM, keep, skip, stand, tell
from detectors.admission import AHEAD, BAD, FENCED, NEVER, VERDICT
from detectors.arrays import Records
from detectors.jit import kernel
from detectors.reason import MISSING, SHIFT

#: No point.
NONE: Final = -1

#: `zero`: 1 where the time before the session counts as zero. `derived`: the point that each output
#: feeds, NONE for none.
PARAMS: Final = np.dtype(
    [("hold", "i8"), ("off_after", "i8"), ("zero", "i8"), ("derived", "i4", (OUTPUTS,))]
)


class Mode(Enum):
    """Whose exposure it is."""

    FIXED = "fixed"
    INSTRUMENT = "instrument"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureParams:
    """An exposure of one point.

    Parameters
    ----------
    base
        The point whose readings are averaged; STEL and TWA are in its unit.
    mode
        FIXED: time without data is missing. INSTRUMENT: so it is, but for the time before the
        session, which is zero.
    hold_ns
        How long a reading holds: the silence after which its point has no data; at most 8 h.
    off_after_ns
        After this silence an instrument was off, and a session begins; 0 for never.
    marker
        A point whose every change begins a session (a number of power-ons, a wearer); NONE for
        none.
    derived
        Which point each output feeds: ``{STEL: 7, STEL_COVERAGE: 8}``.

    Raises
    ------
    ValueError
        A duration does not fit, a session would never end, or outputs share a point.
    """

    base: int
    mode: Mode
    hold_ns: int
    off_after_ns: int = 0
    marker: int = NONE
    derived: Mapping[int, int]

    def __post_init__(self) -> None:
        if not 0 < self.hold_ns <= LONG * MINUTE:
            raise ValueError(f"exposure: hold of {self.hold_ns} ns; need more than 0, at most 8 h")
        if self.mode is Mode.FIXED and self.off_after_ns:
            raise ValueError("exposure: a fixed point is never off; remove off_after")
        if self.off_after_ns and self.off_after_ns <= self.hold_ns:
            raise ValueError(
                f"exposure: off after {self.off_after_ns} ns, but a reading holds for "
                f"{self.hold_ns} ns; off_after must be longer"
            )
        if self.mode is Mode.INSTRUMENT and not self.off_after_ns and self.marker == NONE:
            raise ValueError("exposure: an instrument needs off_after or a marker, or both")
        if TWA_SUM in self.derived and self.mode is Mode.FIXED and self.marker == NONE:
            raise ValueError("exposure: without a marker the sum of a fixed point never ends")
        fed = list(self.derived.values())
        apart = len({self.base, self.marker, *fed}) == 2 + len(fed)
        if not fed or min(fed) < 0 or not apart or not set(self.derived) <= set(range(OUTPUTS)):
            raise ValueError(
                f"exposure of point {self.base} with marker {self.marker}: feeds "
                f"{dict(self.derived)}; need outputs 0 to {OUTPUTS - 1}, each at a point of its own"
            )

    def pack(self) -> tuple[object, ...]:
        """Return the parameters as the kernel reads them, a `PARAMS`."""
        derived = tuple(self.derived.get(output, NONE) for output in range(OUTPUTS))
        return (self.hold_ns, self.off_after_ns, int(self.mode is Mode.INSTRUMENT), derived)


@kernel
def exposure_step(
    params: Records, state: Records, time: int, received: int, value: float, grade: int
) -> int:
    """Take one reading; return how many minutes it closed that have something to tell: 0 or 1.

    After 1 the minute ends at `told`, `outputs` and `grades` are its values, and the reading is not
    yet taken: call again with the same reading, until 0.

    Notes
    -----
    A reading that is older than the last changes nothing, and so does one of its instant that is
    not higher. A BAD one ends what the last one
    holds, whatever its time, and closes nothing: its time may be ours. One that is fenced, or whose
    message says nothing of this point, says that the instrument is not off, and no more.
    """
    if state.heard > received + AHEAD:
        set_back(state)
    verdict = grade & VERDICT
    if verdict == FENCED or grade == BAD | MISSING << SHIFT:
        state.heard = max(state.heard, time)
        return 0
    off = params.off_after > 0 and state.heard != NEVER
    if off and time - state.heard >= params.off_after:
        state.ended = 1
    state.heard = max(state.heard, time)
    if verdict == BAD or not np.isfinite(value):
        # What was read was read: it counts for an instant at least.
        state.until = min(state.until, max(time, state.last + 1))
        return 0
    if time <= state.last:
        if time == state.last and value > state.value:
            # Nothing has stood since: the higher one stands in the place of the other.
            state.value = value
            state.grade = max(state.grade, verdict)
            state.until = time + params.hold
        return 0
    anew = state.ended == 1
    while state.minute != NEVER:
        end = close(state, params.zero == 1, time, anew)
        if end == NEVER:
            break
        # After a clock was set back a minute may come twice: it is told once.
        if end > state.told or state.told > received + AHEAD:
            state.told = end
            return 1
    if anew:
        begin_session(state, params.zero == 1, time)
    elif state.minute == NEVER:
        state.minute = time // MINUTE
    stand(state, time)
    state.last = time
    state.until = time + params.hold
    state.value = value
    state.grade = verdict
    return 0


@kernel
def marker_step(state: Records, time: int, received: int, value: float, grade: int) -> None:
    """Take one reading of the marker: another value than the last one ends the session."""
    if state.marked > received + AHEAD:
        state.marked = NEVER
    verdict = grade & VERDICT
    if verdict == BAD or not np.isfinite(value):
        return
    if verdict == FENCED or time <= state.marked:
        return
    if np.isfinite(state.marker) and value != state.marker:
        state.ended = 1
    state.marked = time
    state.marker = value


@kernel
def set_back(state: Records) -> None:
    """Go on after this machine's clock was set back: what was breathed in stays breathed in.

    The open minute ends where it is, and the next one begins as if no time had passed between.
    """
    if state.minute != NEVER:
        stand(state, state.last + 1)
        if state.usable > 0:
            keep(state)
        state.minute = NEVER
    state.last = NEVER
    state.until = NEVER
    state.heard = NEVER


@kernel
def close(state: Records, zero: bool, time: int, anew: bool) -> int:
    """Close the open minute if `time` lies beyond it; return its end, NEVER for none closed.

    Parameters
    ----------
    time
        Of the reading that comes; where it begins a session `anew`, it ends the open minute too.
    """
    start = state.minute * MINUTE
    end = min(start + MINUTE, time) if anew else start + MINUTE
    if end > time or start >= time:
        return NEVER
    stand(state, end)
    if state.usable == 0:
        # Nothing stands any more: the minutes up to this reading have no data.
        if not anew:
            skip(state, time // MINUTE)
        return NEVER
    keep(state)
    tell(state, zero)
    return end


@kernel
def begin_session(state: Records, zero: bool, time: int) -> None:
    """Forget the session before; count the part of the minute before `time` as zero, or not."""
    state.minute = time // MINUTE
    before = time - state.minute * MINUTE if zero else 0
    state.usable = before
    state.good = before
    state.base = 0.0
    state.rest = 0.0
    state.elapsed = 0
    state.total = 0.0
    state.all_usable = 0
    state.all_good = 0
    state.last = NEVER
    state.until = NEVER
    state.ended = 0
