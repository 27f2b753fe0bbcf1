"""A noise alarm means that readings turn back by too much, too often."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from detectors.noise import NoiseParams
from detectors.rules import Rule
from tests.detectors.twins import SECOND, START, at_once, feed, one

COUNT = 50_000
PARAMS = NoiseParams(1.0, 60)
Floats = npt.NDArray[np.float64]


def edges(
    value: Floats, params: NoiseParams = PARAMS, *, spacing: float = 1.0
) -> list[tuple[int, bool]]:
    """Return at which readings the rule begins and ends."""
    readings = at_once(value.tolist(), every=int(spacing * SECOND))
    return [(edge.at, edge.began) for edge in feed(one(Rule(params)).bank(), readings)]


def noise(sigma: float, count: int = COUNT) -> Floats:
    return np.random.default_rng(11).normal(50.0, sigma, count)


@pytest.mark.parametrize("spacing", [0.1, 1.0, 900.0])
def test_noise_that_rises_begins_it_and_noise_that_falls_ends_it(spacing: float) -> None:
    """From a third of the height to twice it: one alarm within its readings, and one end."""
    value = np.concatenate([noise(1 / 3, 2000), noise(2.0, 2000), noise(1 / 3, 2000)])
    (began, ended) = edges(value, spacing=spacing)
    assert (began[1], ended[1]) == (True, False)
    assert 2000 < began[0] <= 2060
    assert 4000 < ended[0] < 4180


@pytest.mark.parametrize("readings", [30, 60, 300])
def test_noise_of_a_third_of_the_height_raises_nothing(readings: int) -> None:
    """Healthy noise, with the height stated at three standard deviations, is never too much."""
    assert edges(noise(1 / 3), NoiseParams(1.0, readings)) == []


def test_the_shares_are_those_that_are_told() -> None:
    """White noise turns back by the height as often as the description says."""
    for sigma, share in ((1.1, 1 / 4), (0.7, 1 / 8), (0.5, 1 / 20), (1 / 3, 1 / 180)):
        change = np.diff(noise(sigma, 400_000))
        low, high = np.minimum(change[1:], change[:-1]), np.maximum(change[1:], change[:-1])
        assert np.mean((low <= -1.0) & (high >= 1.0)) == pytest.approx(share, rel=0.12)


@pytest.mark.parametrize("step", [0.25, 0.5, 0.99])
def test_coarse_steps_are_no_noise(step: float) -> None:
    """A value that wavers between two steps of its converter, below the height, is calm."""
    assert edges(np.round(noise(step / 3) / step) * step) == []
    assert edges(np.where(np.arange(COUNT) % 2, step, 0.0)) == []


def test_a_report_on_change_is_no_noise() -> None:
    """Where each reading is a move by half the height, as reports on change are, none is noise."""
    chance = np.random.default_rng(4)
    walk, said = 50.0, [50.0]
    times = [0.0]
    for second, move in enumerate(chance.normal(0.0, 0.1, COUNT)):
        walk += move
        if abs(walk - said[-1]) >= 0.5:
            said.append(walk)
            times.append(float(second + 1))
    assert len(said) > 500
    readings = [
        (0, START + int(t * SECOND), START + int(t * SECOND), v, 0)
        for t, v in zip(times, said, strict=True)
    ]
    assert feed(one(Rule(PARAMS)).bank(), readings) == []


@pytest.mark.parametrize("slope", [0.1, 5.0, -500.0])
def test_a_slope_a_step_and_a_wave_are_no_noise(slope: float) -> None:
    """A signal may go anywhere, at any rate, and may swing as slowly as eight readings."""
    time = np.arange(5000.0)
    assert edges(slope * time) == []
    assert edges(np.where(time % 500 < 250, 0.0, 100.0)) == []
    assert edges(50.0 * np.sin(2.0 * np.pi * time / 9.0)) == []


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_a_sawtooth_is_no_noise(way: float) -> None:
    """What leaps one way and creeps back turns often, but never back by as much."""
    assert edges(way * np.tile([0.0, 2.0, 1.5, 1.0, 0.5], 1000)) == []


def test_a_spike_is_no_noise() -> None:
    """Single readings that are off, one in ten, by anything: that is what spikes are for."""
    value = noise(0.1)
    value[::10] += 1e6
    assert edges(value) == []


def test_a_sensor_that_is_read_twice_as_often_as_it_measures_is_judged_alike() -> None:
    """Each value said twice hides no noise."""
    assert edges(np.repeat(noise(3.0, 500), 2))[0][1]
    assert edges(np.repeat(noise(1 / 3), 2)) == []


def test_silence_after_noise_ends_it() -> None:
    """A value that stands still turns nothing: the alarm of a repaired sensor ends."""
    (began, ended) = edges(np.concatenate([noise(3.0, 500), np.zeros(500)]))
    assert (began[1], ended[1]) == (True, False)


@pytest.mark.parametrize("wrong", [(0.0, 60), (np.inf, 60), (np.nan, 60), (1.0, 29)])
def test_what_cannot_be_noise_is_refused(wrong: tuple[float, int]) -> None:
    """No height, or so few readings that chance would be an alarm, is refused."""
    with pytest.raises(ValueError, match=r"noise height=.*: need a positive height, and"):
        NoiseParams(*wrong)
