"""A trend alarm means that a line leads to the limit, surely and soon: its promises, one by one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from detectors.bank import Edge
from detectors.rules import Rule
from detectors.trend import AHEAD, LEARNT, WATCHED, TrendParams
from tests.detectors.twins import SECOND, START, Reading, agree, at_once, feed, one

#: Looks ahead half an hour to 100, on readings a second apart.
PARAMS = TrendParams(100.0, high=True)
TAU_S, HORIZON_S = PARAMS.tau_s, PARAMS.horizon_s
SAMPLINGS = ("regular", "jittered", "in bursts", "on change", "each quarter hour")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def sampled(sampling: str, count: int, seed: int = 3) -> Ints:
    """Return times of so many readings, ns."""
    chance = np.random.default_rng(seed)
    spacing = {
        "regular": np.full(count, 1.0),
        "jittered": chance.uniform(0.2, 1.8, count),
        "in bursts": np.where(np.arange(count) % 10 == 0, 20.0, 0.05),
        "on change": chance.exponential(5.0, count),
        "each quarter hour": chance.uniform(600.0, 1200.0, count),
    }[sampling]
    time: Ints = START + np.cumsum((spacing * SECOND).astype(np.int64))
    return time


def edges(params: TrendParams, time: Ints, value: Floats, *, off_delay: int = 0) -> list[Edge]:
    """Return when the rule begins and ends."""
    zeros = np.zeros(value.size, np.int32)
    bank = one(Rule(params, off_delay=off_delay)).bank()
    found, _ = bank.take(zeros, time, time, value, zeros.astype(np.uint8))
    return found


def seconds(time: Ints) -> Floats:
    """Return times as seconds since the first reading."""
    return (time - time[0]) / SECOND


def suited(sampling: str, limit: float = 100.0, **stated: float) -> TrendParams:
    """Return what suits a point that is sampled so."""
    interval = 1200.0 if sampling == "each quarter hour" else 1.0
    return TrendParams.suited(
        limit, high=True, interval_s=interval, silence_s=3.0 * interval + 60.0, **stated
    )


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_straight_line_is_foretold_to_the_second(sampling: str) -> None:
    """However irregular the readings, a line without noise names the instant it reaches H."""
    time = sampled(sampling, 30_000 if sampling != "each quarter hour" else 3_000)
    params = suited(sampling)
    # As long flat as the noise is learnt, and then so steep that an hour leads to the limit.
    begin, slope = 2.0 * LEARNT * params.tau_s, 50.0 / max(3600.0, 20 * params.tau_s)
    value = 50.0 + slope * np.maximum(seconds(time) - begin, 0.0)
    crossing = time[0] + (begin + 50.0 / slope) * SECOND
    began = [edge for edge in edges(params, time, value) if edge.began]
    assert len(began) == 1
    left = (crossing - began[0].time) / SECOND
    assert 0.5 * params.horizon_s < left <= params.horizon_s + params.tau_s
    # At that time the low-passes have not quite forgotten the bend at the ramp's begin.
    assert abs(began[0].predicted - crossing) < 0.01 * HORIZON_S * SECOND


def test_what_it_knows_of_a_line_is_exact() -> None:
    """A line from the first reading on is fitted without error once the start is forgotten."""
    time = sampled("jittered", 6_000)
    value = -7.0 + 0.01 * seconds(time)
    site = one(Rule(replace(PARAMS, limit=1e6)))
    bank, zeros = site.bank(), np.zeros(time.size, np.int32)
    bank.take(zeros, time, time, value, zeros.astype(np.uint8))
    once, twice, thrice, bend = bank.state.memory["kept"][0][:4]
    assert once - twice == pytest.approx(0.01 * TAU_S, rel=1e-9)
    assert 2 * once - twice == pytest.approx(value[-1], rel=1e-9)
    assert once - 2 * twice + thrice == pytest.approx(0.0, abs=1e-9)
    assert bend < 0.1 * 0.01 * TAU_S


@pytest.mark.parametrize("height", [1.0, 5.0, 20.0, 45.0])
@pytest.mark.parametrize("sampling", SAMPLINGS[:4])
def test_a_step_that_has_settled_raises_nothing(height: float, sampling: str) -> None:
    """Nothing begins later than two time constants after a step, and what began has ended."""
    time = sampled(sampling, 20_000)
    at = 6_000.0
    value = np.where(seconds(time) < at, 50.0, 50.0 + height)
    found = edges(suited(sampling), time, value)
    after = [(edge.time - time[0]) / SECOND - at for edge in found if edge.began]
    assert all(0.0 <= each <= 2.0 * TAU_S for each in after)
    assert [edge.began for edge in found] == [True, False] * len(after)


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["high", "low"])
def test_beyond_the_limit_it_is_silent(sign: float) -> None:
    """What begins there, however steep, is the level alarm's; neither is a reading beyond it."""
    params = replace(PARAMS, limit=sign * 100.0, high=sign > 0.0)
    time = sampled("regular", 4_000)
    beyond = sign * (101.0 + np.maximum(seconds(time) - 2_000.0, 0.0))
    assert edges(params, time, beyond) == []
    # From far inside at once beyond: the line is inside for a while, no reading is.
    jump = sign * np.where(seconds(time) < 2_000.0, 50.0, 100.0)
    assert edges(params, time, jump) == []


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_high_and_low_mirror_each_other(sampling: str) -> None:
    """The mirrored signal with a low limit has the same edges, to the bit."""
    time = sampled(sampling, 8_000)
    value = noisy(time, 4.0) + 20.0 * np.sin(seconds(time) / (5.0 * suited(sampling).tau_s))
    params = suited(sampling, 75.0, significance=0.5)
    found = edges(params, time, value)
    mirrored = edges(replace(params, limit=-75.0, high=False), time, -value)
    assert len(found) > 4
    assert [edge._replace(value=-edge.value) for edge in mirrored] == found


