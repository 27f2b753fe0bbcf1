"""The figures on generated leaks: they follow from what was found, and can be bad."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.detection.leaks import LeakResult, run
from bench.detection.leaks.comparison import (
    ALL,
    BANK,
    BEST,
    Sample,
    Watcher,
    compare,
    measure,
    settings_of,
)
from bench.detection.leaks.estimators import (
    DIFFERENCE,
    NAMES,
    OWN,
    REGRESSION,
    new_states,
    watch,
)
from bench.detection.leaks.evaluation import (
    DEVELOPMENT,
    REPORT,
    Falsely,
    Steps,
    Warned,
    leads,
    normally,
    poisson_bound,
    steps,
    trend_rule,
    warn,
    warned,
)
from bench.detection.leaks.events import LEAKS, new_event
from detectors.trend import TrendParams

SECOND = 1_000_000_000
#: A setting with which every estimator sees a clear ramp.
CLEAR = (60.0, 0.5)


@pytest.fixture(scope="module")
def small() -> LeakResult:
    """A run that takes seconds."""
    return run(months=2, events=24, compared=0)


def test_a_small_run_has_every_figure_and_claims_nothing(small: LeakResult) -> None:
    """Two months without a false alarm show less than the contract asks for: not sound."""
    figures = small.figures()
    assert {"trend_median_lead", "trend_median_lead_s", "trend_false_per_point_30d"} <= set(figures)
    assert figures["trend_point_months"] == 2.0
    assert figures["trend_false_alarms"] == 0
    assert figures["trend_false_at_most_per_point_30d"] == pytest.approx(2.996 / 2.0, abs=1e-3)
    assert not small.sound
    enough = replace(small, false=Falsely({"plain": 0}, {"plain": 30_000}, 0))
    assert enough.sound


def test_the_trend_alarm_leads_and_the_level_alarm_does_not(small: LeakResult) -> None:
    """Slow leaks are told by two fifths of their time at least; the level alarm comes with H."""
    assert small.trend_median_lead >= 0.40
    assert small.trend_median_lead_s > 600.0
    for kind in LEAKS:
        assert small.trend[kind].found > 0.8
        assert small.trend[kind].seconds > small.level[kind].seconds + 30.0
        assert small.level[kind].seconds < 120.0
    assert "slow" in small.table()


def test_a_seed_gives_the_same_figures_again(small: LeakResult) -> None:
    """Run again, every figure is the same."""
    again = run(months=1, events=24, compared=0)
    assert (again.trend, again.level, again.styles) == (small.trend, small.level, small.styles)


def test_without_doubt_noise_is_a_trend() -> None:
    """Three times the noise: with no standard error taken off ten times the alarms, and more."""
    assert normally(20, 1, louder=3.0, significance=0.0).count >= 10
    assert normally(20, 1, louder=3.0).count <= 1


def test_an_alarm_that_stood_before_the_leak_is_no_lead() -> None:
    """Only what begins after the start counts, and only before H leads; the level may be late."""
    event = new_event("slow", 3)
    lasts = event.reach - event.start
    stood = warned(event, [event.start - 1.0])
    assert (stood.lead, stood.begins) == (0.0, 0)
    assert math.isnan(stood.after)
    found = warned(event, [event.start - 1.0, event.start + 60.0, event.start + 90.0])
    assert (found.lead, found.after, found.begins) == (lasts - 60.0, 60.0, 2)
    assert found.share == pytest.approx((lasts - 60.0) / lasts)
    late = [event.reach + 5.0]
    assert warned(event, late).lead == 0.0
    assert warned(event, late, level=True).lead == -5.0
    assert warned(event, [], level=True).lead == -900.0


def test_what_is_summed_up_is_of_all_events() -> None:
    """A leak that nobody warns of counts in every median; a step's late alarm is told apart."""
    one = Warned("slow", "plain", 100.0, 50.0, 50.0, 1)
    missed = Warned("slow", "plain", 100.0, 0.0, math.nan, 0)
    assert leads([one, missed, missed]).share == 0.0
    assert leads([one, one, missed]).share == 0.5
    assert leads([one, one, missed]).found == pytest.approx(2 / 3)
    assert leads([]).found == 0.0
    late = replace(one, after=100.0)
    assert steps([one, late, missed, missed]) == Steps(0.5, 0.25)


