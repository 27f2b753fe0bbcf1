"""Ten seconds of a point in a few numbers, against a plain count of the same readings."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.quality import Quality
from gateway.northbound import wire
from gateway.northbound.summary import PERIOD_NS, Summaries
from gateway.northbound.wire import Summary, SummaryPoint
from gateway.readings import ReadingBatch, Row

TAGS = ("T1", "T2", "T3")
NOW = 1_790_000_000_000_000_000
GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.RETAINED, Quality.SENTINEL
ROW = st.tuples(
    st.integers(0, 2),
    st.integers(1, 100),
    st.just(0),
    st.floats(-1e6, 1e6),
    st.sampled_from([GOOD, UNCERTAIN, Quality.TIME_MISSING, BAD, Quality.MISSING]),
).map(lambda row: (*row[:3], math.nan if row[4] >= Quality.MISSING else row[3], int(row[4])))


def plain(rows: list[Row]) -> list[SummaryPoint]:
    """The same, counted as a person would."""
    found = []
    for index, tag in enumerate(TAGS):
        own = [row for row in rows if row[0] == index]
        if not own:
            continue
        values = [row[3] for row in own if row[4] < Quality.MISSING]
        found.append(
            SummaryPoint(
                tag=tag,
                last=values[-1] if values else None,
                min=min(values) if values else None,
                max=max(values) if values else None,
                mean=sum(values) / len(values) if values else None,
                count=len(values),
                quality=max(row[4] for row in own),
                source_ns=own[-1][1],
            )
        )
    return found


@given(periods=st.lists(st.lists(st.lists(ROW, max_size=8), max_size=4), min_size=1, max_size=4))
def test_a_summary_counts_what_came(periods: list[list[list[Row]]]) -> None:
    """Last, extremes, mean, count, worst quality and time are those of the period alone."""
    summaries = Summaries(TAGS)
    begin = NOW
    for number, batches in enumerate(periods):
        for rows in batches:
            summaries.add(ReadingBatch.from_rows(rows))
        end = NOW + (number + 1) * PERIOD_NS
        found = summaries.close(end)
        expected = plain([row for rows in batches for row in rows])
        if not expected:
            assert found is None
        else:
            assert found is not None
            assert (found.from_ns, found.to_ns) == (begin, end)
            assert [approximate(point) for point in found.points] == [
                approximate(point) for point in expected
            ]
        begin = end


def approximate(point: SummaryPoint) -> list[object]:
    mean = None if point.mean is None else pytest.approx(point.mean, rel=1e-9, abs=1e-6)
    return [point.tag, point.last, point.min, point.max, mean, point.count, point.quality,
            point.source_ns]  # fmt: skip


def test_bad_readings_are_seen_not_counted() -> None:
    """A point with nothing but BAD readings is told, without a value: silence would look normal."""
    summaries = Summaries(TAGS)
    summaries.add(ReadingBatch.from_rows([(0, 1, 1, 7.0, int(GOOD))]))
    summaries.close(NOW)
    summaries.add(ReadingBatch.from_rows([(0, 2, 2, math.nan, int(BAD))]))
    found = summaries.close(NOW + PERIOD_NS)
    assert found is not None
    [point] = found.points
    assert (point.last, point.min, point.max, point.mean, point.count) == (*[None] * 4, 0)
    assert (point.quality, point.source_ns) == (BAD, 2)


def test_a_point_without_readings_is_left_out() -> None:
    """Only points that had readings are told, and a period without any is no summary."""
    summaries = Summaries(TAGS)
    assert summaries.close(NOW) is None
    summaries.add(ReadingBatch.from_rows([(1, 1, 1, 7.0, int(GOOD))]))
    found = summaries.close(NOW + PERIOD_NS)
    assert found is not None
    assert [point.tag for point in found.points] == ["T2"]
    assert summaries.close(NOW + 2 * PERIOD_NS) is None


def test_it_goes_through_the_wire() -> None:
    """A summary of a whole period is the message that the parent reads."""
    summaries = Summaries(TAGS)
    summaries.add(
        ReadingBatch.from_rows([(0, 1, 1, 7.5, int(GOOD)), (2, 1, 1, math.nan, int(BAD))])
    )
    made = summaries.close(NOW)
    assert made is not None
    assert msgspec.json.decode(wire.encode(made), type=Summary) == made