@pytest.mark.parametrize("unit", [2.0**-20, 1024.0])
def test_the_unit_does_not_matter(unit: float) -> None:
    """The same signal in another unit has the same edges at the same instants."""
    time = sampled("jittered", 8_000)
    value = noisy(time, 4.0) + 20.0 * np.sin(seconds(time) / 500.0)
    params = replace(PARAMS, limit=75.0, significance=0.5)
    found = edges(params, time, value)
    other = edges(replace(params, limit=75.0 * unit), time, value * unit)
    assert len(found) > 4
    assert [edge._replace(value=edge.value / unit) for edge in other] == found


def noisy(time: Ints, noise: float, seed: int = 5) -> Floats:
    """Return 50 and noise, white and as slow as a minute in equal parts."""
    chance = np.random.default_rng(seed)
    slow, kept = np.empty(time.size), 0.0
    dt = np.diff(time, prepend=time[0]) / SECOND
    for at, (wait, jump) in enumerate(zip(dt, chance.normal(0.0, 1.0, time.size), strict=True)):
        stays = math.exp(-wait / 60.0)
        kept = stays * kept + math.sqrt(1.0 - stays * stays) * jump
        slow[at] = kept
    return 50.0 + noise * (0.7 * chance.normal(0.0, 1.0, time.size) + 0.7 * slow)


def test_doubt_keeps_noise_from_being_a_trend() -> None:
    """Loud noise of two colours leads to the limit again and again, but not surely."""
    time = sampled("regular", 100_000)
    value = noisy(time, 8.0)
    alarms = [
        sum(edge.began for edge in edges(replace(PARAMS, significance=errors), time, value))
        for errors in (0.0, 1.0, 4.0)
    ]
    assert alarms[0] > 2 * alarms[1] > 20
    assert alarms[2] <= 2


