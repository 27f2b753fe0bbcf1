"""Run: so many values in a row, whatever lies between them that is no value."""

from __future__ import annotations

import math

import pytest

from detectors.admission import BAD
from detectors.bank import Bank, Edge
from detectors.rules import Rule
from detectors.run import RunParams
from tests.detectors.twins import LATE, SECOND, START, Reading, feed, told

PARAMS = RunParams(1.0, 3, 30.0)


def run(*stream: tuple[float, float] | tuple[float, float, int]) -> list[Edge]:
    """Edges of one point from (second, value, grade)."""
    readings: list[Reading] = []
    for second, value, *grade in stream:
        time = START + int(second * SECOND)
        readings.append((0, time, time, value, int(grade[0]) if grade else 0))
    return feed(Bank([0], [LATE], [[Rule(PARAMS)]], [0]), readings)


def test_as_many_as_are_asked_for_begin_and_end_it() -> None:
    """The third value beyond begins it, the third within ends it; fewer do neither."""
    values = [2.0, 2.0, 0.5, 2.0, 2.0, 2.0, 0.5, 0.5, 2.0, 0.5, 0.5, 0.5]
    edges = run(*((10.0 * n, value) for n, value in enumerate(values)))
    assert told(edges) == [(0, True, 50.0), (0, False, 110.0)]


def test_at_the_limit_is_within() -> None:
    """A limit that normal running just reached is not passed by reaching it again."""
    beyond = math.nextafter(1.0, 2.0)
    assert run(*((10.0 * n, 1.0) for n in range(9))) == []
    assert told(run(*((10.0 * n, beyond) for n in range(3)))) == [(0, True, 20.0)]


def test_what_is_no_value_breaks_no_run() -> None:
    """BAD readings between are as if they had not come."""
    holes = [(0, 2.0), (10, math.nan, BAD), (20, 2.0), (30, math.nan, BAD), (40, 2.0)]
    assert told(run(*holes)) == [(0, True, 40.0)]  # type: ignore[arg-type]


def test_a_run_does_not_outlast_a_gap() -> None:
    """Longer than the gap without a value: counted anew, while what has begun stands."""
    assert run((0, 2.0), (10, 2.0), (40.001, 2.0)) == []
    assert told(run((0, 2.0), (10, 2.0), (40, 2.0))) == [(0, True, 40.0)]
    stands = run((0, 2.0), (10, 2.0), (20, 2.0), (500, 0.5), (510, 0.5), (520, 0.5))
    assert told(stands) == [(0, True, 20.0), (0, False, 520.0)]


@pytest.mark.parametrize(
    ("limit", "count", "gap", "words"),
    [
        (math.nan, 3, 1.0, "finite"),
        (1.0, 0, 1.0, "in a row"),
        (1.0, 10**7, 1.0, "in a row"),
        (1.0, 3, 0.0, "positive"),
        (1.0, 3, math.inf, "positive"),
    ],
)
def test_what_could_not_be_is_refused(limit: float, count: int, gap: float, words: str) -> None:
    """No limit, no count, a gap that would never or always be."""
    with pytest.raises(ValueError, match=words):
        RunParams(limit, count, gap)
