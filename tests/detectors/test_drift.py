"""A zero that went down is told by the mean of what is read, however much it scatters."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from detectors.drift import DriftParams
from detectors.rules import Rule
from tests.detectors.twins import SECOND, at_once, feed, one

MINUTE = 60  # readings, 1 s apart
PARAMS = DriftParams(1.0, 300.0, 1800.0)
Floats = npt.NDArray[np.float64]


def edges(value: Floats, params: DriftParams = PARAMS, every: int = 1) -> list[tuple[int, bool]]:
    """Return at which readings the rule begins and ends."""
    readings = at_once(value.tolist(), every=every * SECOND)
    return [(edge.at, edge.began) for edge in feed(one(Rule(params)).bank(), readings)]


def clean(minutes: int, level: float = 0.0, *, noise: float = 0.75) -> Floats:
    """Clean air, as a noisy sensor with this zero reads it."""
    count = minutes * MINUTE
    return level + np.random.default_rng(count).normal(0.0, noise, count)


@pytest.mark.parametrize("down", [1.2, 1.5, 3.0])
def test_a_zero_that_went_down_is_told_in_two_time_constants(down: float) -> None:
    """Noise of three quarters of the tolerance hides nothing: most readings are beyond or not."""
    [(began, _), (ended, _)] = edges(np.concatenate([clean(60), clean(30, -down), clean(60)]))
    assert 60 * MINUTE < began <= (60 + 10 + 1) * MINUTE
    assert ended > 90 * MINUTE


@pytest.mark.more
def test_healthy_noise_is_no_drift() -> None:
    """A month of a sensor whose zero lies half the tolerance down, and scatters by 0.75 of it."""
    assert edges(clean(60 * 24 * 30, -0.5)) == []


def test_a_dip_is_no_drift() -> None:
    """A minute far below zero, as when somebody touches the sensor, raises nothing."""
    dip = np.full(MINUTE, -4.0)
    assert edges(np.concatenate([clean(30), dip, clean(30)])) == []


def test_gas_is_no_drift_and_lifts_the_mean() -> None:
    """A sensor that is down and sees gas is told when the gas has gone."""
    gas = np.concatenate([clean(30), clean(30, 40.0 - 2.0), clean(60, -2.0)])
    [(began, up)] = edges(gas)
    assert up
    assert 60 * MINUTE < began < 90 * MINUTE


def test_one_reading_is_no_mean() -> None:
    """First readings, and those after a gap, are watched for two time constants first."""
    assert edges(np.full(599, -5.0)) == []
    assert edges(np.full(602, -5.0)) == [(600, True)]
    assert edges(np.array([0.0, -9.0, -9.0]), every=1801) == []


def test_how_often_it_is_read_does_not_matter() -> None:
    """The mean is over time: each second or each minute, a drift is told as late."""
    for every in (1, 10, 60):
        value = np.repeat([0.0, -1.5], 3600 // every)
        [(began, _)] = edges(value, every=every)
        assert began * every - 3600 == pytest.approx(300 * math.log(3), abs=1.2 * every)


@pytest.mark.parametrize(
    "wrong",
    [(0.0, 1.0, 1.0), (math.nan, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, math.inf, 1.0), (1.0, 1.0, 0.0)],
)
def test_what_cannot_be_a_drift_is_refused(wrong: tuple[float, float, float]) -> None:
    """Each number must be positive and finite."""
    with pytest.raises(ValueError, match="drift tolerance="):
        DriftParams(*wrong)