def test_a_slow_rise_in_noise_is_one_warning() -> None:
    """From far away to the limit it begins once and stands: the deadbands keep it from chatter."""
    time = sampled("regular", 10_000)
    value = noisy(time, 2.0) + np.maximum(seconds(time) - 4_000.0, 0.0) * 50.0 / 3600.0
    reached = int(np.argmax(value >= 100.0))
    found = edges(PARAMS, time[:reached], value[:reached], off_delay=int(PARAMS.held_s * SECOND))
    assert [edge.began for edge in found] == [True]


def test_after_a_gap_it_watches_before_it_speaks() -> None:
    """A gap longer than allowed starts it anew; for three time constants it says nothing."""
    before = at_once([50.0] * 1_000)
    later = START + 1_000 * SECOND + int(PARAMS.gap_s * SECOND) + 1
    rise = [50.0 + 0.1 * n for n in range(450)]
    bank = one(Rule(PARAMS)).bank()
    assert feed(bank, before) == []
    found = feed(bank, at_once(rise, begin=later))
    assert found
    assert (found[0].time - later) / SECOND >= WATCHED * TAU_S
    # Without the gap the same rise is seen sooner.
    steady = one(Rule(PARAMS)).bank()
    feed(steady, before)
    soon = feed(steady, at_once(rise, begin=START + 1_000 * SECOND))
    assert (soon[0].time - START) / SECOND - 1_000 < 0.5 * WATCHED * TAU_S


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_it_agrees_with_its_plain_twin_on_what_plants_send(sampling: str) -> None:
    """Coarse, calm, loud, rising, with gaps: kernel and plain form agree to the last bit."""
    time = sampled(sampling, 3_000)
    params = suited(sampling, significance=1.0)
    value = noisy(time, 3.0) + 45.0 * np.sin(seconds(time) / (4.0 * params.tau_s))
    value[1_000:2_000] = 4.0 * np.round(value[1_000:2_000] / 4.0)
    value[2_500:] = 0.0
    time[700:] += int((params.gap_s + 1.0) * SECOND)
    rows: list[Reading] = [
        (0, int(t), int(t), float(v), 0) for t, v in zip(time, value, strict=True)
    ]
    site = one(
        Rule(params), Rule(replace(params, limit=10.0, high=False, release=1.0), off_delay=SECOND)
    )
    assert agree(site, [("read", row) for row in rows])


def test_what_suits_a_point_follows_from_how_it_reports() -> None:
    """It looks back no less than the lag or one interval, and takes no usual pause for a gap."""
    fast = TrendParams.suited(100.0, high=True, interval_s=1.0, silence_s=1.0, t90_s=30.0)
    assert (fast.tau_s, fast.gap_s, fast.held_s) == (HORIZON_S / AHEAD, 450.0, 225.0)
    assert fast == replace(PARAMS, limit=100.0)
    slow = TrendParams.suited(100.0, high=True, interval_s=900.0, silence_s=900.0)
    assert (slow.tau_s, slow.gap_s) == (900.0, 9000.0)
    lagging = TrendParams.suited(1.0, high=True, interval_s=1.0, silence_s=1.0, t90_s=200.0)
    assert lagging.tau_s == 200.0
    changing = TrendParams.suited(1.0, high=True, interval_s=1.0, silence_s=600.0)
    assert changing.gap_s == 1800.0
    stated = TrendParams.suited(1.0, high=True, interval_s=1.0, silence_s=1.0, tau_s=4.0)
    assert (stated.tau_s, stated.horizon_s) == (4.0, HORIZON_S)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": math.nan}, {"tau_s": 0.0}, {"horizon_s": math.inf}, {"gap_s": -1.0},
        {"significance": -0.1}, {"significance": math.nan}, {"release": 0.9},
        {"release": math.inf},
    ],
)  # fmt: skip
def test_parameters_without_meaning_are_refused(wrong: dict[str, float]) -> None:
    """The message names what is wrong."""
    with pytest.raises(ValueError, match=r"trend to "):
        replace(PARAMS, **wrong)
