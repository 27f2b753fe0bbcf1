"""The generated data are what the parameters say, and the truth about them is true."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from bench.detection.leaks.chance import _mixed, beginning, normal, uniform, word
from bench.detection.leaks.events import LEAKS, Event, new_event
from bench.detection.leaks.parameters import PARAMETERS
from bench.detection.leaks.points import (
    DAY,
    RECORD,
    START_NS,
    Point,
    new_point,
    style_of,
)
from detectors.arrays import Records, new_records
from detectors.jit import entry

SECOND = 1_000_000_000
Floats = npt.NDArray[np.float64]


@entry
def draw(state: Records, words: Records, uniforms: Floats, normals: Floats) -> None:
    """Fill arrays with random numbers of each kind."""
    for number in range(words.size):
        words[number] = word(state[0])
    for number in range(uniforms.size):
        uniforms[number] = uniform(state[0])
    for number in range(normals.size):
        normals[number] = normal(state[0])


def drawn(count: int, *key: int) -> tuple[Records, Floats, Floats]:
    """Return so many random numbers of each kind."""
    state = new_records(1, RECORD)
    state["count"] = beginning(*key)
    words, uniforms, normals = np.empty(count, np.uint64), np.empty(count), np.empty(count)
    draw(state, words, uniforms, normals)
    return words, uniforms, normals


def read(point: Point, days: int = 1) -> tuple[Floats, Floats]:
    """Return a point's seconds and values without a leak."""
    times, values = np.empty(days * DAY, np.int64), np.empty(days * DAY)
    count = point.read(0, np.zeros(days * DAY), times, values)
    return (times[:count] - START_NS) / SECOND, values[:count]


def test_random_words_are_those_of_splitmix() -> None:
    """The kernel draws what the algorithm in plain Python draws; from 0 the published numbers."""
    words, _, _ = drawn(1_000, 3, 17)
    begin, step = beginning(3, 17), 0x9E3779B97F4A7C15
    assert words.tolist() == [_mixed((begin + n * step) % 2**64) for n in range(1_000)]
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [_mixed(n * step % 2**64) for n in range(3)] == published


def test_random_numbers_have_their_distributions() -> None:
    """Uniform ones fill [0, 1) evenly; normal ones have the right share beyond 1 to 5 sigma."""
    _, uniforms, normals = drawn(4_000_000, 1)
    assert 0.0 <= uniforms.min() < uniforms.max() < 1.0
    share = np.histogram(uniforms, 100, (0.0, 1.0))[0] / uniforms.size
    assert np.abs(share - 0.01).max() < 5 * math.sqrt(0.01 / uniforms.size)
    assert abs(normals.mean()) < 0.0025
    for beyond in (0.0, 0.5, 1.0, 2.0, 3.0, 3.7, 4.5):
        for side in (normals, -normals):
            expected = 0.5 * math.erfc(beyond / math.sqrt(2.0)) * side.size
            assert abs((side > beyond).sum() - expected) < 5.0 * math.sqrt(expected) + 1.0


