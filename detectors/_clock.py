"""On-delays by the clock: the kernels behind `Bank.tick` and `Bank.next_due`.

Both look at each point's line once, and of a few points at the rows that are not at rest.
"""

from __future__ import annotations

from detectors._debounce import deadline, fire
from detectors._turn import bit_of, note
from detectors.admission import NEVER
from detectors.arrays import Records
from detectors.jit import entry


@entry
def run_out(
    start: int,
    now: int,
    points: Records,
    places: Records,
    devices: Records,
    sets: Records,
    rules: Records,
    delays: Records,
    edges: Records,
) -> tuple[int, int]:
    """Fire the on-delays that ran out by `now`; return (next point, edges written)."""
    written = 0
    for point in range(start, points.size):
        state = points[point]
        # Late data are coming: what they say decides, not the clock.
        if state.stirred == 0 or now < state.quiet:
            continue
        where = places[point]
        own = sets[where.rules]
        count = own.end - own.begin
        if written + count > edges.size:
            return point, written
        device = devices[where.device]
        # A device that is always this late has not yet been heard for this second.
        usual = min(device.lowest, device.before)
        for place in range(count):
            if state.stirred & bit_of(place) == 0:
                continue
            row = where.row + place
            due = deadline(delays[row], rules[own.begin + place].on_delay)
            if due != NEVER and due + usual <= now:
                fire(delays[row])
                note(edges[written], -1, row, True, due, state.value, 0, False)
                written += 1
    return points.size, written


@entry
def earliest(
    points: Records, places: Records, sets: Records, rules: Records, delays: Records
) -> int:
    """Return the earliest second (ns) at which a pending on-delay fires; -NEVER for none."""
    found = -NEVER
    for point in range(points.size):
        stirred = points[point].stirred
        if stirred == 0:
            continue
        where = places[point]
        own = sets[where.rules]
        for place in range(own.end - own.begin):
            if stirred & bit_of(place) == 0:
                continue
            due = deadline(delays[where.row + place], rules[own.begin + place].on_delay)
            if due != NEVER:
                found = min(found, due)
    return found
