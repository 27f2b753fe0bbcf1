"""The exposures of a site: readings of their base points in, readings of derived points out.

Derived readings are readings like any other: they meet the limits of their points. Each has the
end of its minute as source time, which per derived point only increases, and the received time of
the reading that closed the minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors._minutes import MINUTE, OUTPUTS, STEL, new_exposures
from detectors.arrays import Records, new_records
from detectors.exposure import (
    NONE,
    PARAMS,
    ExposureParams,
    Mode,
    exposure_step,
    marker_step,
)
from detectors.jit import entry

ROWS: Final = 4096  # derived readings one call of the kernel can hold before it is called again

#: A reading of a point is also one for this exposure: of its base, or of its marker.
FEED: Final = np.dtype([("exposure", "i4"), ("marks", "i4")])
#: A derived reading, in the order of `Derived`.
DERIVED: Final = np.dtype(
    [
        ("origin", "i8"),
        ("point", "i4"),
        ("time", "i8"),
        ("received", "i8"),
        ("value", "f8"),
        ("grade", "u1"),
    ],
    align=True,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@entry
def follow(
    start: int,
    point: npt.NDArray[np.int32],
    time: Ints,
    received: Ints,
    value: Floats,
    grade: npt.NDArray[np.uint8],
    first: Ints,
    feeds: Records,
    params: Records,
    states: Records,
    rows: Records,
) -> tuple[int, int]:
    """Take readings from `start` on; return (next reading, rows written).

    Stops early when what a minute tells might not fit. The reading it stops at is run again from
    its begin: what it has already fed takes it for a duplicate.
    """
    written = 0
    for i in range(start, point.size):
        for place in range(first[point[i]], first[point[i] + 1]):
            feed = feeds[place]
            state = states[feed.exposure]
            if feed.marks == 1:
                marker_step(state, time[i], received[i], value[i], grade[i])
                continue
            own = params[feed.exposure]
            while True:
                if written + OUTPUTS > rows.size:
                    return i, written
                if exposure_step(own, state, time[i], received[i], value[i], grade[i]) == 0:
                    break
                for output in range(OUTPUTS):
                    if own.derived[output] == NONE:
                        continue
                    row = rows[written]
                    row.origin = i
                    row.point = own.derived[output]
                    row.time = state.told
                    row.received = received[i]
                    row.value = state.outputs[output]
                    row.grade = state.grades[output]
                    written += 1
    return point.size, written


class Derived(NamedTuple):
    """Derived readings, in the order they arose; all arrays have shape (n,).

    Parameters
    ----------
    origin
        Index of the reading, in the batch that was taken, that made each.
    point, time, received, value, grade
        As `detectors.bank.Bank.take` takes them.
    """

    origin: Ints
    point: npt.NDArray[np.int32]
    time: Ints
    received: Ints
    value: Floats
    grade: npt.NDArray[np.uint8]


class Exposures:
    """The exposures of a site and their state.

    Parameters
    ----------
    points
        How many points the site has.
    exposures
        In any order; exposure `k` has the state ``state[k]``.

    Raises
    ------
    ValueError
        Two exposures feed one point, or one is fed by another.
    """

    def __init__(self, points: int, exposures: Sequence[ExposureParams]) -> None:
        derived = [point for each in exposures for point in each.derived.values()]
        fed = {each.base for each in exposures} | {each.marker for each in exposures}
        if len(set(derived)) < len(derived) or fed & set(derived):
            raise ValueError(
                "exposures: each feeds points of its own, and is fed by points that none feeds"
            )
        feeds = sorted(
            (point, number, marks)
            for number, each in enumerate(exposures)
            for marks, point in enumerate((each.base, each.marker))
            if point != NONE
        )
        self._first = np.searchsorted([point for point, _, _ in feeds], np.arange(points + 1))
        self._feeds = new_records(len(feeds), FEED)
        for place, (_, number, marks) in enumerate(feeds):
            self._feeds[place] = (number, marks)
        self._params = new_records(len(exposures), PARAMS)
        for number, each in enumerate(exposures):
            self._params[number] = each.pack()
        #: All that readings change, an `EXPOSURE` each: may be copied whole.
        self.state = new_exposures(len(exposures))
        self._rows = new_records(ROWS, DERIVED)

    def take(
        self,
        point: npt.NDArray[np.int32],
        time: Ints,
        received: Ints,
        value: Floats,
        grade: npt.NDArray[np.uint8],
    ) -> Derived:
        """Run readings, in order, through the exposures they feed; return what those tell.

        Parameters
        ----------
        point, time, received, value, grade
            Shape (n,), as `detectors.bank.Bank.take` takes them.
        """
        found = [self._rows[:0]]
        start = 0
        while start < point.size:
            start, written = follow(
                start,
                point,
                time,
                received,
                value,
                grade,
                self._first,
                self._feeds,
                self._params,
                self.state,
                self._rows,
            )
            if written:
                found.append(self._rows[:written].copy())
        rows = np.concatenate(found)
        return Derived(*(np.ascontiguousarray(rows[name]) for name in Derived._fields))

    def warm_up(self) -> None:
        """Compile the kernels on a site of its own, so that the first reading does not wait."""
        params = ExposureParams(base=0, mode=Mode.FIXED, hold_ns=MINUTE, derived={STEL: 1})
        own = Exposures(2, [params])
        one = np.ones(1, np.int64)
        own.take(np.zeros(1, np.int32), one, one, np.ones(1), np.zeros(1, np.uint8))
