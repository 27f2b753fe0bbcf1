"""A trend and a rate are bound to how a point reports, and refused where they could not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.rate import RateParams
from detectors.rules import Rule
from detectors.trend import TrendParams
from gateway.pipeline.plant import SECOND
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems

LIMITS = "limits = { h = 100, l = 5, deadband = 5 }\n"
UNIT = 'unit = "ppm"\n'


def write(folder: Path, more: str, interval: str = "1s") -> Path:
    """The site, its first point with a rule on movement."""
    path = folder / "site.toml"
    assert SITE.count(UNIT) == 1
    text = SITE.replace(UNIT, UNIT + f'interval = "{interval}"\n')
    path.write_text(text.replace(LIMITS, LIMITS + more, 1))
    return path


def rule(path: Path, kind: type) -> Rule:
    """The one rule of a kind."""
    [found] = [
        each for rules in load_site(path).plant.rule_sets for each in rules
        if isinstance(each.params, kind)
    ]  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("written", "interval", "expected"),
    [
        ("trend = {}\n", "1s", (75.0, 1800.0, 3.0, 450.0)),
        ("trend = {}\n", "5min", (300.0, 1800.0, 3.0, 3000.0)),
        ('trend = { horizon = "2h", significance = 2 }\n', "1s", (300.0, 7200.0, 2.0, 1800.0)),
        ('trend = { horizon = "5min", tau = "4s" }\n', "1s", (4.0, 300.0, 3.0, 24.0)),
    ],
)
def test_a_trend_suits_its_point(
    tmp_path: Path, written: str, interval: str, expected: tuple[float, ...]
) -> None:
    """It looks back a twenty-fourth of its horizon, no less than an interval, and holds on."""
    found = rule(write(tmp_path, written, interval), TrendParams)
    assert isinstance(found.params, TrendParams)
    params = found.params
    assert (params.limit, params.high) == (100.0, True)
    assert (params.tau_s, params.horizon_s, params.significance, params.gap_s) == expected
    assert found.off_delay == 3 * params.tau_s * SECOND


def test_a_rate_returns_below_four_fifths(tmp_path: Path) -> None:
    """The limit is per second, however it is written."""
    found = rule(write(tmp_path, 'rate = { limit = 90, per = "1min" }\n'), RateParams)
    assert isinstance(found.params, RateParams)
    assert (found.params.limit, found.params.deadband) == (1.5, pytest.approx(0.3))


@pytest.mark.parametrize(
    ("written", "interval", "words"),
    [
        ("trend = {}\n", "15min", "horizon = 30min is less than 6 times interval = 15min"),
        ("trend = {}\n", "301s", "take 1806s or more"),
        ('trend = { tau = "6min" }\n', "1s", "less than 6 times tau = 6min"),
        ('trend = { horizon = "5s" }\n', "1s", "take 6s or more"),
        ('trend = { horizon = "4000d" }\n', "1s", "longer than ten years"),
    ],
)
def test_a_trend_that_would_not_be_ahead_is_refused(
    tmp_path: Path, written: str, interval: str, words: str
) -> None:
    """A warning that comes late or not at all is worse than none that was promised."""
    [found] = problems(write(tmp_path, written, interval))
    assert "point[0].trend.horizon: " in found
    assert words in found
