"""The process detector: against its plain form, on a plant whose faults are known, with gaps."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.process import ProcessDetector, Verdict, warm_up
from detectors.process_fit import fit
from detectors.process_model import ProcessModel
from tests.detectors.naive_process import NaiveProcess

Floats = npt.NDArray[np.float64]
PERIOD = 10_000_000_000
START = 1_700_000_000_000_000_000
POINTS = tuple(f"R1-TT-{number:02}" for number in range(8))


def plant(samples: int, seed: int) -> Floats:
    """Three slow states seen by seven noisy sensors; the last point is slower and alone."""
    chance = np.random.default_rng(seed)
    seen = np.random.default_rng(0).normal(size=(3, 7))
    state, alone = np.zeros(3), 0.0
    frames = np.empty((samples, 8))
    for row in frames:
        state = 0.9 * state + math.sqrt(1 - 0.9**2) * chance.normal(size=3)
        alone = 0.98 * alone + math.sqrt(1 - 0.98**2) * chance.normal()
        row[:7] = state @ seen + 0.3 * chance.normal(size=7)
        row[7] = alone
    return 50.0 + 4.0 * frames


def at(count: int, start: int = START) -> npt.NDArray[np.int64]:
    """Times one period apart."""
    return start + PERIOD * np.arange(count)


MODEL = fit(at(5_000), plant(5_000, 1), POINTS, PERIOD)
NORMAL = plant(600, 2)


def broken(point: int, by: float, begin: int) -> Floats:
    """Normal running in which one sensor is off by so many of its standard deviations."""
    frames = NORMAL.copy()
    frames[begin:, point] += by * float(MODEL.scale[point])
    return frames


def random_model(chance: np.random.Generator, points: int, order: int) -> ProcessModel:
    """A model of no plant, with a limit that about half of random frames pass."""
    blocks = (order + 1) * (order + 2) // 2
    return ProcessModel(
        points=tuple(f"p{number}" for number in range(points)),
        period_ns=PERIOD,
        consecutive=order + 3,
        order=order,
        limit=10.0 * points * (order + 1),
        mean=np.zeros(points),
        scale=chance.uniform(0.5, 2.0, points),
        weights=chance.normal(size=(blocks, points, points)),
        samples=1,
        false_alarms=0.01,
    )


def same(one: Floats, other: Floats) -> bool:
    """Equal to the last bit, NaN to NaN."""
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


odd = st.sampled_from([math.nan, math.inf, 0.0, -0.0, 1e200, -1e308])
value = st.one_of(st.floats(-3, 3), st.floats(-3, 3), odd)
step = st.sampled_from([1.0] * 12 + [0.0, -3.0, 0.4, 0.6, 1.4, 2.0, 3.0, 50.0])
frames_given = st.lists(
    st.tuples(step, st.lists(value, min_size=3, max_size=3)), min_size=1, max_size=40
)


def stream(given_: list[tuple[float, list[float]]]) -> tuple[npt.NDArray[np.int64], Floats]:
    """Times and frames of what hypothesis made up."""
    steps = np.array([int(each * PERIOD) for each, _ in given_])
    return START + np.cumsum(steps), np.array([frame for _, frame in given_])


@settings(max_examples=150)
@given(frames_given, st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_the_kernels_agree_with_plain_python(
    given_: list[tuple[float, list[float]]], order: int, seed: int
) -> None:
    """Verdicts, ratios, alarms and contributions are those of the plain form to the last bit."""
    model = random_model(np.random.default_rng(seed), 3, order)
    times, frames = stream(given_)
    detector, naive = ProcessDetector(model), NaiveProcess(model)
    found = detector.take(times, frames)
    with np.errstate(all="ignore"):
        plain = [naive.take(int(t), f) for t, f in zip(times, frames.tolist(), strict=True)]
        falls = np.array(naive.falls()) / model.limit
        offsets = np.array(naive.offsets())
    verdict, ratio, active = (np.array(each) for each in zip(*plain, strict=True))
    assert found.verdict.tolist() == verdict.tolist()
    assert same(found.ratio, np.array(ratio, np.float64))
    assert found.active.tolist() == active.tolist()
    ranked = detector.contributions(3)
    order_ = np.argsort(-falls, kind="stable")
    assert [each.point for each in ranked] == [model.points[at_] for at_ in order_]
    assert same(np.array([each.fall for each in ranked]), falls[order_])
    found_offsets = np.array([each.offset for each in ranked])
    np.testing.assert_array_equal(found_offsets, offsets[order_])


@settings(max_examples=60)
@given(frames_given, st.integers(1, 40), st.integers(-(10**15), 10**15))
def test_batches_restarts_and_the_hour_change_nothing(
    given_: list[tuple[float, list[float]]], cut: int, shift: int
) -> None:
    """The same frames cut anywhere, with a restart between, or at another time, judge the same."""
    model = random_model(np.random.default_rng(4), 3, 2)
    times, frames = stream(given_)
    whole = ProcessDetector(model).take(times, frames)
    first = ProcessDetector(model)
    one = first.take(times[:cut] + shift, frames[:cut])
    second = ProcessDetector(model)
    for name in ("memory", "window", "squares"):
        getattr(second.state, name)[:] = getattr(first.state, name)
    two = second.take(times[cut:] + shift, frames[cut:])
    for name in ("verdict", "ratio", "active"):
        joined = np.concatenate([getattr(one, name), getattr(two, name)])
        assert same(getattr(whole, name), joined), name


def test_normal_running_is_within() -> None:
    """Of unseen normal frames about as many are beyond as was asked for, hardly ever in a row."""
    found = ProcessDetector(MODEL).take(at(20_000), plant(20_000, 3))
    assert 0.005 <= np.mean(found.verdict == Verdict.BEYOND) <= 0.015
    assert np.sum(np.diff(found.active.astype(int)) == 1) <= 1
    assert (found.verdict[MODEL.frames :] != Verdict.UNKNOWN).all()


@pytest.mark.parametrize("size", [10.0, 1e3, 1e9])
def test_one_wild_frame_raises_nothing(size: float) -> None:
    """A single frame far off is beyond for as long as it is looked at, and no alarm."""
    frames = NORMAL[:200].copy()
    frames[100] += size * MODEL.scale
    found = ProcessDetector(MODEL).take(at(200), frames)
    assert (found.verdict[100 : 100 + MODEL.frames] == Verdict.BEYOND).all()
    assert not found.active.any()
    two = frames.copy()
    two[101] += size * MODEL.scale
    assert ProcessDetector(MODEL).take(at(200), two).active.any()


@pytest.mark.parametrize("point", range(7))
def test_a_broken_sensor_is_named_first(point: int) -> None:
    """A sensor that is off by 3 deviations, its value possible in itself, is found and named."""
    frames = broken(point, 3.0, 300)
    detector = ProcessDetector(MODEL)
    found = detector.take(at(330), frames[:330])
    assert not found.active[:300].any()
    assert found.active[320:].all()
    first = detector.contributions()[0]
    assert first.point == POINTS[point]
    assert first.offset == pytest.approx(3.0, abs=0.5)


def test_an_offset_has_the_direction_of_the_drift_not_of_the_value() -> None:
    """A sensor below its mean that reads too high is told as too high, though it looks low."""
    lowest = 12 + int(np.argmin(NORMAL[12:, 1]))
    frames = NORMAL[lowest - 11 : lowest + 1].copy()
    frames[:, 1] += 1.5 * MODEL.scale[1]
    detector = ProcessDetector(MODEL)
    detector.take(at(12), frames)
    first = detector.contributions()[0]
    assert first.point == POINTS[1]
    assert first.deviation < -0.5
    assert first.offset == pytest.approx(1.5, abs=0.5)


def test_two_moving_points_come_before_the_others() -> None:
    """Of an alarm by two points, these two are named first, with how far they are off."""
    frames = broken(2, 5.0, 300)
    frames[300:, 5] -= 5.0 * MODEL.scale[5]
    detector = ProcessDetector(MODEL)
    detector.take(at(312), frames[:312])
    named = detector.contributions(3)
    assert {each.point for each in named[:2]} == {POINTS[2], POINTS[5]}
    newest = (frames[311] - MODEL.mean) / MODEL.scale
    assert [each.deviation for each in named] == [
        newest[POINTS.index(each.point)] for each in named
    ]


def test_what_alone_moves_has_the_greatest_contribution() -> None:
    """Where one point moves and all others are at their means, its contribution is all there is."""
    detector = ProcessDetector(MODEL)
    frames = np.tile(MODEL.mean, (40, 1))
    frames[:, 4] += np.linspace(0.0, 200.0, 40)
    found = detector.take(at(40), frames)
    first, second = detector.contributions(2)
    assert first.point == POINTS[4]
    assert first.fall == pytest.approx(found.ratio[-1])
    assert second.fall < first.fall


def test_a_slow_drift_is_seen_by_the_level_alone() -> None:
    """A drift of which no step is strange is found; a model without its level does not see it."""
    frames = np.vstack([NORMAL, NORMAL])
    frames[200:, 7] += np.minimum(0.02 * np.arange(1000), 12.0) * MODEL.scale[7]
    assert ProcessDetector(MODEL).take(at(1200), frames).active[-200:].any()
    weights = MODEL.weights.copy()
    weights[: MODEL.order * (MODEL.order + 1) // 2] = 0.0
    blunt = _with(MODEL, weights=weights)
    quiet = ProcessDetector(blunt).take(at(600), NORMAL).ratio.max()
    steps_only = _with(blunt, limit=MODEL.limit * float(quiet))
    assert not ProcessDetector(steps_only).take(at(1200), frames).active.any()


def test_a_missing_value_is_never_normal() -> None:
    """A frame without one value has no verdict, until it has left the newest frames."""
    frames = NORMAL[:100].copy()
    frames[50, 3] = np.nan
    found = ProcessDetector(MODEL).take(at(100), frames)
    touched = slice(50, 50 + MODEL.frames)
    assert (found.verdict[touched] == Verdict.UNKNOWN).all()
    assert found.verdict[50 + MODEL.frames] == Verdict.WITHIN
    whole = ProcessDetector(MODEL).take(at(100), NORMAL[:100])
    assert (found.ratio[touched] < whole.ratio[touched]).all()
    assert same(found.ratio[50 + MODEL.frames :], whole.ratio[50 + MODEL.frames :])


@given(st.floats(-1e6, 1e6))
def test_no_value_in_place_of_a_missing_one_is_less_strange(stand_in: float) -> None:
    """The ratio without a value is the least: whatever it had been, the ratio were no smaller."""
    frames = broken(1, 3.0, 20)[:40]
    lacking, guessed = frames.copy(), frames.copy()
    lacking[30:, 3], guessed[30:, 3] = np.nan, stand_in
    least = ProcessDetector(MODEL).take(at(40), lacking).ratio
    assert (least <= ProcessDetector(MODEL).take(at(40), guessed).ratio * (1 + 1e-9)).all()


def test_a_fault_is_found_without_a_dead_sensor() -> None:
    """With one sensor dead for good another's fault still raises; without one nothing is known."""
    frames = broken(1, 6.0, 300)
    frames[:, 3] = np.nan
    found = ProcessDetector(MODEL).take(at(600), frames)
    assert not (found.verdict == Verdict.WITHIN).any()
    assert not found.active[:300].any()
    assert found.active[330:].all()
    assert (found.verdict[:300] == Verdict.UNKNOWN).mean() > 0.9


