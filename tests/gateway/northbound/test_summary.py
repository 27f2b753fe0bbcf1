"""Ten seconds of a point in a few numbers, against a plain count of the same readings."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.quality import Quality
from gateway.northbound import summary, wire
from gateway.northbound.summary import PERIOD_NS, Period, Summaries
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


def told(period: Period | None) -> Summary | None:
    """The one message of a small plant's period."""
    if period is None:
        return None
    (part,) = period.parts()
    return part.summary()


@given(periods=st.lists(st.lists(st.lists(ROW, max_size=8), max_size=4), min_size=1, max_size=4))
def test_a_summary_counts_what_came(periods: list[list[list[Row]]]) -> None:
    """Last, extremes, mean, count, worst quality and time are those of the period alone."""
    with pytest.MonkeyPatch.context() as patch:
        # Readings are counted in the middle of a period as well as at its end.
        patch.setattr(summary, "WAITING", 10)
        compare(periods)


def compare(periods: list[list[list[Row]]]) -> None:
    summaries = Summaries(TAGS)
    begin = NOW
    for number, batches in enumerate(periods):
        for rows in batches:
            summaries.add(ReadingBatch.from_rows(rows))
        end = NOW + (number + 1) * PERIOD_NS
        found = told(summaries.close(end))
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
    found = told(summaries.close(NOW + PERIOD_NS))
    assert found is not None
    [point] = found.points
    assert (point.last, point.min, point.max, point.mean, point.count) == (*[None] * 4, 0)
    assert (point.quality, point.source_ns) == (BAD, 2)


def test_a_point_without_readings_is_left_out() -> None:
    """Only points that had readings are told, and a period without any is no summary."""
    summaries = Summaries(TAGS)
    assert summaries.close(NOW) is None
    summaries.add(ReadingBatch.from_rows([(1, 1, 1, 7.0, int(GOOD))]))
    found = told(summaries.close(NOW + PERIOD_NS))
    assert found is not None
    assert [point.tag for point in found.points] == ["T2"]
    assert summaries.close(NOW + 2 * PERIOD_NS) is None


def test_it_goes_through_the_wire() -> None:
    """A summary of a whole period is the message that the parent reads."""
    summaries = Summaries(TAGS)
    summaries.add(
        ReadingBatch.from_rows([(0, 1, 1, 7.5, int(GOOD)), (2, 1, 1, math.nan, int(BAD))])
    )
    made = told(summaries.close(NOW))
    assert made is not None
    assert msgspec.json.decode(wire.encode(made), type=Summary) == made


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_period_is_cut_into_messages(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whatever a message holds, each point is told once, with its own numbers, under one name."""
    rows = [(n, n + 1, 1, float(n), int(GOOD)) for n in range(3)]
    monkeypatch.setattr(summary, "PART", size)
    summaries = Summaries(TAGS)
    summaries.add(ReadingBatch.from_rows(rows))
    period = summaries.close(NOW)
    assert period is not None
    parts = period.parts()
    made = [part.summary() for part in parts]
    assert [len(each.points) for each in made] == [
        len(rows[n : n + size]) for n in range(0, 3, size)
    ]
    points = [point for each in made for point in each.points]
    assert [approximate(point) for point in points] == [approximate(each) for each in plain(rows)]
    assert {(each.from_ns, each.to_ns) for each in made} == {(NOW - PERIOD_NS, NOW)}
    assert len({part.name for part in parts}) == len(parts) == -(-3 // size)


def test_a_period_is_of_its_own_time() -> None:
    """A message that is made late tells its period, not what came since."""
    summaries = Summaries(TAGS)
    summaries.add(ReadingBatch.from_rows([(0, 1, 1, 7.0, int(GOOD))]))
    period = summaries.close(NOW)
    summaries.add(ReadingBatch.from_rows([(0, 2, 2, 9.0, int(BAD))]))
    summaries.close(NOW + PERIOD_NS)
    late = told(period)
    assert late is not None
    assert [approximate(point) for point in late.points] == [["T1", 7.0, 7.0, 7.0, 7.0, 1, 0, 1]]


def test_nothing_is_counted_for_nobody() -> None:
    """A site that stands alone spends nothing on summaries."""
    summaries = Summaries(TAGS, told=False)
    summaries.add(ReadingBatch.from_rows([(0, 1, 1, 7.0, int(GOOD))]))
    assert summaries.close(NOW) is None
