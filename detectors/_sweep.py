"""The loops over readings and rows: the kernels behind `Bank.take` and `Bank.tick`.

A reading meets every rule of its point; a row whose on-delay has run out fires. Edges are written
into preallocated columns; a kernel that runs out of room for them says where to go on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors._debounce import (
    ACTIVE,
    BEGAN,
    NOTHING,
    ON_SINCE,
    deadline,
    fire,
    restart,
    settle,
)
from detectors.admission import (
    AHEAD,
    BEFORE_MIN,
    BUCKET_MIN,
    FIXED,
    HOLD,
    IGNORE,
    LAST,
    NEVER,
    QUIET,
    admit,
    forget,
)
from detectors.jit import kernel
from detectors.limit import limit_step
from detectors.rate import rate_step
from detectors.stuck import stuck_step
from detectors.trend import trend_step

# Kinds of detector.
LIMIT, RATE, TREND, STUCK = 0, 1, 2, 3
# Columns of an edge, and of the counts.
AT, ROW, EDGE, TIME, PREDICTED, HISTORICAL = 0, 1, 2, 3, 4, 5
IGNORED, OUT_OF_ORDER, LATE, HELD = 0, 1, 2, 3

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@kernel
def judge(
    kind: int,
    params: Floats,
    floats: Floats,
    ints: Ints,
    time: int,
    value: float,
) -> tuple[bool, bool, int]:
    """Run one rule's detector; return (begins, ends, predicted crossing)."""
    predicted = 0
    if kind == LIMIT:
        begins, ends = limit_step(params, value)
    elif kind == RATE:
        begins, ends = rate_step(params, floats, ints, time, value)
    elif kind == TREND:
        begins, ends, predicted = trend_step(params, floats, ints, time, value)
    else:
        begins, ends = stuck_step(params, floats, ints, time, value)
    return begins, ends, predicted


@kernel
def note(
    edges: Ints,
    values: Floats,
    count: int,
    at: int,
    row: int,
    edge: int,
    time: int,
    value: float,
    predicted: int,
    historical: bool,
) -> int:
    """Write one edge; return the new count."""
    edges[count, AT] = at
    edges[count, ROW] = row
    edges[count, EDGE] = edge
    edges[count, TIME] = time
    edges[count, PREDICTED] = predicted
    edges[count, HISTORICAL] = 1 if historical else 0
    values[count] = value
    return count + 1


@kernel
def sweep(
    start: int,
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: Floats,
    grade: npt.NDArray[np.uint8],
    point_times: Ints,
    point_values: Floats,
    point_device: npt.NDArray[np.int32],
    point_late: Ints,
    devices: Ints,
    first: npt.NDArray[np.int32],
    kind: npt.NDArray[np.uint8],
    delays: Ints,
    params: Floats,
    floats: Floats,
    ints: Ints,
    edges: Ints,
    edge_values: Floats,
    counts: Ints,
) -> tuple[int, int]:
    """Take readings from `start` on; return (next reading, edges written).

    Stops early when the next point's rules might not fit the room left for edges.
    """
    written = 0
    for i in range(start, point.size):
        p = point[i]
        if written + 2 * (first[p + 1] - first[p]) > edges.shape[0]:
            return i, written
        if point_times[p, LAST] > received[i] + AHEAD:
            forget(point_times[p], point_values[p])
            for row in range(first[p], first[p + 1]):
                restart(ints[row], floats[row])
        usable = point_values[p, 0]
        effect, historical = admit(
            point_times[p],
            point_values[p],
            devices[point_device[p]],
            point_late[p],
            time[i],
            received[i],
            value[i],
            grade[i],
        )
        if effect == IGNORE:
            counts[IGNORED] += 1
            continue
        if effect == HOLD:
            counts[HELD] += 1
            continue
        if effect == FIXED:
            counts[OUT_OF_ORDER] += 1
        elif historical:
            counts[LATE] += 1
        for row in range(first[p], first[p + 1]):
            due = deadline(ints[row], delays[row, 0])
            if effect != FIXED and due != NEVER and due < time[i]:
                fire(ints[row])
                written = note(
                    edges, edge_values, written, i, row, BEGAN, due, usable, 0, historical
                )
            if effect == FIXED and kind[row] != LIMIT:
                continue
            begins, ends, predicted = judge(
                kind[row], params[row], floats[row], ints[row], time[i], value[i]
            )
            edge = settle(ints[row], delays[row, 0], delays[row, 1], time[i], effect, begins, ends)
            if edge != NOTHING:
                written = note(
                    edges,
                    edge_values,
                    written,
                    i,
                    row,
                    edge,
                    time[i],
                    value[i],
                    predicted,
                    historical,
                )
    return point.size, written


@kernel
def run_out(
    start: int,
    now: int,
    row_point: npt.NDArray[np.int32],
    point_times: Ints,
    point_values: Floats,
    point_device: npt.NDArray[np.int32],
    devices: Ints,
    delays: Ints,
    ints: Ints,
    edges: Ints,
    edge_values: Floats,
) -> tuple[int, int]:
    """Fire the on-delays that ran out by `now`; return (next row, edges written)."""
    written = 0
    for row in range(start, row_point.size):
        if ints[row, ON_SINCE] == NEVER or ints[row, ACTIVE] == 1:
            continue
        if written == edges.shape[0]:
            return row, written
        p = row_point[row]
        device = devices[point_device[p]]
        due = deadline(ints[row], delays[row, 0])
        # A device that is always this late has not yet been heard for this second.
        usual = min(device[BUCKET_MIN], device[BEFORE_MIN])
        if due + usual <= now and now >= point_times[p, QUIET]:
            fire(ints[row])
            written = note(
                edges, edge_values, written, -1, row, BEGAN, due, point_values[p, 0], 0, False
            )
    return row_point.size, written
