"""What a device kept comes faster than it came about; a clock that is off is off by as much."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from gateway.pipeline.backlogs import Backlogs
from gateway.readings import ReadingBatch
from tests.detectors.twins import SECOND, START


def seen(said: Iterable[tuple[float, float]], *, point: int = 0) -> Backlogs:
    """What is known after readings that came at a second and were late by so many."""
    backlogs = Backlogs(np.array([0, 0, 1], np.int32))
    for at, late in said:
        received = START + round(at * SECOND)
        row = (point, received - round(late * SECOND), received, 1.0, 0)
        backlogs.take(ReadingBatch.from_rows([row]))
    return backlogs


def settled(backlogs: Backlogs, second: float) -> list[bool]:
    found: list[bool] = backlogs.settled(START + round(second * SECOND)).tolist()
    return found


def test_one_late_reading_has_settled_half_a_second_after_it() -> None:
    """Its device alone: of the others nothing came."""
    backlogs = seen([(0, 7200)])
    assert settled(backlogs, 0.49) == [False, False]
    assert settled(backlogs, 0.5) == [True, False]


@pytest.mark.parametrize("jitter", [0.0, 0.2, 0.49])
def test_what_comes_at_its_own_pace_is_not_waited_for(jitter: float) -> None:
    """Ten a second, each late by as much, give or take what the way takes."""
    backlogs = seen((n / 10, 7200 - jitter * (n % 2)) for n in range(6))
    assert settled(backlogs, 0.5) == [True, False]


@pytest.mark.parametrize("interval", [0.1, 1.0, 600.0])
def test_what_comes_faster_than_it_came_about_is_a_backlog(interval: float) -> None:
    """Whatever the interval at which it was measured; its next may be a second away."""
    backlogs = seen((n / 100, 72_000 - n * (interval - 0.01)) for n in range(100))
    assert settled(backlogs, 0.9) == settled(backlogs, 9) == [False, False]


def test_later_by_some_seconds_is_another_backlog() -> None:
    """A watch may last for hours; what comes then is waited for like the first."""
    backlogs = seen([(0, 300), (1, 300), (10, 305)])
    assert settled(backlogs, 10.4) == [False, False]
    assert settled(backlogs, 10.5) == [True, False]


def test_a_backlog_that_comes_at_once_is_one() -> None:
    """Ten readings in one read, minutes apart, are not what a clock that is off looks like."""
    backlogs = seen([])
    rows = [(0, START - n * 60 * SECOND, START, 1.0, 0) for n in range(20, 10, -1)]
    backlogs.take(ReadingBatch.from_rows(rows))
    assert settled(backlogs, 9) == [False, False]


def test_a_line_that_faltered_is_forgotten_after_ten_seconds() -> None:
    """Two readings were held up and came faster than they were measured: no backlog for ever."""
    backlogs = seen([(0, 7200), (1, 7200), (4, 7203), (4.1, 7201.1), (5, 7200)])
    assert settled(backlogs, 14.9) == [False, False]
    assert settled(backlogs, 15) == [True, False]


def test_what_is_said_now_hides_no_backlog() -> None:
    """A channel that is told live, in the same read as one that the device had kept."""
    backlogs = seen([])
    for number in range(10):
        received = START + number * SECOND // 5
        rows = [
            (0, received, received, 1.0, 0),
            (1, START - (500 - number) * SECOND, received, 1, 0),
        ]
        backlogs.take(ReadingBatch.from_rows(rows))
        assert settled(backlogs, number / 5) == [False, False]


def test_a_clock_of_whole_seconds_is_no_backlog() -> None:
    """Four readings within a second, each later than the one before: then less late by a second."""
    backlogs = seen((n / 4, 7200 + n / 4 % 1) for n in range(9))
    assert settled(backlogs, 2.0) == [True, False]


def test_other_points_of_the_device_count() -> None:
    """A backlog is a device's, not a point's."""
    backlogs = seen([(0, 7200)])
    late = START + SECOND // 2
    backlogs.take(ReadingBatch.from_rows([(1, late - 7000 * SECOND, late, 1.0, 0)]))
    assert settled(backlogs, 5) == [False, False]


def test_of_one_read_the_least_late_counts() -> None:
    """In whichever order, and for whichever device."""
    rows = [(2, START - n * SECOND, START, 1.0, 0) for n in (102, 100, 101)]
    backlogs = seen([])
    backlogs.take(ReadingBatch.from_rows(rows))
    backlogs.take(ReadingBatch.from_rows([]))
    later = START + SECOND
    backlogs.take(ReadingBatch.from_rows([(2, later - 100 * SECOND, later, 1.0, 0)]))
    assert settled(backlogs, 0.4) == [False, False]
    assert settled(backlogs, 0.5) == [False, True]


def test_a_watch_that_begins_anew_knows_nothing() -> None:
    """Nor does one of a clock that was set: instants of another clock mean nothing."""
    backlogs = seen([(0, 7200)])
    backlogs.begin()
    assert settled(backlogs, 1000) == [False, False]
