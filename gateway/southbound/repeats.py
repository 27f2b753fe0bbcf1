"""Readings known again when a broker repeats their messages.

A broker repeats what was not acknowledged, also what is already in the spool; taken twice it would
look like old data that crosses a limit. Only messages with the DUP flag are compared, so a device's
own repetition is judged as what it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.readings import ReadingBatch

#: Batches joined at once: the arrays of one cost more than forty readings.
JOINED: Final = 256
#: Odd numbers that mix a reading's columns into one key; equal keys are compared column by column.
MIX: Final = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64
)

Keys = npt.NDArray[np.uint64]


class Newest:
    """The newest readings, `most` at least once there are so many; small batches are joined."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._whole: deque[ReadingBatch] = deque()
        self._loose: list[ReadingBatch] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ReadingBatch]:
        yield from self._whole
        yield from self._loose

    def add(self, batch: ReadingBatch) -> None:
        """Keep these; the oldest are let go."""
        if not len(batch):
            return
        self._loose.append(batch)
        self._count += len(batch)
        if len(self._loose) >= JOINED:
            self._whole.append(ReadingBatch.joined(self._loose))
            self._loose = []
        oldest = self._whole or self._loose
        while self._count - len(oldest[0]) >= self.most:
            self._count -= len(oldest[0])
            del oldest[0]
            oldest = self._whole or self._loose

    def clear(self) -> None:
        """Let all go."""
        self._whole.clear()
        self._loose, self._count = [], 0


class Repeats:
    """The newest readings that a broker may repeat.

    Parameters
    ----------
    most
        Readings kept: what fits into the in-flight window, and more.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept = Newest(most)
        self._known: ReadingBatch | None = None
        self._keys: Keys = np.zeros(0, np.uint64)

    def __len__(self) -> int:
        return len(self._kept)

    def remember(self, batch: ReadingBatch) -> None:
        """Know these readings again; the oldest are let go."""
        self._kept.add(batch)
        self._known = None

    def repeated(self, batch: ReadingBatch) -> npt.NDArray[np.bool_]:
        """Return which of these readings are known: point, source time, value and quality agree."""
        if not len(self._kept):
            return np.zeros(len(batch), bool)
        if self._known is None:
            whole = ReadingBatch.joined(self._kept)
            keys = _keys(whole)
            order = np.argsort(keys, kind="stable")
            self._keys, self._known = keys[order], whole.where(order)
        known = self._known
        place = np.searchsorted(self._keys, _keys(batch))
        place[place == len(known)] = 0
        found: npt.NDArray[np.bool_] = known.point[place] == batch.point
        found &= known.time_ns[place] == batch.time_ns
        found &= _bits(known)[place] == _bits(batch)
        found &= known.quality[place] == batch.quality
        return found


def _bits(batch: ReadingBatch) -> npt.NDArray[np.int64]:
    """Return the values as they are written, so that a NaN is known again too."""
    return batch.value.view(np.int64)


def _keys(batch: ReadingBatch) -> Keys:
    columns: tuple[npt.NDArray[np.integer], ...] = (
        batch.point,
        batch.time_ns,
        _bits(batch),
        batch.quality,
    )
    mixed = np.zeros(len(batch), np.uint64)
    for column, odd in zip(columns, MIX, strict=True):
        mixed = (mixed ^ column.astype(np.uint64)) * odd
        mixed ^= mixed >> np.uint64(29)
    return mixed
