"""The methods that the process detector is compared with are what their sources describe."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.detection import tep
from bench.detection.tep_rivals import RIVALS, canonical, compete, lagged, limits, principal

TEP = os.environ.get("HAZGATE_TEP")


def plant(frames: int, seed: int = 3) -> np.ndarray:
    """Eight points that follow two slow swings, each with noise of its own."""
    mixing = np.random.default_rng(1).normal(size=(2, 8))
    random = np.random.default_rng(seed)
    swing = np.zeros((frames, 2))
    for at in range(1, frames):
        swing[at] = 0.9 * swing[at - 1] + random.normal(size=2)
    mixed: np.ndarray = swing @ mixing
    return mixed + 0.1 * random.normal(size=(frames, 8)) + 50.0


def test_a_lagged_frame_has_its_own_values_first() -> None:
    """Each row is a frame and those before it, the newest first."""
    frame = np.arange(8.0).reshape(4, 2)
    assert lagged(frame, 1).tolist() == [[2, 3, 0, 1], [4, 5, 2, 3], [6, 7, 4, 5]]


def test_t2_of_all_components_is_the_distance_in_the_covariance() -> None:
    """What the components do not hold is in Q, and both are 0 at the mean."""
    frame = plant(400)
    found = principal(frame, 0)(frame)
    assert found.shape == (400, 2)
    assert principal(frame, 0)(frame.mean(axis=0)[None, :]) == pytest.approx(0.0, abs=1e-18)
    # Two swings hold nine tenths of the variance: T2 of two components has mean 2 (n - 1) / n.
    assert found[:, 0].mean() == pytest.approx(2.0 * 399 / 400)


@pytest.mark.parametrize("rival", RIVALS, ids=lambda each: each.name)
def test_a_relation_that_breaks_is_beyond_the_limit(rival: object) -> None:
    """One point that no longer follows the others, inside its own range, is found."""
    chosen = next(each for each in RIVALS if each is rival)
    frame, other = plant(1000), plant(300, seed=4)
    limit = limits(chosen, frame)
    broken = other.copy()
    broken[:, 3] = np.random.default_rng(5).permutation(broken[:, 3])
    watch = chosen.fit(frame)
    assert np.nanmean((watch(other) > limit).any(axis=1)) < 0.05
    assert np.nanmean((watch(broken) > limit).any(axis=1)) > 0.5


def test_canonical_states_are_of_variance_1() -> None:
    """All of the past's variance is in the states and in the rest: as many as it has numbers."""
    frame = plant(4000)
    found = canonical(frame)(frame)
    assert np.nansum(found, axis=1)[10:].mean() == pytest.approx(3 * 8, rel=0.01)


@pytest.mark.more
@pytest.mark.skipif(TEP is None, reason="HAZGATE_TEP names no folder")
def test_the_product_misses_less_than_each_of_them() -> None:
    """With limits from normal running alone, at no more false alarms, and no later."""
    assert TEP is not None
    own = tep.run(Path(TEP)).own
    for rival in compete(Path(TEP)):
        assert own.mean_missed < rival.own.mean_missed
        assert own.false_alarm_rate < rival.own.false_alarm_rate
        assert own.mean_delay_min < rival.own.mean_delay_min
