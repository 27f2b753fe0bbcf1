"""Swings: how many independent values a history is worth, and how many are enough."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from detectors.process import ProcessDetector
from detectors.process_fit import fit
from detectors.process_history import ENOUGH, swings

Floats = npt.NDArray[np.float64]
PERIOD = 60_000_000_000


def wandering(frames: int, time_constant: float, seed: int, points: int = 1) -> Floats:
    """Points that forget in so many frames, each on its own."""
    chance = np.random.default_rng(seed)
    keep = math.exp(-1.0 / time_constant)
    found = np.empty((frames, points))
    state = chance.normal(size=points)
    for row in found:
        row[:] = state = keep * state + math.sqrt(1.0 - keep**2) * chance.normal(size=points)
    return found


@pytest.mark.parametrize("time_constant", [1.0, 5.0, 20.0, 60.0])
def test_it_is_the_number_over_the_autocorrelation_time(time_constant: float) -> None:
    """Of an exponential autocorrelation: ``(1 - k) / (1 + k)`` of the frames, on average."""
    keep = math.exp(-1.0 / time_constant)
    found = swings([wandering(60_000, time_constant, 1, 4)])
    assert found.mean() == pytest.approx(60_000 * (1.0 - keep) / (1.0 + keep), rel=0.1)


def test_noise_is_as_many_as_there_are_frames() -> None:
    """White noise counts in full, and what alternates no more than that."""
    noise = np.random.default_rng(3).normal(size=(5_000, 1))
    assert swings([noise])[0] > 4_500
    alternating = np.where(np.arange(400) % 2 == 0, 1.0, -1.0)[:, None] + 0.01 * noise[:400]
    assert swings([alternating])[0] == 400


def test_a_drift_and_a_standstill_are_one_swing() -> None:
    """What only rises, or does not move, has shown nothing twice."""
    ramp = np.linspace(0.0, 1.0, 500)[:, None]
    assert swings([ramp])[0] < 10
    assert swings([np.ones((500, 1))])[0] == 1


def test_a_gap_joins_nothing() -> None:
    """Stretches are counted each for itself: pairs across a gap do not enter."""
    whole = wandering(20_000, 10.0, 5)
    parts = np.split(whole, range(500, 20_000, 500))
    assert swings(parts)[0] == pytest.approx(swings([whole])[0], rel=0.1)


def test_units_do_not_matter() -> None:
    """A point in other units, or moved, has the same swings."""
    one = wandering(2_000, 8.0, 6)
    assert swings([1e6 * one - 4e9])[0] == pytest.approx(swings([one])[0], rel=1e-6)


@pytest.mark.more
def test_enough_is_where_the_false_alarms_are_as_intended() -> None:
    """Plants with enough swings hold 1 % to within a half of it, those with far fewer do not."""
    shares: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(8):
        for long in (True, False):
            frames, time_constant = (3_000, 12.0) if long else (220, 60.0)
            mixed = np.random.default_rng(seed).normal(size=(3, 6))
            noise = np.random.default_rng(100 + seed).normal(size=(frames + 4_000, 6))
            every = wandering(frames + 4_000, time_constant, seed, 3) @ mixed + 0.3 * noise
            history, unseen = every[:frames], every[frames:]
            assert (swings([history]).min() >= ENOUGH) == long
            points = tuple(f"p{number}" for number in range(6))
            model = fit(PERIOD * np.arange(frames), history, points, PERIOD)
            ratio = ProcessDetector(model).take(PERIOD * np.arange(4_000), unseen).ratio
            shares[long].append(float(np.mean(ratio > 1.0)))
    assert np.mean(shares[True]) < 0.015
    assert np.mean(shares[False]) > 0.03
