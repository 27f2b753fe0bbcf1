"""History is as old as it is, whatever the clock has been set to."""

from __future__ import annotations

from gateway.model import NANOSECONDS
from gateway.roles.edge.keeping import Retention
from tests.gateway.roles.edge.wired import SteppedClock
from tests.gateway.southbound.test_liveness import START

HOUR = 3600 * NANOSECONDS
YEARS = 12 * 8760 * HOUR


def test_a_clock_set_years_ahead_deletes_nothing_for_a_day() -> None:
    """A wrong date that is mended within a day ages nothing; one that stays a day is believed."""
    clock = SteppedClock(START)
    retention = Retention(clock)
    clock.step_ns = YEARS
    for hour in range(24):
        clock.set(START + hour * HOUR)
        assert retention.now_ns() == START + hour * HOUR
    clock.step_ns = 0
    assert retention.now_ns() == START + 23 * HOUR
    clock.step_ns = YEARS
    assert retention.now_ns() == START + 23 * HOUR
    clock.set(START + 47 * HOUR)
    assert retention.now_ns() == START + 47 * HOUR + YEARS


def test_a_small_step_and_one_back_are_believed_at_once() -> None:
    """Only far ahead is dangerous: a clock set back deletes less."""
    clock = SteppedClock(START)
    retention = Retention(clock)
    for step in (HOUR // 2, -YEARS, -YEARS + HOUR // 2):
        clock.step_ns = step
        assert retention.now_ns() == START + step
