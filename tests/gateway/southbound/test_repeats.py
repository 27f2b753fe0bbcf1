"""What a broker repeats is known again by what it says, and only the newest is remembered."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.readings import ReadingBatch, Row
from gateway.southbound.repeats import Repeats

rows = st.tuples(
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf]),
    st.sampled_from([0, 130]),
)
batches = st.lists(rows, max_size=6)


def told(row: Row) -> tuple[int, int, str, int]:
    """What is compared: all but the received time, and the value as it is written."""
    point, time_ns, _, value, quality = row
    return point, time_ns, value.hex(), quality


@given(st.lists(batches, max_size=6), batches)
def test_a_reading_is_known_by_everything_it_says(said: list[list[Row]], again: list[Row]) -> None:
    """Point, source time, value (a NaN too) and quality agree with one that was remembered."""
    repeats = Repeats(1000)
    for batch in said:
        repeats.remember(ReadingBatch.from_rows(batch))
    known = {told(row) for batch in said for row in batch}
    found = repeats.repeated(ReadingBatch.from_rows(again)).tolist()
    assert found == [told(row) in known for row in again]


def test_the_newest_are_the_ones_remembered() -> None:
    """However many came, those that a broker may repeat are known; the oldest are let go."""
    repeats = Repeats(10)
    said = [ReadingBatch.from_rows([(0, n, n, 1.0, 0), (1, n, n, 1.0, 0)]) for n in range(30)]
    for batch in said:
        repeats.remember(batch)
        assert repeats.repeated(batch).all()
    assert [repeats.repeated(batch).all() for batch in said] == [False] * 25 + [True] * 5
    assert len(repeats) == 10


def test_a_batch_larger_than_the_room_is_still_known() -> None:
    """The newest batch is kept whole."""
    repeats = Repeats(1)
    batch = ReadingBatch.from_rows([(0, n, n, 1.0, 0) for n in range(5)])
    repeats.remember(batch)
    assert repeats.repeated(batch).all()
