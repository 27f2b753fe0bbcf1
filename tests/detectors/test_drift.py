"""Sensor troubles that need no detector of their own: a fixed limit with a long on-delay is it.

A zero that drifts down, a zero that drifts up, a value that hangs at the top of its range: each is
a level that holds for a time. The minimum over a window lies above a level exactly when no reading
for so long was at it or below.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from detectors.limit import LimitParams
from detectors.rules import Rule
from tests.detectors.twins import SECOND, START, at_once, feed, one, read, told

HOUR = 3600 * SECOND
MINUTE = 60 * SECOND
#: More than 2 ppm below zero for ten minutes; above 3 ppm for eight hours; at the top of a range to
#: 100, less its resolution, for a minute.
NEGATIVE = Rule(LimitParams(-2.0, high=False, strict=True), on_delay=10 * MINUTE)
ZERO = Rule(LimitParams(3.0, high=True, strict=True), on_delay=8 * HOUR)
SATURATED = Rule(LimitParams(99.9, high=True), on_delay=MINUTE)
Floats = npt.NDArray[np.float64]


def edges(rule: Rule, value: Floats, *, every: int = 10 * SECOND) -> list[tuple[float, bool]]:
    """Return the hours at which a rule begins and ends, by its readings and by the clock."""
    bank = one(rule).bank()
    found = []
    for reading in at_once(value.tolist(), every=every):
        found += bank.tick(reading[1] // SECOND * SECOND) + feed(bank, [reading])
    return [((edge.time - START) / HOUR, edge.began) for edge in found]


def ppm(hours: float, level: float, *, noise: float = 0.5) -> Floats:
    count = int(hours * 360)
    return level + np.random.default_rng(count).normal(0.0, noise, count)


def test_a_value_below_zero_for_too_long_is_a_fault() -> None:
    """Five ppm below zero raises after its ten minutes; noise about zero or a dip does not."""
    assert edges(NEGATIVE, ppm(100, 0.0)) == []
    assert edges(NEGATIVE, np.concatenate([ppm(1, 0.0), ppm(0.15, -5.0), ppm(1, 0.0)])) == []
    (began, ended) = edges(NEGATIVE, np.concatenate([ppm(1, 0.0), ppm(1, -5.0), ppm(1, 0.0)]))
    assert began == (pytest.approx(1 + 1 / 6, abs=0.01), True)
    assert ended == (pytest.approx(2, abs=0.01), False)


def test_a_value_below_zero_is_seen_as_it_is() -> None:
    """The edge bears the negative value itself: nothing makes a zero of it."""
    bank = one(Rule(NEGATIVE.params)).bank()
    assert [edge.value for edge in feed(bank, [read(0, -2.5)])] == [-2.5]
    # The limit itself is within the tolerance.
    assert feed(one(Rule(NEGATIVE.params)).bank(), [read(0, -2.0), read(1, -0.0)]) == []


def test_a_zero_that_has_crept_up_is_told_when_it_was_not_touched_for_so_long() -> None:
    """Gas comes and goes and touches zero between; a baseline at 6 ppm has not for eight hours."""
    day = np.concatenate([ppm(6, 0.0), ppm(7, 40.0)])
    assert edges(ZERO, np.concatenate([day] * 5)) == []
    crept = np.concatenate(
        [ppm(6, 0.0), np.linspace(0.0, 6.0, 30 * 360), ppm(20, 6.0), ppm(1, 0.0)]
    )
    (began, ended) = edges(ZERO, crept)
    assert began[1]
    assert 6 + 15 + 8 <= began[0] <= 6 + 30 + 8
    assert ended == (pytest.approx(56, abs=0.1), False)


def test_it_is_the_minimum_of_a_window() -> None:
    """For any values the rule stands exactly while the minimum of the last eight hours is above."""
    value = np.random.default_rng(9).choice([1.0, 3.0, 3.5, 50.0], 3000, p=[0.01, 0.01, 0.49, 0.49])
    window = 8
    rule = Rule(ZERO.params, on_delay=window * SECOND)
    bank = one(rule).bank()
    seen = []
    for reading in at_once(value.tolist()):
        feed(bank, [reading])
        seen.append(bank.is_active(0))
    lowest = [value[max(0, at - window) : at + 1].min() for at in range(value.size)]
    assert seen == [at >= window and low > 3.0 for at, low in enumerate(lowest)]
    assert 0.1 < np.mean(seen) < 0.9


def test_a_value_at_the_top_of_its_range_is_saturated() -> None:
    """What hangs at the end of the scale for a minute raises; a peak that touches it does not."""
    peak = np.concatenate([ppm(1, 0.0), np.full(5, 100.0), ppm(1, 0.0)])
    assert edges(SATURATED, peak) == []
    hangs = np.concatenate([ppm(1, 0.0), np.full(90, 100.0), ppm(1, 0.0)])
    assert [began for _, began in edges(SATURATED, hangs)] == [True, False]


def test_a_report_on_change_that_hangs_is_told_by_the_clock() -> None:
    """A device that says its top value once and no more is saturated all the same."""
    bank = one(SATURATED).bank()
    assert feed(bank, [read(0, 100.0)]) == []
    assert told(bank.tick(START + MINUTE)) == [(0, True, 60)]