def test_a_missing_value_clears_nothing() -> None:
    """An alarm stands while a value is missing, and ends after enough whole frames within."""
    frames = NORMAL.copy()
    frames[100:130] = broken(1, 6.0, 100)[100:130]
    frames[130:200, 3] = np.nan
    active = ProcessDetector(MODEL).take(at(600), frames).active
    assert active[129:200].all()
    assert active[200 + MODEL.frames + MODEL.consecutive - 3]
    assert not active[200 + MODEL.frames + MODEL.consecutive :].any()


def test_a_lost_frame_is_one_without_values() -> None:
    """A frame that does not come counts as a frame of missing values."""
    times = np.delete(at(100), 50)
    lost = ProcessDetector(MODEL).take(times, np.delete(NORMAL[:100], 50, axis=0))
    empty = NORMAL[:100].copy()
    empty[50] = np.nan
    assert same(lost.ratio, np.delete(ProcessDetector(MODEL).take(at(100), empty).ratio, 50))


@pytest.mark.parametrize("periods", [1, 2, 30])
def test_after_a_long_gap_the_window_begins_anew(periods: int) -> None:
    """After more than the newest frames' time it judges as if it had just begun; alarms stand."""
    frames = broken(1, 6.0, 50)[:200]
    times = at(200)
    times[100:] += (MODEL.frames - 1 + periods) * PERIOD
    found = ProcessDetector(MODEL).take(times, np.vstack([frames[:100], NORMAL[100:200]]))
    fresh = ProcessDetector(MODEL).take(times[100:], NORMAL[100:200])
    assert same(found.ratio[100:], fresh.ratio)
    assert found.verdict[100] == Verdict.UNKNOWN
    assert found.active[99:108].all()


