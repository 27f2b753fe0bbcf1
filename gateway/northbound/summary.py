"""Ten seconds of every point in a few numbers: what goes up beside the alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from device_profiles.quality import REASON_BITS, Verdict
from gateway.northbound.wire import Summary, SummaryPoint
from gateway.readings import ReadingBatch

PERIOD_NS: Final = 10_000_000_000


class Summaries:
    """Collects readings by point and hands out a `Summary` a period.

    Parameters
    ----------
    tags
        In dense order.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = tuple(tags)
        count = len(tags)
        self._last = np.full(count, np.nan)
        self._time = np.zeros(count, np.int64)
        self._worst = np.zeros(count, np.uint8)
        self._low = np.full(count, np.inf)
        self._high = np.full(count, -np.inf)
        self._sum = np.zeros(count)
        self._count = np.zeros(count, np.int64)
        self._seen = np.zeros(count, bool)
        self._from_ns = 0

    def add(self, batch: ReadingBatch) -> None:
        """Take readings; those that are BAD count only towards the worst quality."""
        point = batch.point
        self._seen[point] = True
        np.maximum.at(self._worst, point, batch.quality)
        self._time[point] = batch.time_ns
        usable = (batch.quality >> REASON_BITS) != Verdict.BAD
        point, value = point[usable], batch.value[usable]
        self._last[point] = value
        np.minimum.at(self._low, point, value)
        np.maximum.at(self._high, point, value)
        np.add.at(self._sum, point, value)
        np.add.at(self._count, point, 1)

    def close(self, now_ns: int) -> Summary | None:
        """End the period at `now_ns`; return it, or None when there is nothing to tell."""
        seen = np.flatnonzero(self._seen)
        begin, self._from_ns = self._from_ns or now_ns - PERIOD_NS, now_ns
        points = [self._point(int(index)) for index in seen]
        self._seen[:] = False
        self._worst[:] = 0
        self._low[:] = np.inf
        self._high[:] = -np.inf
        self._sum[:] = 0.0
        self._count[:] = 0
        return Summary(from_ns=begin, to_ns=now_ns, points=points) if points else None

    def _point(self, index: int) -> SummaryPoint:
        count = int(self._count[index])
        usable = count > 0
        last = float(self._last[index])
        return SummaryPoint(
            tag=self.tags[index],
            last=last if usable and math.isfinite(last) else None,
            min=float(self._low[index]) if usable else None,
            max=float(self._high[index]) if usable else None,
            mean=float(self._sum[index]) / count if usable else None,
            count=count,
            quality=int(self._worst[index]),
            source_ns=int(self._time[index]),
        )
