"""A rate alarm means that the value moves: not that it is noisy, oddly sampled, or off once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from detectors.rate import RateParams
from detectors.rules import Rule
from tests.detectors.twins import SECOND, START, one

COUNT = 20_000
TAU_S = 10.0
SAMPLINGS = ("regular", "jittered", "in bursts", "on change", "each minute", "each quarter hour")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def sampled(sampling: str) -> tuple[Ints, float]:
    """Return times of so many readings, and a gap that is longer than any between them."""
    chance = np.random.default_rng(3)
    spacing = {
        "regular": np.full(COUNT, 1.0),
        "jittered": chance.uniform(0.2, 1.8, COUNT),
        "in bursts": np.where(np.arange(COUNT) % 10 == 0, 20.0, 0.05),
        "on change": chance.exponential(5.0, COUNT),
        "each minute": np.full(COUNT, 60.0),
        "each quarter hour": chance.uniform(600.0, 1200.0, COUNT),
    }[sampling]
    time: Ints = START + np.cumsum((spacing * SECOND).astype(np.int64))
    return time, 2.0 * float(spacing.max())


def alarms(params: RateParams, time: Ints, value: Floats) -> list[int]:
    """Return at which readings the rule begins."""
    zeros = np.zeros(value.size, np.int32)
    edges, _ = one(Rule(params)).bank().take(zeros, time, time, value, zeros.astype(np.uint8))
    return [edge.at for edge in edges if edge.began]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("limit", [0.02, 0.5, 10.0])
def test_a_reading_that_is_off_once_is_no_rate(sampling: str, limit: float) -> None:
    """Single readings off by anything, however sampled, raise nothing in a coarse, calm signal."""
    time, gap_s = sampled(sampling)
    value = np.round(np.random.default_rng(5).normal(50.0, 0.02, COUNT), 1)
    value[100::50] += np.resize([30.0, -30.0, 300.0, 9999.0, 1e300], value[100::50].size)
    assert alarms(RateParams(limit, tau_s=TAU_S, gap_s=gap_s), time, value) == []


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_noise_is_no_rate_below_four_times_itself_in_a_time_constant(sampling: str) -> None:
    """With a limit of four standard deviations of the noise in one time constant none is false."""
    time, gap_s = sampled(sampling)
    value = np.random.default_rng(5).normal(50.0, 1.0, COUNT)
    assert alarms(RateParams(4.0 / TAU_S, tau_s=TAU_S, gap_s=gap_s), time, value) == []


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("way", [1.0, -1.0])
def test_a_slope_is_judged_by_its_own_time(sampling: str, way: float) -> None:
    """A slope of 0.9 of the limit never raises, one of 1.3 of it once, and that soon."""
    time, gap_s = sampled(sampling)
    slope = way * (time - START) / SECOND
    params = RateParams(1.0, direction=int(way), deadband=0.2, tau_s=TAU_S, gap_s=gap_s)
    assert alarms(params, time, 0.9 * slope) == []
    (at,) = alarms(params, time, 1.3 * slope)
    # The first reading begins it, two must agree, and a long interval moves it most of the way.
    longest = int(np.diff(time).max())
    assert time[at] <= time[0] + 2 * int(TAU_S) * SECOND + 3 * longest
    assert alarms(RateParams(1.0, direction=-int(way), tau_s=TAU_S, gap_s=gap_s), time, slope) == []


def test_a_step_is_seen_one_reading_later() -> None:
    """A value that jumps and stays raises at the reading that confirms it."""
    time, gap_s = sampled("regular")
    value = np.where(np.arange(COUNT) < 500, 0.0, 50.0)
    assert alarms(RateParams(1.0, tau_s=TAU_S, gap_s=gap_s), time, value) == [501]


def test_a_gap_starts_it_anew() -> None:
    """A value that comes back elsewhere after a long gap has not moved at any known rate."""
    time = START + np.arange(200) * SECOND
    time[100:] += 3600 * SECOND
    value = np.where(np.arange(200) < 100, 0.0, 5000.0)
    assert alarms(RateParams(1.0, tau_s=TAU_S, gap_s=60.0), time, value) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0.0},
        {"limit": float("nan")},
        {"limit": 1.0, "deadband": 1.0},
        {"limit": 1.0, "tau_s": 0.0},
        {"limit": 1.0, "gap_s": float("inf")},
    ],
)
def test_what_cannot_be_a_rate_is_refused(wrong: dict[str, float]) -> None:
    """A limit, time constant or gap that is not positive and finite is refused by its name."""
    with pytest.raises(ValueError, match=r"rate (limit|tau)="):
        RateParams(**wrong)  # type: ignore[arg-type]
