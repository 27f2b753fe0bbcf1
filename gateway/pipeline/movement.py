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
from gateway.alarms.definitions import Level
from gateway.pipeline.bound import Problem, Reporting
from gateway.pipeline.health import Watch, watch
from gateway.pipeline.plant import SECOND
from gateway.pipeline.settings import RateSettings, TrendSettings

#: How many time constants a horizon holds at least, and at most: a line through three seconds of
#: noise says nothing of half an hour later.
SPARSE: Final = 6
FAR: Final = 600
#: Standard errors beyond which nothing becomes surer: chance alone makes 3 of them once in 740,
#: 10 once in 10^23. A higher number only warns later, or not at all.
SURE: Final = 10.0
#: A rate gives no verdict before one time constant, after each gap anew.
SLOWEST: Final = 86_400_000_000_000


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
    if settings.tau is not None and settings.horizon > FAR * settings.tau:
        least = format_duration(-(-settings.horizon // FAR))
        text = (
            f"{format_duration(settings.tau)} is too short to look "
            f"{format_duration(settings.horizon)} ahead, more than {FAR} times as far as back: "
            f"take {least} or more, or leave it out"
        )
        yield ("trend", "tau"), text
    if settings.significance > SURE:
        text = (
            f"{settings.significance:g} standard errors would only warn later, or not at all: 3 "
            f"are a confidence of 99.9 %, and beyond {SURE:g} nothing becomes surer; take 3"
        )
        yield ("trend", "significance"), text


def rate_problems(settings: RateSettings, span: tuple[float, float] | None) -> Iterator[Problem]:
    """Yield why a limit on the rate of change would never be reached.

    The rate is a sum of the median's moves whose weights grow towards now, up to ``1 / (tau + dt)``
    (`detectors.rate`). While the value stays within its range that sum is below the range's width
    over `tau`, however the value moves and the readings come.

    Parameters
    ----------
    span
        Lowest and highest value that is a measurement; None where the point has no range.
    """
    told = format_duration(settings.tau)
    if settings.tau > SLOWEST:
        longest = format_duration(SLOWEST)
        text = f"{told} is longer than {longest}: it is silent for so long after each gap"
        yield ("rate", "tau"), f"{text}; take {longest} or less"
    elif span is not None:
        fastest = (span[1] - span[0]) * (settings.per / settings.tau)
        if settings.limit >= fastest:
            text = (
                f"{settings.limit:g} per {format_duration(settings.per)} is never reached: a step "
                f"over all that the device measures, [{span[0]:g}, {span[1]:g}], is less than "
                f"{fastest:g} over tau = {told}; write less, or a shorter tau"
            )
            yield ("rate", "limit"), text


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
