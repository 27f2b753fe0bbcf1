"""Spikes are counted: jumps that are soon back, and nothing else that a signal does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rules import Rule
from detectors.spike import SpikeParams
from tests.detectors.twins import SECOND, START, Reading, at_once, feed, one

#: Three spikes of 5, at most 3 s long, within a minute.
PARAMS = SpikeParams(5.0, 3.0, 3, 60.0)
COUNT = 20_000


def begun(readings: Sequence[Reading], params: SpikeParams = PARAMS) -> list[float]:
    """Return the seconds at which the rule begins."""
    edges = feed(one(Rule(params)).bank(), readings)
    return [(edge.time - START) / SECOND for edge in edges if edge.began]


def reported(pairs: Iterable[tuple[float, float]]) -> list[Reading]:
    """Readings of (second, value)."""
    times = [(START + int(second * SECOND), value) for second, value in pairs]
    return [(0, time, time, value, 0) for time, value in times]


def spiked(
    at: Iterable[int], *, length: int = 1, count: int = 300, rest: float = 0.0
) -> list[float]:
    """A signal at rest, away for `length` readings from each of these on."""
    values = np.full(count, rest)
    for each in at:
        values[each : each + length] += 50.0
    return values.tolist()


@pytest.mark.parametrize("rest", [0.0, -0.0, 20.9, 1e6])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_three_spikes_within_the_time_raise_when_the_third_is_over(
    rest: float, length: int
) -> None:
    """Of a signal at exactly 0 or at anything else: the count is full when the third is back."""
    assert begun(at_once(spiked([10, 20, 30], length=length, rest=rest))) == [30.0 + length]


@pytest.mark.parametrize("at", [[10], [10, 20], [10, 20, 85], [10, 75, 140, 205]])
def test_fewer_spikes_raise_nothing(at: list[int]) -> None:
    """Two in time, or single ones that come slower than the time, are none too many."""
    assert begun(at_once(spiked(at))) == []


def test_single_spikes_that_keep_coming_too_fast_raise_at_last() -> None:
    """One each 40 s leaks away too slowly: not three within a minute, yet not healthy."""
    found = begun(at_once(spiked(range(10, 1200, 40), count=1300)))
    assert len(found) == 1
    assert 120.0 < found[0] < 400.0


def test_it_ends_when_none_came_for_the_time_and_then_counts_anew() -> None:
    """Spikes that go on are one alarm; after a quiet minute two more are none."""
    values = spiked([10, 20, 30, 60, 110, 200, 210], count=600)
    edges = feed(one(Rule(PARAMS)).bank(), at_once(values))
    assert [(edge.began, edge.time - START) for edge in edges] == [
        (True, 31 * SECOND),
        (False, 171 * SECOND),
    ]


def test_a_step_is_no_spike() -> None:
    """What stays, or is away for longer than a spike, is not counted; nor is a staircase."""
    assert begun(at_once([0.0, 50.0] + [50.0] * 50)) == []
    assert begun(at_once(spiked(range(10, 250, 12), length=5))) == []
    assert begun(at_once([8.0 * (n // 3) for n in range(300)])) == []


def test_a_slope_and_a_slow_wave_are_no_spikes() -> None:
    """A signal that moves by less than the height a reading has none, however far it goes."""
    time = np.arange(3000)
    assert begun(at_once((4.9 * time).tolist())) == []
    assert begun(at_once((50.0 * np.sin(time / 12.0)).tolist())) == []


@pytest.mark.parametrize("step", [0.001, 0.1, 1.0, 4.0])
def test_noise_in_coarse_steps_is_no_spike(step: float) -> None:
    """Noise of a seventh of the height, rounded to any step below it, raises nothing."""
    noise = np.random.default_rng(2).normal(20.0, 5.0 / 7.0, COUNT)
    assert begun(at_once((np.round(noise / step) * step).tolist())) == []


def test_a_report_on_change_is_judged_by_the_jumps_alone() -> None:
    """Hours without a report before a spike and after it change nothing."""
    hours = [(0, 0.0)]
    for n in range(1, 4):
        hours += [(n * 3600, 50.0), (n * 3600 + 1, 0.0)]
    assert begun(reported(hours)) == []
    assert begun(reported(hours), SpikeParams(5.0, 3.0, 3, 86_400.0)) == [3 * 3600 + 1]


def test_a_quarter_hour_away_is_no_spike_where_that_is_longer_than_one() -> None:
    """A value each quarter of an hour may be away once for a reason; a profile may know better."""
    quarters = at_once(spiked([10, 20, 30]), every=900 * SECOND)
    assert begun(quarters) == []
    day = SpikeParams(5.0, 900.0, 3, 86_400.0)
    assert begun(quarters, day) == [31 * 900.0]


@pytest.mark.parametrize(
    ("peak", "seconds"), [(5.0, [2.0]), (-5.0, [2.0]), (float(np.nextafter(5.0, 0.0)), [])]
)
def test_a_jump_of_the_height_itself_is_one(peak: float, seconds: list[float]) -> None:
    """The height belongs to it, up and down; a hair less does not."""
    assert begun(at_once([0.0, peak, 0.0]), SpikeParams(5.0, 3.0, 1, 60.0)) == seconds


def test_back_is_within_half_the_height() -> None:
    """A value that comes back half the way counts; one that comes back less is a step for now."""
    single = SpikeParams(5.0, 3.0, 1, 60.0)
    assert begun(at_once([0.0, 50.0, 2.5]), single) == [2.0]
    assert begun(at_once([0.0, 50.0, 2.6, 2.6, 2.6, 2.6, 2.6, 2.6]), single) == []


@given(
    st.lists(st.integers(2, 90), min_size=1, max_size=25), st.integers(1, 5), st.integers(10, 120)
)
def test_so_many_within_the_time_always_raise(spacing: list[int], count: int, within: int) -> None:
    """Wherever `count` spikes end within the time, the rule is active when the last one is over."""
    ends = [int(each) for each in np.cumsum(spacing)]
    values = spiked([end - 1 for end in ends], count=ends[-1] + 2)
    bank = one(Rule(SpikeParams(5.0, 3.0, count, float(within)))).bank()
    for reading in at_once(values):
        feed(bank, [reading])
        now = (reading[1] - START) // SECOND
        recent = [end for end in ends if now - within < end <= now]
        if now in ends and len(recent) >= count:
            assert bank.is_active(0)


@pytest.mark.parametrize(
    "wrong", [(0.0, 1.0, 1, 1.0), (1.0, 0.0, 1, 1.0), (1.0, 1.0, 0, 1.0), (1.0, 1.0, 1, np.inf)]
)
def test_what_cannot_be_a_spike_is_refused(wrong: tuple[float, float, int, float]) -> None:
    """No height, no length, no count or an endless time: each is refused with all four named."""
    with pytest.raises(ValueError, match=r"spike height=.*: all must be positive and finite"):
        SpikeParams(*wrong)
