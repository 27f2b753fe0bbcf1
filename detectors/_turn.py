"""Settling a rule: what becomes of its delays, and the edge that is written when it turns."""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors._debounce import BEGAN, NOTHING, deadline, fire, settle
from detectors.admission import FIXED, NEVER
from detectors.arrays import Records
from detectors.jit import kernel
from detectors.memory import BEGINS, ENDS
from detectors.reason import begins_on
from detectors.rules import BITS

#: An edge, in the order of `detectors.bank.Edge`.
EDGE: Final = np.dtype(
    [
        ("at", "i8"),
        ("row", "i8"),
        ("began", "?"),
        ("time", "i8"),
        ("value", "f8"),
        ("predicted", "i8"),
        ("historical", "?"),
    ]
)


@kernel
def note(
    edge: Records,
    at: int,
    row: int,
    began: bool,
    time: int,
    value: float,
    predicted: int,
    historical: bool,
) -> None:
    """Write one edge."""
    edge.at = at
    edge.row = row
    edge.began = began
    edge.time = time
    edge.value = value
    edge.predicted = predicted
    edge.historical = historical


@kernel
def bit_of(place: int) -> np.uint64:
    """Return the bit of `stirred` for the rule at this place of its set."""
    return np.uint64(1) << np.uint64(min(place, BITS - 1))


@kernel
def turn(
    edges: Records,
    written: int,
    at: int,
    place: int,
    row: int,
    rule: Records,
    delay: Records,
    state: Records,
    time: int,
    value: float,
    usable: float,
    effect: int,
    historical: bool,
    verdict: int,
    predicted: int,
) -> int:
    """Settle one row that begins or is not at rest; return the edges written so far.

    Parameters
    ----------
    at, place, row
        Index of the reading, of the rule in its set, and of its row.
    usable
        The value before this reading: what stood when an on-delay ran out.
    """
    due = deadline(delay, rule.on_delay)
    if effect != FIXED and due != NEVER and due < time:
        fire(delay)
        note(edges[written], at, row, True, due, usable, 0, historical)
        written += 1
    edge = settle(
        delay, rule.on_delay, rule.off_delay, time, effect, verdict == BEGINS, verdict == ENDS
    )
    if edge != NOTHING:
        note(edges[written], at, row, edge == BEGAN, time, value, predicted, historical)
        written += 1
    if delay.active == 1 or delay.since != NEVER:
        state.stirred |= bit_of(place)
    elif place < BITS - 1:
        state.stirred &= ~bit_of(place)
    return written


@kernel
def doubt(
    edges: Records,
    written: int,
    at: int,
    own: Records,
    where: Records,
    rules: Records,
    delays: Records,
    state: Records,
    time: int,
    value: float,
    usable: float,
    effect: int,
    historical: bool,
    reason: int,
) -> int:
    """Run a point's rules on the reason of its reading; return the edges written so far."""
    for place in range(own.reasons - own.begin, own.watching - own.begin):
        rule = rules[own.begin + place]
        begins = begins_on(rule, reason)
        if begins or state.stirred & bit_of(place) != 0:
            written = turn(
                edges,
                written,
                at,
                place,
                where.row + place,
                rule,
                delays[where.row + place],
                state,
                time,
                value,
                usable,
                effect,
                historical,
                BEGINS if begins else ENDS,
                0,
            )
    return written