def test_what_is_not_newer_is_ignored() -> None:
    """Repeated, older and too early frames move nothing, also when only such come."""
    times = np.repeat(at(60), 2)
    times[1::2] += PERIOD // 3
    found = ProcessDetector(MODEL).take(times, np.repeat(NORMAL[:60], 2, axis=0))
    assert (found.verdict[1::2] == Verdict.IGNORED).all()
    assert np.isnan(found.ratio[1::2]).all()
    assert same(found.ratio[::2], ProcessDetector(MODEL).take(at(60), NORMAL[:60]).ratio)
    set_back = np.concatenate([at(60), at(60) - 3_600 * PERIOD])
    behind = ProcessDetector(MODEL).take(set_back, np.tile(NORMAL[:60], (2, 1)))
    assert (behind.verdict[60:] == Verdict.IGNORED).all()


@pytest.mark.parametrize("wild", [1e300, -1e308, 1.7e308])
def test_a_value_that_overflows_is_beyond(wild: float) -> None:
    """A number whose square no double holds is beyond the limit, not unknown and not within."""
    # Of several such the scores are infinities of both signs: their sum is no number at all.
    for points in (slice(0, 1), slice(0, 8)):
        frames = NORMAL[:60].copy()
        frames[50:, points] = wild
        found = ProcessDetector(MODEL).take(at(60), frames)
        assert (found.verdict[50:] == Verdict.BEYOND).all()
        assert np.isinf(found.ratio[50:]).all()


def test_frames_of_another_shape_are_refused() -> None:
    """A frame with too few values, or times that are not as many, raise before anything moves."""
    detector = ProcessDetector(MODEL)
    for times, frames in ((at(2), NORMAL[:2, :7]), (at(3), NORMAL[:2]), (at(1), NORMAL[0])):
        with pytest.raises(ValueError, match="for every of the 8 points"):
            detector.take(times, frames)
    assert detector.state.memory[0]["whole"] == 0


def test_it_can_be_compiled_beforehand() -> None:
    """Warming up needs no model and raises nothing."""
    warm_up()


def _with(model: ProcessModel, **changed: object) -> ProcessModel:
    """The model with something else in it."""
    kept = {name: getattr(model, name) for name in ProcessModel.__slots__}
    return ProcessModel(**kept | changed)  # type: ignore[arg-type]