@pytest.mark.parametrize(("count", "bound"), [(0, 2.996), (3, 7.754), (30, 40.691), (300, 330.09)])
def test_the_bound_is_that_of_garwood(count: int, bound: float) -> None:
    """One-sided 95 % bounds of a Poisson mean, as tables have them."""
    assert poisson_bound(count) == pytest.approx(bound, rel=2e-4)


def test_false_alarms_are_of_all_points_and_days() -> None:
    """Point-days make months; the rate and its bound are per month of one point."""
    false = Falsely({"plain": 2, "zero": 1}, {"plain": 300, "zero": 600}, 0)
    assert (false.count, false.months, false.per_month) == (3, 30.0, 0.1)
    assert false.at_most == pytest.approx(7.754 / 30, rel=1e-3)


@pytest.mark.more
@pytest.mark.parametrize("estimator", range(len(NAMES)), ids=NAMES)
def test_every_estimator_sees_a_clear_ramp_and_nothing_in_a_constant(estimator: int) -> None:
    """None of those compared is a straw man: each begins before the limit, once."""
    seconds = np.arange(20_000)
    times, level = seconds * SECOND + 1, np.full(seconds.size, 0.3)
    ramp = np.maximum(level, 0.3 + (seconds - 15_000) * 0.7 / 3_600.0)
    for values, expected in ((level, 0), (ramp, 1)):
        states, begins = new_states([(*CLEAR, 1800.0, 600.0)]), np.zeros((1, 5))
        for part in (slice(0, 7_001), slice(7_001, None)):
            watch(estimator, times[part], values[part], states, begins)
        assert begins[0, 0] == expected
        if expected:
            assert 15_000 < begins[0, 1] < 18_300


def test_the_regression_is_the_weighted_one() -> None:
    """What is kept from reading to reading are the sums of exponentially weighted least squares."""
    chance = np.random.default_rng(1)
    seconds = np.cumsum(chance.uniform(0.5, 3.0, 200))
    values = chance.normal(0.4, 0.1, 200)
    tau = 40.0
    states, begins = new_states([(tau, 1.0, 1800.0, 600.0)]), np.zeros((1, 5))
    watch(REGRESSION, (seconds * SECOND).astype(np.int64), values, states, begins)
    waits = np.diff(seconds)
    weights = np.append(np.cumprod((tau / (tau + waits))[::-1])[::-1], 1.0)
    ages = seconds - seconds[-1]
    sums = [
        (weights * each).sum()
        for each in (np.ones(200), ages, ages**2, values, values * ages, values**2)
    ]
    assert states[0, OWN : OWN + 6] == pytest.approx(sums, rel=1e-6)


def test_a_setting_that_alarms_falsely_is_not_admitted() -> None:
    """A difference over a minute of noise is refused; a row tells its leads and false alarms."""
    sample = Sample(half=REPORT, events=2, points=4, days=1)
    hasty, calm = measure({DIFFERENCE: [(60.0, 0.0), (3600.0, 0.0)]}, sample)
    assert hasty.false > 0
    assert not hasty.admitted
    assert calm.false < hasty.false
    assert "difference" in str(hasty)
    assert 0.0 <= calm.merit <= 1.0


def test_the_winner_is_compared_in_the_products_own_bank() -> None:
    """Given an event, the comparison's last row finds what the evaluation finds."""
    found = warn(("slow", "steps"), 6)
    for kind in ("slow", "steps"):
        for number, expected in enumerate(found[kind][1]):
            event = new_event(kind, 2 * number + REPORT)
            watcher = Watcher(BANK, [BEST[BANK]], event.point.style)
            watcher.take(*event.readings())
            assert str(warned(event, watcher.begun(0))) == str(expected)


def test_the_best_setting_of_the_winner_is_what_a_site_file_means() -> None:
    """What was found best on the development half is the default, and each was tried."""
    assert set(BEST) == set(range(len(ALL)))
    for estimator, setting in BEST.items():
        assert setting in settings_of(estimator)
    params = trend_rule("plain").params
    assert isinstance(params, TrendParams)
    assert BEST[BANK] == (params.tau_s, params.significance)


def test_estimators_are_compared_on_the_same_data() -> None:
    """Together or alone an estimator reaches the same, on the half that was asked for."""
    sample = Sample(half=REPORT, events=3, points=3, days=1)
    rows = compare(sample)
    assert [row.estimator for row in rows] == list(ALL)
    alone = measure({REGRESSION: [BEST[REGRESSION]]}, sample)
    assert alone == [rows[REGRESSION]]
    assert compare(replace(sample, half=DEVELOPMENT)) != rows