@pytest.mark.parametrize("style", PARAMETERS.styles)
def test_a_day_is_the_same_however_it_is_cut(style: str) -> None:
    """Read in any chunks, and read again from the same seed, a point says the same to the bit."""
    seconds, values = read(new_point("normal", 5, style))
    cut, said, at = new_point("normal", 5, style), [], 0
    for size in (1, 59, 60, 61, 3_600, DAY - 3_781):
        times, some = np.empty(size, np.int64), np.empty(size)
        count = cut.read(at, np.zeros(size), times, some)
        said += list(zip(((times[:count] - START_NS) / SECOND).tolist(), some[:count], strict=True))
        at += size
    assert said == list(zip(seconds.tolist(), values, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_a_plain_point_has_the_noise_and_the_cycle_of_the_file(seed: int) -> None:
    """About its background a reading has 2 % of noise; the background swings by 10 % in a day."""
    point = new_point("normal", seed, "plain")
    seconds, values = read(point, 4)
    around = np.array([point.level(each) for each in range(0, 4 * DAY, 60)])
    about = values - around[(seconds // 60).astype(int)]
    assert about.mean() == pytest.approx(0.0, abs=0.002)
    assert about.std() == pytest.approx(PARAMETERS.sensor.noise, rel=0.05)
    record, day = point.record[0], around[: DAY // 60] - point.record[0]["drift"] * DAY / 2
    assert (day.max() - day.min()) / 2 == pytest.approx(PARAMETERS.background.cycle, rel=0.02)
    low, high = PARAMETERS.background.base
    assert low <= record["base"] <= high
    most = max(map(abs, PARAMETERS.background.drift))
    assert abs(around[-1] - around[-1 - DAY // 60]) <= most / 30 + 1e-9
    # What noise is before the lag is slow; of two readings the differences tell how much.
    fast = np.diff(about)[np.diff(seconds) == 1.0].var() / 2
    electronics, lag = record["electronics"] ** 2, record["lag"]
    behind = PARAMETERS.sensor.noise**2 - electronics
    assert fast == pytest.approx(electronics + behind * lag, rel=0.02)


def test_outages_are_one_hundredth_of_the_time() -> None:
    """Over many points the share without readings, and the mean length, are the file's."""
    missing, outages = 0, 0
    for seed in range(10):
        seconds, _ = read(new_point("normal", seed, "plain"), 2)
        gaps = np.diff(seconds)
        missing += int((gaps - 1.0).sum())
        outages += int((gaps > 1.0).sum())
    assert missing / (20 * DAY) == pytest.approx(PARAMETERS.dropouts.share, rel=0.1)
    assert missing / outages == pytest.approx(PARAMETERS.dropouts.mean, rel=0.1)


def test_a_step_is_shown_to_nine_tenths_after_t90() -> None:
    """The lag is of first order: 90 % after 30 s, 99 % after 60 s."""
    point = new_point("normal", 1, "plain")
    point.record["turbulence"] = point.record["electronics"] = point.record["cycle"] = 0.0
    point.record["drift"] = 0.0
    point.record["shown"] = point.record["base"]
    times, values = np.empty(200, np.int64), np.empty(200)
    added = np.where(np.arange(200) < 50, 0.0, 0.5)
    count = point.read(0, added, times, values)
    shown = dict(zip(((times[:count] - START_NS) // SECOND).tolist(), values[:count], strict=True))
    base = point.record[0]["base"]
    for after, share in ((30, 0.9), (60, 0.99)):
        assert (shown[49 + after] - base) / 0.5 == pytest.approx(share, abs=1e-9)


def test_every_hundred_points_have_the_styles_of_the_file() -> None:
    """Any hundred points in a row, and nearly so any ten, report as the shares say."""
    for begin in (0, 300):
        styles = [style_of(begin + number) for number in range(100)]
        assert {style: styles.count(style) for style in styles} == PARAMETERS.styles
    assert 4 <= [style_of(number) for number in range(10)].count("zero") <= 6


def test_each_style_reports_in_its_way() -> None:
    """Clean air reads exactly 0, coarse values are steps, others wait for change or the quarter."""
    seconds, zero = read(new_point("normal", 2, "zero"), 5)
    assert (zero == 0.0).mean() > 0.999
    assert zero[zero > 0.0].min() >= PARAMETERS.reporting.dead_zone
    _, coarse = read(new_point("normal", 2, "coarse"))
    steps = coarse / PARAMETERS.reporting.step
    assert np.abs(steps - np.rint(steps)).max() < 1e-9
    assert 3 <= np.unique(np.rint(steps)).size <= 12
    seconds, moved = read(new_point("normal", 2, "on_change"))
    assert seconds.size < DAY / 5
    still = np.abs(np.diff(moved)) < PARAMETERS.reporting.moved - 1e-9
    assert np.diff(seconds)[still].min(initial=math.inf) >= PARAMETERS.reporting.at_least
    seconds, _ = read(new_point("normal", 2, "quarter_hour"))
    assert set(np.diff(seconds)) <= {900.0, 1800.0, 2700.0}


@pytest.mark.parametrize("kind", LEAKS)
def test_the_truth_about_a_leak_is_true(kind: str) -> None:
    """Nothing leaks before the start; H is reached at `reach`, without noise, and not before."""
    low, high = getattr(PARAMETERS.leaks, kind)
    for seed in range(60):
        event = new_event(kind, seed)
        assert not event.added[: event.start].any()
        assert low - 300 < event.reach - event.start <= high
        if kind != "pulsed":
            assert low <= event.reach - event.start
        level = noiseless(event)
        assert level[-1] == pytest.approx(1.0, abs=1e-9)
        assert level[:-1].max() < 1.0
        before, after = PARAMETERS.events.before, PARAMETERS.events.after
        assert before[0] <= event.start <= before[1]
        assert event.added.size > event.reach + after - 1


def noiseless(event: Event) -> Floats:
    """Return the concentration from the start to H."""
    within = range(event.start, event.reach + 1)
    return np.array([event.point.level(second) + event.added[second] for second in within])


def test_a_pulsed_leak_comes_and_goes() -> None:
    """What a pulsed leak adds falls and rises again several times before H."""
    falls = []
    for seed in range(40):
        event = new_event("pulsed", seed)
        change = np.diff(event.added[event.start : event.reach + 1])
        falls.append(int(((change[:-1] > 0.0) & (change[1:] < 0.0)).sum()))
    assert np.median(falls) >= 5


def test_a_step_stays_and_is_below_the_limit() -> None:
    """After a step the level stays where it went: no alarm is due."""
    low, high = PARAMETERS.steps.height
    for seed in range(60):
        event = new_event("steps", seed)
        after = event.added[event.start :]
        assert low <= after[0] <= high
        assert np.unique(after).size == 1
        assert event.reach - event.start == PARAMETERS.steps.settled
        assert event.point.level(event.reach) + after[0] < 0.9


def test_both_halves_of_the_seeds_are_alike() -> None:
    """Even and odd seeds have the same styles in the same shares, and no number in common."""
    styles = [[new_event("steps", 2 * n + half).point.style for n in range(100)] for half in (0, 1)]
    assert styles[0] == styles[1]
    assert {style: styles[0].count(style) for style in styles[0]} == PARAMETERS.styles
    starts = [{new_event("slow", 2 * n + half).added.sum() for n in range(100)} for half in (0, 1)]
    assert not starts[0] & starts[1]
