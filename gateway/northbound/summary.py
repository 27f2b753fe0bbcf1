"""Ten seconds of every point in a few numbers: what goes up beside the alarms.

A plant may have half a million points, and the event loop has no second to spare: readings are
counted in arrays, a period is closed by copying them, and the messages of the wire are made from it
in parts, each when there is somebody to send it to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from device_profiles.quality import REASON_BITS, Verdict
from gateway.northbound import wire
from gateway.northbound.wire import Summary, SummaryPoint
from gateway.readings import ReadingBatch

PERIOD_NS: Final = 10_000_000_000
#: Points of one message: some milliseconds to make, and well within a post.
PART: Final = 2_000
#: Readings that wait to be counted together: a batch of a few costs as much as one of hundreds.
WAITING: Final = 4_096


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Period:
    """The points that had readings between two instants; arrays have shape (n,), one each."""

    from_ns: int
    to_ns: int
    #: Of all points, and which of them these are.
    tags: Sequence[str]
    point: npt.NDArray[np.int64]
    last: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]
    worst: npt.NDArray[np.uint8]
    time_ns: npt.NDArray[np.int64]

    def parts(self) -> list[Part]:
        """Return the period in messages of at most `PART` points."""
        of = -(-self.point.size // PART)
        return [Part(self, number, of) for number in range(of)]


class Part(NamedTuple):
    """One message of a period's `of`; its content is made when it is asked for."""

    period: Period
    number: int
    of: int

    @property
    def name(self) -> str:
        """What tells it from every other one of this start."""
        return f"{self.period.to_ns}.{self.number}" if self.of > 1 else f"{self.period.to_ns}"

    def item(self, epoch: str) -> wire.Item:
        """Make it an item of the wire."""
        return wire.item("summary", f"{epoch}/s{self.name}", wire.encode(self.summary()))

    def summary(self) -> Summary:
        """Make the message."""
        period = self.period
        here = slice(self.number * PART, (self.number + 1) * PART)
        columns = (
            period.point,
            period.last,
            period.low,
            period.high,
            period.total,
            period.count,
            period.worst,
            period.time_ns,
        )
        points = [
            SummaryPoint(
                tag=period.tags[point],
                last=last if count and math.isfinite(last) else None,
                min=low if count else None,
                max=high if count else None,
                mean=total / count if count else None,
                count=count,
                quality=worst,
                source_ns=time_ns,
            )
            for point, last, low, high, total, count, worst, time_ns in zip(
                *(column[here].tolist() for column in columns), strict=True
            )
        ]
        return Summary(from_ns=period.from_ns, to_ns=period.to_ns, points=points)


class Summaries:
    """Collects readings by point and hands out a `Period` of them at a time.

    Parameters
    ----------
    tags
        In dense order.
    told
        Whether there is anybody above; without, nothing is counted and no period has readings.
    """

    def __init__(self, tags: Sequence[str], *, told: bool = True) -> None:
        self.tags = tuple(tags)
        self._told = told
        count = len(tags) if told else 0
        self._waiting: list[ReadingBatch] = []
        self._waiting_readings = 0
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
        if not self._told:
            return
        self._waiting.append(batch)
        self._waiting_readings += len(batch)
        if self._waiting_readings >= WAITING:
            self._take()

    def close(self, now_ns: int) -> Period | None:
        """End the period at `now_ns`; return it, or None when there is nothing to tell."""
        self._take()
        seen = np.flatnonzero(self._seen)
        begin, self._from_ns = self._from_ns or now_ns - PERIOD_NS, now_ns
        if not seen.size:
            return None
        period = Period(
            from_ns=begin,
            to_ns=now_ns,
            tags=self.tags,
            point=seen,
            last=self._last[seen],
            low=self._low[seen],
            high=self._high[seen],
            total=self._sum[seen],
            count=self._count[seen],
            worst=self._worst[seen],
            time_ns=self._time[seen],
        )
        self._seen[:] = False
        self._worst[:] = 0
        self._low[:] = np.inf
        self._high[:] = -np.inf
        self._sum[:] = 0.0
        self._count[:] = 0
        return period

    def _take(self) -> None:
        """Count what waits."""
        batches, self._waiting, self._waiting_readings = self._waiting, [], 0
        if not batches:
            return
        point = np.concatenate([batch.point for batch in batches])
        value = np.concatenate([batch.value for batch in batches])
        quality = np.concatenate([batch.quality for batch in batches])
        self._seen[point] = True
        np.maximum.at(self._worst, point, quality)
        self._time[point] = np.concatenate([batch.time_ns for batch in batches])
        usable = (quality >> REASON_BITS) != Verdict.BAD
        point, value = point[usable], value[usable]
        self._last[point] = value
        np.minimum.at(self._low, point, value)
        np.maximum.at(self._high, point, value)
        np.add.at(self._sum, point, value)
        np.add.at(self._count, point, 1)
