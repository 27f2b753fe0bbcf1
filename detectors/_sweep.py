"""The loop over readings: the kernel behind `Bank.take`.

A reading meets every rule of its point, in the order of the point's set. Most readings begin
nothing and find every rule at rest: for them a reading costs its admission, one comparison for all
fixed limits, one for all rules on its reason, and one step of each detector that has a memory. What
begins, or is not at rest, goes through `turn`. A reading without a usable value meets the rules on
its reason alone. Edges are written into a preallocated array; when no room is left in it the kernel
says where to go on.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors._turn import bit_of, doubt, turn
from detectors.admission import (
    AHEAD,
    BAD,
    FIXED,
    HOLD,
    IGNORE,
    NEVER,
    RAISE,
    VERDICT,
    admit,
    forget,
)
from detectors.arrays import Records, prefetch
from detectors.drift import drift_step
from detectors.fall import fall_step
from detectors.jit import entry, kernel
from detectors.limit import limit_step
from detectors.memory import BEGINS, ENDS, NEITHER, empty
from detectors.noise import noise_step
from detectors.rate import rate_step
from detectors.reason import FAULT, NONE, SHIFT
from detectors.rules import DRIFT, NOISE, RATE, RUN, SPIKE, STUCK, TREND
from detectors.run import run_step
from detectors.spike import spike_step
from detectors.stuck import stuck_step
from detectors.trend import trend_step

#: Where a point's parts stand: its device, its rule set, its first row of delays and of memories;
#: and the delay beyond its device's usual from which its reading is late, ns.
PLACE: Final = np.dtype(
    [("device", "i4"), ("rules", "i4"), ("row", "i4"), ("memory", "i4"), ("late_after", "i8")]
)
#: How many readings ahead a point's line is asked for, and how many ahead what it leads to.
FAR, NEAR = 16, 8

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@kernel
def begin_anew(state: Records, first: int, delays: Records, memory: Records) -> None:
    """Forget a point, its delays and its detectors; a rule that is active stays so."""
    forget(state)
    stirred = np.uint64(0)
    for place in range(delays.size):
        delays[place].since = NEVER
        if delays[place].active == 1:
            stirred |= bit_of(place)
    state.stirred = stirred
    for own in range(first, memory.size):
        empty(memory[own])


@entry
def sweep(
    start: int,
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: Floats,
    grade: npt.NDArray[np.uint8],
    points: Records,
    places: Records,
    devices: Records,
    sets: Records,
    rules: Records,
    delays: Records,
    memory: Records,
    edges: Records,
) -> tuple[int, int, int, int, int, int]:
    """Take readings from `start` on.

    Stops early when the next point's rules might not fit the room left for edges.

    Returns
    -------
    tuple
        The next reading, the edges written, and how many were ignored as duplicates, out of order,
        late, and held.
    """
    written = 0
    ignored, out_of_order, late, held = 0, 0, 0, 0
    last = point.size - 1
    for i in range(start, point.size):
        if i + FAR <= last:
            prefetch(points, point[i + FAR])
            prefetch(places, point[i + FAR])
        if i + NEAR <= last:
            coming = places[point[i + NEAR]]
            prefetch(devices, coming.device)
            prefetch(memory, coming.memory)
            prefetch(memory, coming.memory + 2)
            prefetch(memory, coming.memory + 3)
        now, arrived, number = time[i], received[i], value[i]
        # So it is signed: shifted, an unsigned number and a constant would make a double.
        given = grade[i] & 255
        state = points[point[i]]
        where = places[point[i]]
        own = sets[where.rules]
        count = own.end - own.begin
        limits, forgetful = own.reasons - own.begin, own.watching - own.begin
        begin, first, first_memory = own.begin, where.row, where.memory
        if written + 2 * count > edges.size:
            return i, written, ignored, out_of_order, late, held
        if state.last > arrived + AHEAD:
            begin_anew(
                state,
                where.memory,
                delays[where.row : where.row + count],
                memory[: where.memory + count - forgetful],
            )
        usable, same = state.value, now == state.last
        effect, historical = admit(
            state,
            devices[where.device],
            where.late_after,
            now,
            arrived,
            number,
            given,
        )
        if effect == IGNORE:
            ignored += 1
            continue
        reason, sees = given >> SHIFT, effect
        if effect == HOLD:
            held += 1
            sees = FIXED if now <= state.last else RAISE
            if reason == NONE or given & VERDICT != BAD:
                reason = FAULT
        elif effect == FIXED:
            out_of_order += 1
        elif historical:
            late += 1
        calm = own.calm_low < number < own.calm_high
        if effect != HOLD and (not calm or state.stirred & own.limits != 0):
            for place in range(limits):
                rule = rules[begin + place]
                begins, ends = limit_step(rule, number)
                if begins or state.stirred & bit_of(place) != 0:
                    verdict = BEGINS if begins else ENDS if ends else NEITHER
                    written = turn(
                        edges,
                        written,
                        i,
                        place,
                        first + place,
                        rule,
                        delays[first + place],
                        state,
                        now,
                        number,
                        usable,
                        effect,
                        historical,
                        verdict,
                        0,
                    )
        if reason != NONE or state.stirred & own.doubts != 0:
            written = doubt(
                edges,
                written,
                i,
                own,
                where,
                rules,
                delays,
                state,
                now,
                number,
                usable,
                sees,
                historical,
                reason,
            )
        if effect in (HOLD, FIXED) or same:
            continue
        elapsed = now - state.stepped
        # A state that an earlier program kept has no interval before the last.
        spacing = state.spacing if state.spacing > 0 else elapsed
        state.stepped, state.spacing = now, elapsed
        restless = state.stirred != 0
        for place in range(forgetful, count):
            rule = rules[begin + place]
            kept = memory[first_memory + place - forgetful]
            predicted = 0
            if rule.kind == RATE:
                verdict = rate_step(rule, kept, elapsed, spacing, now, number)
            elif rule.kind == TREND:
                verdict, predicted = trend_step(rule, kept, elapsed, now, number)
            elif rule.kind == SPIKE:
                verdict = spike_step(rule, kept, elapsed, now, number)
            elif rule.kind == STUCK:
                verdict = stuck_step(rule, kept, now, number)
            elif rule.kind == NOISE:
                verdict = noise_step(rule, kept, now, number)
            elif rule.kind == RUN:
                verdict = run_step(rule, kept, elapsed, now, number)
            elif rule.kind == DRIFT:
                verdict = drift_step(rule, kept, elapsed, now, number)
            else:
                verdict = fall_step(rule, kept, elapsed, now, number)
            if verdict == BEGINS or (restless and state.stirred & bit_of(place) != 0):
                written = turn(
                    edges,
                    written,
                    i,
                    place,
                    first + place,
                    rule,
                    delays[first + place],
                    state,
                    now,
                    number,
                    usable,
                    effect,
                    historical,
                    verdict,
                    predicted,
                )
    return point.size, written, ignored, out_of_order, late, held
