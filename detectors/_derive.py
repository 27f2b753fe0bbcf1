"""The loop over readings of members: the kernel behind `detectors.derived.Derivations.take`."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors._members import gather, hear
from detectors._sweep import Floats, Ints
from detectors.admission import AHEAD, BAD, GOOD, NEVER, UNCERTAIN
from detectors.arrays import Records
from detectors.deviation import deviation_step
from detectors.jit import entry, step
from detectors.spread import spread_step
from detectors.vote import BEYOND, SIGN, vote_step

# Kinds of function.
VOTE, SPREAD, DEVIATION = 0, 1, 2
#: A derived point, and its counter, -1 for none; its function; its seats; the silence after which
#: its members are awaited anew, ns.
TABLE: Final = np.dtype(
    [
        ("point", "i4"),
        ("counter", "i4"),
        ("begin", "i4"),
        ("end", "i4"),
        ("gap", "i8"),
        ("kind", "i8"),
        ("params", "f8", (3,)),
    ]
)
#: A member's derived points are ``fed[begin:end]``; one of its readings makes at most `made`.
LINK: Final = np.dtype([("begin", "i4"), ("end", "i4"), ("made", "i8")])
#: What is remembered of a derived point, ns, NEVER for never: the source time of its last reading;
#: by our clock, when its newest member was heard, and since when it has spoken without a gap.
SPEECH: Final = np.dtype([("last", "i8"), ("heard", "i8"), ("since", "i8")])


@entry
def find(
    point: npt.NDArray[np.int32], slots: npt.NDArray[np.int32], links: Records, found: Ints
) -> tuple[int, int]:
    """Write which readings are a member's; return how many, and how many they make at the most."""
    count, most = 0, 0
    for i in range(point.size):
        slot = slots[point[i]]
        if slot >= 0:
            found[count] = i
            count += 1
            most += links[slot].made
    return count, most


@step
def speak(speech: Records, gap: int, time: int, heard: int, received: int) -> tuple[int, int]:
    """Return the source time of a derived point's next reading, and when that is by our clock, ns.

    Parameters
    ----------
    time, heard
        Source time of the reading that makes it, and when that was taken by our clock, ns.
    """
    # What lies ahead was kept before this machine's clock was set back.
    if speech.last > received + AHEAD:
        speech.last = NEVER
    if speech.heard > received + AHEAD:
        speech.heard = NEVER
    now = max(heard, speech.heard)
    if now - speech.heard > gap:
        speech.since = now
    speech.heard = now
    speech.last = max(time, speech.last + 1)
    return speech.last, now


@entry
def derive(
    found: Ints,
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: Floats,
    grade: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.int32],
    links: Records,
    fed: npt.NDArray[np.int32],
    table: Records,
    seats: Records,
    knots: Records,
    values: Floats,
    members: Records,
    speech: Records,
    out_origin: Ints,
    out_point: npt.NDArray[np.int32],
    out_time: Ints,
    out_received: Ints,
    out_value: Floats,
    out_grade: npt.NDArray[np.uint8],
) -> int:
    """Take readings; return how many readings of derived points they made.

    Parameters
    ----------
    found
        Which of the readings are a member's.
    slots
        The member that each base point is, -1 for none.
    links, fed
        A `LINK` for each member, and the derived points they lead to.
    values
        Shape (`detectors.vote.MOST`,): room to work in.
    """
    written = 0
    for i in found:
        slot = slots[point[i]]
        new, heard = hear(members[slot], time[i], received[i], value[i], grade[i], False)
        if not new:
            continue
        for link in range(links[slot].begin, links[slot].end):
            own = table[fed[link]]
            state = speech[fed[link]]
            size = own.end - own.begin
            side = own.params[SIGN] if own.kind == VOTE else 0.0
            told, now = speak(state, own.gap, time[i], heard, received[i])
            usable, lost, sure = gather(
                members, seats, own.begin, own.end, side, now, state.since, values
            )
            whole = usable + lost == size
            if own.kind == VOTE:
                number = vote_step(own.params, values, usable, lost)
            elif own.kind == SPREAD:
                number = spread_step(values, usable)
            else:
                number = deviation_step(own.params, knots, values, usable)
            beyond = own.kind == VOTE and np.isinf(number)
            if beyond:
                number = own.params[BEYOND]
            finite = np.isfinite(number)
            # With nothing to compute while a member is awaited, nothing is said yet.
            if finite or whole:
                out_origin[written] = i
                out_point[written] = own.point
                out_time[written] = told
                out_received[written] = received[i]
                out_value[written] = number if finite else np.nan
                sure = sure and whole and not beyond
                out_grade[written] = (GOOD if sure else UNCERTAIN) if finite else BAD
                written += 1
            if own.counter >= 0:
                out_origin[written] = i
                out_point[written] = own.counter
                out_time[written] = told
                out_received[written] = received[i]
                out_value[written] = float(size - lost)
                out_grade[written] = GOOD if whole else UNCERTAIN
                written += 1
    return written
