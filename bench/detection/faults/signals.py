"""What healthy instruments read: their usual value, lag, clouds of gas, noise and way of reporting.

All numbers of a point come from its key (kind of data, seed) and ``parameters.toml``. Time steps
are those of the instrument, not seconds: lag and turbulence (a first-order process) are exact at
any step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.detection.faults.parameters import PARAMETERS, Instrument
from bench.detection.leaks.chance import beginning, normal, uniform
from bench.detection.leaks.points import DAY, START_NS, draw
from detectors.admission import NEVER, SECOND
from detectors.arrays import Records, new_records
from detectors.jit import entry

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: A part of every key, so that no leak of the other bench has the same numbers.
KEY: Final = 77
#: A device's clock ticks so long after the whole second, at most.
PHASE_NS: Final = SECOND // 2

#: A point's numbers, drawn once (in its unit, s, and of its unit per second), and what changes: the
#: concentration behind the lag, the turbulence, the last report, whether the last message was lost.
#: `turbulent` is the share of the noise that passes the lag, `stays` its memory from one reading to
#: the next, `away` what its next value is given.
RECORD: Final = np.dtype(
    [
        *((name, "f8") for name in ("base", "cycle", "phase", "drift")),
        *((name, "f8") for name in ("lag", "stays", "away", "turbulent", "electronics", "plume")),
        *((name, "f8") for name in ("dead_zone", "step", "moved", "lowest", "highest", "dropped")),
        *((name, "i8") for name in ("silent", "every", "after")),
        *((name, "f8") for name in ("shown", "cloud", "said")),
        *((name, "i8") for name in ("spoke", "lost")),
        ("count", "u8"),
    ]
)


def new_points(
    kind: str, instruments: Sequence[tuple[Instrument, int]], *, plume: float = 0.0
) -> Records:
    """Return points as they are before their first reading, one a pair of instrument and seed.

    Parameters
    ----------
    plume
        Standard deviation of what a leak adds, as a share of it: gas that comes in clouds.
    """
    points = new_records(len(instruments), RECORD)
    for own, (instrument, seed) in zip(points, instruments, strict=True):
        chance = Random(f"{kind} {seed} {instrument.name}")
        said = instrument.signal
        stays = math.exp(-instrument.every * math.log(10.0) / said.t90)
        before = chance.random()
        own["base"] = draw(chance, said.base)
        own["cycle"] = said.cycle
        own["phase"] = draw(chance, (0.0, DAY))
        own["drift"] = draw(chance, said.drift) / (30 * DAY)
        own["lag"] = 1.0 - stays
        own["stays"], own["away"] = stays, math.sqrt(1.0 - stays * stays)
        own["turbulent"] = said.noise * math.sqrt(before)
        own["electronics"] = said.noise * math.sqrt(1.0 - before)
        own["plume"] = plume
        own["dead_zone"] = said.dead_zone or -math.inf
        own["step"] = said.step
        own["moved"], own["silent"] = said.moved, said.silent
        own["lowest"], own["highest"] = said.shows
        own["dropped"] = PARAMETERS.healthy.dropped
        own["every"] = instrument.every
        own["after"] = chance.randrange(PHASE_NS // 1_000_000) * 1_000_000
        own["shown"] = own["base"]
        own["spoke"] = NEVER
        own["said"] = math.inf
        own["count"] = beginning(KEY, sum(f"{kind} {instrument.name}".encode()), seed)
    return points


@entry
def fill(  # noqa: PLR0917 - numba has no keyword call at speed
    points: Records,
    first: int,
    seconds: int,
    row: npt.NDArray[np.int32],
    added: Floats,
    ends: Ints,
    times: Ints,
    values: Floats,
) -> int:
    """Write the readings of some seconds, point by point, and return how many there are.

    Parameters
    ----------
    points
        Of `RECORD`; changed: the next call goes on where this one ends.
    first, seconds
        Whole multiples of every point's interval.
    row, added
        Which row of `added` a point has, -1 for none, shape (points,); what is added to its usual
        value, in its unit, at each of its steps, shape (rows, at least steps).
    ends
        Filled: where the readings of each point end, shape (points,).
    times, values
        Filled: ns, and in the point's unit.
    """
    written = 0
    for number in range(points.size):
        point = points[number]
        every = point.every
        level, until = 0.0, first
        for place in range(seconds // every):
            second = first + place * every
            if second >= until:
                turn = 2.0 * math.pi * (second + point.phase) / DAY
                level = point.base + point.cycle * math.sin(turn) + point.drift * second
                until = second + 60
            more = 0.0 if row[number] < 0 else added[row[number], place]
            point.shown += point.lag * (level + more - point.shown)
            point.cloud = point.stays * point.cloud + point.away * normal(point)
            strength = point.turbulent + point.plume * abs(more)
            value = point.shown + strength * point.cloud + point.electronics * normal(point)
            if value < point.dead_zone:
                value = 0.0
            if point.step > 0.0:
                value = point.step * np.rint(value / point.step)
            value = min(max(value, point.lowest), point.highest)
            still = abs(value - point.said) < point.moved and point.said != np.inf
            if still and second - point.spoke < point.silent:
                continue
            point.said = value
            point.spoke = second
            if point.lost == 0 and uniform(point) < point.dropped:
                point.lost = 1
                continue
            point.lost = 0
            times[written] = START_NS + second * SECOND + point.after
            values[written] = value
            written += 1
        ends[number] = written
    return written


@entry
def in_order(  # noqa: PLR0917 - the same
    ends: Ints,
    times: Ints,
    values: Floats,
    begin: int,
    begins: Ints,
    point: npt.NDArray[np.int32],
    time: Ints,
    value: Floats,
) -> None:
    """Put readings that lie point by point in the order of their seconds.

    Parameters
    ----------
    ends, times, values
        As `fill` wrote them.
    begin
        The first second, ns.
    begins
        Filled: where each second's readings begin, shape (seconds + 1,).
    point, time, value
        Filled.
    """
    count = ends[-1]
    begins[:] = 0
    for number in range(count):
        begins[(times[number] - begin) // SECOND + 1] += 1
    for second in range(1, begins.size):
        begins[second] += begins[second - 1]
    owner = 0
    for number in range(count):
        while number >= ends[owner]:
            owner += 1
        second = (times[number] - begin) // SECOND
        place = begins[second]
        begins[second] += 1
        point[place] = owner
        time[place] = times[number]
        value[place] = values[number]
    # Each begin has moved to its second's end: where the next one begins.
    for second in range(begins.size - 1, 0, -1):
        begins[second] = begins[second - 1]
    begins[0] = 0
