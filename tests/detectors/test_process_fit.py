"""Fitting a process: what it finds of a plant that is known, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from detectors.process import ProcessDetector, Verdict
from detectors.process_fit import fit, least_samples
from detectors.process_model import encode

Floats = npt.NDArray[np.float64]
PERIOD = 1_000_000_000
POINTS = ("a", "b", "c", "d")
#: Each frame is these parts of the one before and of the one before that, and noise.
ONCE = np.array(
    [[0.5, 0.2, 0.0, 0.0], [0.0, 0.4, 0.0, 0.3], [0.0, 0.0, 0.3, 0.0], [0.1, 0, 0, 0.5]]
)
TWICE = np.array([[0.0, 0.0, 0.5, 0], [0.3, 0.0, 0.0, 0.0], [0.0, 0.3, 0.0, 0.0], [0.0, 0, 0.2, 0]])
NOISE = np.array([[1.0, 0, 0, 0], [0.6, 0.5, 0, 0], [0.0, 0.3, 0.7, 0], [0.2, 0.0, 0.1, 0.4]])


def known(samples: int, order: int, seed: int = 3) -> Floats:
    """Frames of a plant of this order, 0 to 2."""
    chance = np.random.default_rng(seed)
    frames = np.zeros((samples + 50, 4))
    for at in range(2, len(frames)):
        frames[at] = NOISE @ chance.normal(size=4)
        frames[at] += ONCE @ frames[at - 1] if order > 0 else 0.0
        frames[at] += TWICE @ frames[at - 2] if order > 1 else 0.0
    return 20.0 + frames[50:]


def at(count: int) -> npt.NDArray[np.int64]:
    """Times one period apart."""
    return PERIOD * np.arange(count)


def refused(times: Any, frames: Any, points: Any = POINTS, **asked: Any) -> list[str]:
    """The problems that a fit tells, a line each."""
    with pytest.raises(ValueError, match="history of a process") as caught:
        fit(times, frames, points, PERIOD, **asked)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_it_finds_the_order_and_the_plant(order: int) -> None:
    """Of a plant that is known it finds the order, the relations and the noise."""
    model = fit(at(20_000), known(20_000, order), POINTS, PERIOD)
    assert model.order == order
    first = order * (order + 1) // 2
    whitening = model.weights[first] / model.scale[:, None]
    found = np.linalg.inv(whitening @ whitening.T)
    assert found == pytest.approx(NOISE @ NOISE.T, abs=0.05)
    for lag, true in zip(range(1, order + 1), (ONCE, TWICE), strict=False):
        parts = -(model.weights[first + lag] / model.scale[:, None]) @ np.linalg.inv(whitening)
        assert pytest.approx(true, abs=0.05) == parts.T


def test_scores_of_normal_running_are_standard() -> None:
    """T2 of unseen frames has the mean of a chi-squared number, a degree for each score."""
    model = fit(at(20_000), known(20_000, 2), POINTS, PERIOD)
    ratio = ProcessDetector(model).take(at(20_000), known(20_000, 2, seed=4)).ratio
    assert np.mean(ratio[5:]) * model.limit == pytest.approx(4 * model.frames, rel=0.03)


@pytest.mark.parametrize(("samples", "most"), [(300, 0.02), (1_000, 0.0125), (5_000, 0.0125)])
def test_the_limit_holds_on_unseen_frames_whatever_the_length(samples: int, most: float) -> None:
    """Fitted on few frames or many, about one unseen normal frame of a hundred is beyond."""
    beyond, raised = [], 0
    for seed in range(12):
        model = fit(at(samples), known(samples, 1, seed), POINTS, PERIOD)
        found = ProcessDetector(model).take(at(5_000), known(5_000, 1, 100 + seed))
        beyond.append(np.mean(found.verdict == Verdict.BEYOND))
        raised += int(np.sum(np.diff(found.active.astype(int)) == 1))
    assert 0.005 <= np.mean(beyond) <= most
    # Of 60,000 frames: one alarm in 3,000 at most.
    assert raised <= 20


def test_a_higher_share_of_false_alarms_is_a_lower_limit() -> None:
    """The limit follows what is asked for."""
    frames = known(3_000, 1)
    limits = [
        fit(at(3_000), frames, POINTS, PERIOD, false_alarms=share).limit
        for share in (0.05, 0.01, 0.002)
    ]
    assert limits == sorted(limits)
    assert len(set(limits)) == 3


def test_its_history_raises_no_alarm() -> None:
    """However many false alarms are allowed, the limit is above what would last in the history."""
    frames = known(3_000, 1)
    model = fit(at(3_000), frames, POINTS, PERIOD, false_alarms=0.5)
    found = ProcessDetector(model).take(at(3_000), frames)
    assert not found.active.any()
    assert np.mean(found.verdict == Verdict.BEYOND) < 0.1


def test_units_do_not_matter() -> None:
    """In other units the model is of the same order and judges the same."""
    frames = known(1_000, 2)
    unit, zero = np.array([1e-3, 1.8, 1e5, 7.0]), np.array([0.0, 32.0, -4.0, 1e3])
    plain = fit(at(1_000), frames, POINTS, PERIOD)
    other = fit(at(1_000), frames * unit + zero, POINTS, PERIOD)
    assert other.order == plain.order
    new = known(500, 2, seed=9)
    ratio = ProcessDetector(plain).take(at(500), new).ratio
    assert ProcessDetector(other).take(at(500), new * unit + zero).ratio == pytest.approx(ratio)


def test_the_same_history_gives_the_same_file() -> None:
    """A fit draws no lots."""
    frames = known(500, 1)
    again = encode(fit(at(500), frames, POINTS, PERIOD))
    assert encode(fit(at(500) + 10**15, frames, POINTS, PERIOD)) == again


def test_nothing_spans_a_gap() -> None:
    """Frames on the two sides of a gap are not taken for neighbours."""
    frames = known(2_000, 1)
    apart = at(2_000)
    apart[1_000:] += 500 * PERIOD
    whole = fit(at(2_000), frames, POINTS, PERIOD)
    parted = fit(apart, frames, POINTS, PERIOD)
    assert parted.order == whole.order
    assert parted.weights == pytest.approx(whole.weights, abs=0.02)
    assert not np.array_equal(parted.weights, whole.weights)


def test_what_one_frame_can_do_is_less_than_an_alarm() -> None:
    """However many in a row raise, the statistic looks at fewer frames, at one at least."""
    frames = known(3_000, 2)
    for consecutive, most in ((1, 0), (2, 0), (3, 1), (8, 2)):
        model = fit(at(3_000), frames, POINTS, PERIOD, consecutive=consecutive)
        assert model.order == most
        assert model.frames == max(1, consecutive - 1)


def test_every_problem_is_told_at_once() -> None:
    """Times, length, missing values and constant points are told together, each with what to do."""
    frames = known(100, 1)
    frames[3, 1] = np.nan
    frames[4:6, 3] = np.inf
    frames[:, 2] = 7.0
    times = at(100)
    times[[50, 51]] = times[[51, 50]]
    told = refused(times, frames)
    assert len(told) == 4
    assert "frame 51 comes less than half a period after frame 50, 1 such in all; sort" in told[0]
    assert "100 frames, 1 s apart, in 4 stretches" in told[1]
    assert "at least 140 are needed" in told[1]
    assert "without a value of b (1), d (2); leave out" in told[2]
    assert "constant, all the time or but for a tenth of it: c; leave" in told[3]


def test_as_many_frames_as_it_asks_for_are_enough() -> None:
    """The least number it names is enough, one fewer is not."""
    least = least_samples(4, 6, 0.01)
    frames = known(least, 0)
    assert fit(at(least), frames, POINTS, PERIOD).samples == least
    assert f"at least {least}" in refused(at(least - 1), frames[:-1])[0]


def test_a_wrong_period_says_how_far_apart_frames_are() -> None:
    """Where no two frames are a period apart, the message says how far apart they are."""
    [told] = refused(3 * at(500), known(500, 1))
    assert "500 frames, 3 s apart, in 500 stretches without a gap" in told
    assert "one period (1 s) apart" in told


def test_a_point_that_moves_once_is_refused() -> None:
    """A point that stands still but for one stretch has no spread to be judged by."""
    frames = known(500, 1)
    frames[:, 1] = 3.0
    frames[460:, 1] = 4.0
    [told] = refused(at(500), frames)
    assert "constant, all the time or but for a tenth of it: b;" in told


def test_a_point_that_follows_from_others_is_refused() -> None:
    """A sum of other points, or one's delayed copy, is named with them."""
    frames = known(500, 1)
    frames[:, 3] = frames[:, 0] - 2.0 * frames[:, 2]
    [told] = refused(at(500), frames)
    assert "one follows exactly from the others" in told
    assert {tag for tag in POINTS if tag in told.split(": ")[1].split(", ")} == {"a", "c", "d"}
    frames[1:, 3] = frames[:-1, 0]
    [told] = refused(at(500), frames)
    assert "or from frames before" in told
    assert told.split(": ")[1] == "d"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"points": ("a", "b", "c")}, "3 points; a row for each time"),
        ({"points": ("a", "b", "b", "a")}, "b, a given twice"),
        ({"times": at(499)}, r"times of \(499,\)"),
        ({"frames": np.zeros((0, 4)), "times": at(0)}, "a row for each time"),
        ({"frames": np.zeros(500)}, "a row for each time"),
        ({"consecutive": 0}, "0 frames in a row; both are whole numbers above 0"),
        ({"false_alarms": 1.0}, "a share between 0 and 1"),
        ({"false_alarms": math.nan}, "a share between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, Any], said: str) -> None:
    """Shapes, names and numbers that cannot be are told before anything is reckoned."""
    given = {"times": at(500), "frames": known(500, 1), "points": POINTS} | changed
    with pytest.raises(ValueError, match=said):
        fit(given.pop("times"), given.pop("frames"), given.pop("points"), PERIOD, **given)
