"""Exposures to test with, and readings for them."""

from __future__ import annotations

import numpy as np

from detectors._minutes import (
    MINUTE,
    MOVING_COVERAGE,
    STEL,
    STEL_COVERAGE,
    SUM_COVERAGE,
    TWA_MOVING,
    TWA_SUM,
)
from detectors.admission import GOOD, SECOND
from detectors.exposure import ExposureParams, Mode
from detectors.exposures import Exposures

#: On a whole minute.
START = 28_333_333 * MINUTE
HOUR = 60 * MINUTE
ALL = (STEL, TWA_SUM, TWA_MOVING, STEL_COVERAGE, SUM_COVERAGE, MOVING_COVERAGE)

Reading = tuple[int, int, int, float, int]
#: A derived reading: point, time, received, its value as bits, grade.
Row = tuple[int, int, int, bytes, int]


def feed(exposures: Exposures, batch: list[Reading]) -> list[tuple[int, Row]]:
    """Give one batch to the kernels; return origins and derived readings."""
    columns = list(zip(*batch, strict=True)) if batch else [()] * 5
    told = exposures.take(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.uint8),
    )
    return [
        (int(origin), (int(point), int(time), int(received), value.tobytes(), int(grade)))
        for origin, point, time, received, value, grade in zip(*told, strict=True)
    ]


def one(mode: Mode = Mode.FIXED, **options: int) -> Exposures:
    """An exposure of point 0 with everything told, outputs at 1 to 6."""
    if mode is Mode.INSTRUMENT:
        options = {"off_after_ns": 2 * HOUR, **options}
    outputs = ALL if mode is Mode.INSTRUMENT or "marker" in options else (0, 2, 3, 5)
    params = ExposureParams(
        base=0, mode=mode, derived={output: 1 + output for output in outputs},
        **{"hold_ns": 3 * SECOND, **options},
    )  # fmt: skip
    return Exposures(10, [params])


def steady(value: float, begin: int, end: int, *, every: int = SECOND) -> list[Reading]:
    """Readings of point 0 on time, from `begin` to `end` minutes after START."""
    times = range(START + begin * MINUTE, START + end * MINUTE, every)
    return [(0, time, time, value, GOOD) for time in times]


def told(exposures: Exposures, batch: list[Reading], output: int) -> list[tuple[float, int]]:
    """Value and grade of one output after each minute that a batch closed."""
    return [
        (float(np.frombuffer(value)[0]), grade)
        for _, (point, _, _, value, grade) in feed(exposures, batch)
        if point == 1 + output
    ]
