"""Readings in arrays: the form in which they are stored, and the only one the pipeline takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Row = tuple[int, int, int, float, int]


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """Readings in the order they came; all arrays have shape (n,).

    Parameters
    ----------
    point
        int32, dense index.
    time_ns
        int64, source time.
    received_ns
        int64.
    value
        float64 in the point's unit; NaN where there is none.
    quality
        uint8 of `device_profiles.quality.Quality`.
    """

    point: npt.NDArray[np.int32]
    time_ns: npt.NDArray[np.int64]
    received_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return self.point.size

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> ReadingBatch:
        """Build from rows (point, source ns, received ns, value, quality)."""
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
        return cls(
            np.array(columns[0], np.int32),
            np.array(columns[1], np.int64),
            np.array(columns[2], np.int64),
            np.array(columns[3], np.float64),
            np.array(columns[4], np.uint8),
        )

    def part(self, begin: int, end: int) -> ReadingBatch:
        """Return the readings from `begin` up to `end`."""
        return ReadingBatch(
            self.point[begin:end],
            self.time_ns[begin:end],
            self.received_ns[begin:end],
            self.value[begin:end],
            self.quality[begin:end],
        )

    @classmethod
    def joined(cls, batches: Iterable[ReadingBatch]) -> ReadingBatch:
        """Return the readings of all batches, at least one, in their order."""
        whole = tuple(batches)
        return cls(
            np.concatenate([each.point for each in whole]),
            np.concatenate([each.time_ns for each in whole]),
            np.concatenate([each.received_ns for each in whole]),
            np.concatenate([each.value for each in whole]),
            np.concatenate([each.quality for each in whole]),
        )

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> ReadingBatch:
        """Return the chosen readings: by a mask, or by their places in the order wanted."""
        return ReadingBatch(
            self.point[chosen],
            self.time_ns[chosen],
            self.received_ns[chosen],
            self.value[chosen],
            self.quality[chosen],
        )
