"""What movement tells of the plant: a limit will be reached, or a value changes too fast.

A trend looks half an hour ahead and back a twenty-fourth of that, as its evaluation found best
(``bench/detection``). A point that reports, or answers, less than six times within the horizon is
refused: at three times one slow leak in six is not foretold, at twice every other one, and a
warning that does not come is worse than none that was promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from detectors.rate import RateParams
from detectors.trend import TrendParams
from device_profiles.duration import format_duration
from gateway.alarms.catalogue import Level
from gateway.pipeline.bound import Problem, Reporting
from gateway.pipeline.health import Watch, watch
from gateway.pipeline.plant import SECOND
from gateway.pipeline.settings import RateSettings, TrendSettings

#: How many time constants a horizon holds at least.
SPARSE: Final = 6


def trend_problems(settings: TrendSettings, reporting: Reporting) -> Iterator[Problem]:
    """Yield why a trend would not be ahead of the level alarm."""
    slowest = {
        "tau": settings.tau or 0,
        "interval": reporting.interval_ns,
        "T90": reporting.t90_ns,
    }
    what = max(slowest, key=lambda each: slowest[each])
    if settings.horizon < SPARSE * slowest[what]:
        told, needed = format_duration(slowest[what]), format_duration(SPARSE * slowest[what])
        text = (
            f"horizon = {format_duration(settings.horizon)} is less than {SPARSE} times {what} = "
            f"{told}; it would warn late or not at all: take {needed} or more, or remove trend"
        )
        yield ("trend", "horizon"), text


def trend(settings: TrendSettings, limit: float, *, high: bool, reporting: Reporting) -> Watch:
    """Return the warning that a limit will be reached."""
    params = TrendParams.suited(
        limit,
        high=high,
        interval_s=reporting.interval_ns / SECOND,
        silence_s=reporting.pause_ns / SECOND,
        t90_s=reporting.t90_ns / SECOND,
        tau_s=settings.tau / SECOND if settings.tau else None,
        horizon_s=settings.horizon / SECOND,
        significance=settings.significance,
    )
    return watch(
        "trend",
        params,
        ("Limit will be reached", "趋势将达到限值"),
        priority=settings.priority,
        level=Level.TREND,
        limit=limit,
        off_delay=round(params.held_s * SECOND),
    )


def rate(settings: RateSettings, reporting: Reporting) -> Watch:
    """Return the limit on the rate of change; it returns below four fifths of it."""
    tau = settings.tau / SECOND
    limit = settings.limit / (settings.per / SECOND)
    params = RateParams(
        limit,
        direction={"rising": 1, "falling": -1, "both": 0}[settings.direction],
        deadband=0.2 * limit,
        tau_s=tau,
        gap_s=max(10 * reporting.interval_ns / SECOND, 6 * tau),
    )
    return watch(
        "rate",
        params,
        ("Changes too fast", "变化过快"),
        priority=settings.priority,
        level=Level.RATE,
        on_delay=settings.on_delay,
    )
