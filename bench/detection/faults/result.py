"""Figures of sensor faults: what is found, what is not, and how often nothing was wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench.detection.faults.injected import STANDS, Outcome, inject
from bench.detection.faults.kinds import KINDS
from bench.detection.faults.normal import Healthily, healthily
from bench.detection.faults.parameters import PARAMETERS
from bench.detection.leaks.evaluation import MONTH

#: What the contract asks for: of faults, and a point and 30 days.
LEAST_FOUND: Final = 0.99
MOST_FALSE: Final = 0.03
#: Points in which each instrument has its share.
KINDS_OF_POINTS: Final = 100
#: Clouds of gas are looked at for this part of the time.
CLOUDY: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of faults of one kind.

    Parameters
    ----------
    within, ever
        Shares found within the stated time, and while they lasted.
    delay, latest
        Median and longest s until found, of those that were.
    """

    count: int
    within: float
    ever: float
    delay: float
    latest: float
    stood: int
    cleared: int
    ended: int


def found(outcomes: Sequence[Outcome]) -> Found:
    """Sum up faults."""
    delays = [each.delay for each in outcomes if math.isfinite(each.delay)]
    return Found(
        count=len(outcomes),
        within=sum(each.found for each in outcomes) / max(1, len(outcomes)),
        ever=len(delays) / max(1, len(outcomes)),
        delay=median(delays) if delays else math.inf,
        latest=max(delays, default=math.inf),
        stood=sum(bool(each.stood) for each in outcomes),
        cleared=sum(each.cleared for each in outcomes),
        ended=sum(each.ended for each in outcomes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultResult:
    """What the product makes of injected faults and of healthy instruments.

    Parameters
    ----------
    outcomes
        Of every injected fault.
    healthy
        Without a fault.
    cloudy
        The same where leaks come in clouds: nothing is asked of it.
    """

    outcomes: Sequence[Outcome]
    healthy: Healthily
    cloudy: Healthily

    def kinds(self) -> dict[str, Found]:
        """Return what became of each kind."""
        return {
            name: found([each for each in self.outcomes if each.fault.name == name])
            for name in KINDS
        }

    @property
    def asked(self) -> list[Outcome]:
        """The faults of which something is asked."""
        return [each for each in self.outcomes if each.fault.kind.asked]

    @property
    def sound(self) -> bool:
        """Whether the contract is kept, kind by kind; a run too small to show it is not."""
        kinds = [one for name, one in self.kinds().items() if KINDS[name].asked]
        return (
            all(one.count and one.within >= LEAST_FOUND for one in kinds)
            and not any(one.cleared for one in kinds)
            and self.healthy.at_most <= MOST_FALSE
        )

    def figures(self) -> dict[str, Any]:
        """Return the figures by name."""
        asked, healthy, cloudy = found(self.asked), self.healthy, self.cloudy
        named: dict[str, Any] = {
            "fault_detect_rate": round(asked.within, 5),
            "fault_injected": asked.count,
            "fault_injected_in_alarm": asked.stood,
            "fault_cleared": asked.cleared,
            "fault_movement_ended": asked.ended,
            "fault_false_per_point_30d": round(healthy.per_month, 5),
            "fault_false_at_most_per_point_30d": round(healthy.at_most, 5),
            "fault_false_alarms": healthy.count,
            "fault_point_months": round(healthy.months, 1),
            "fault_healthy_readings": healthy.readings,
            "fault_false_by_rule": healthy.by_rule(),
            "fault_false_in_clouds": cloudy.by_rule(),
            "fault_clouds": cloudy.leaks,
        }
        for name, one in self.kinds().items():
            key = name.lower().replace(" ", "_")
            named[f"fault_{key}_detect_rate"] = round(
                one.within if KINDS[name].asked else one.ever, 5
            )
            named[f"fault_{key}_delay_s"] = _finite(one.delay)
            named[f"fault_{key}_injected"] = one.count
        return named

    def table(self) -> str:
        """Return the figures as lines to read."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield "sensor fault   injected  in alarm  found in time  median, latest after  cleared"
        for name, one in self.kinds().items():
            share = f"{one.within:9.2%}    " if KINDS[name].asked else f"{one.ever:9.2%} *  "
            cleared = f"{one.cleared:7}" if KINDS[name].asked else "      -"
            yield (
                f"{name:<14} {one.count:8,} {one.stood:9,}  {share}  "
                f"{one.delay:7.0f} s {one.latest:7.0f} s  {cleared}"
            )
        asked = found(self.asked)
        yield (
            f"all but *      {asked.count:8,} {asked.stood:9,}  {asked.within:9.2%}"
            f"{asked.cleared:34}"
        )
        yield "  * no time is stated: found while it lasted"
        for condition, rule in STANDS.items():
            own = [each for each in self.asked if each.condition == condition]
            stood = sum(rule in each.stood for each in own)
            yield f"  while {rule} stood: {stood:,} of {len(own):,} ({condition})"
        yield (
            f"  {asked.ended:,} rates and trends ended on a stuck or saturated value: "
            "it is GOOD and does not move"
        )
        healthy = self.healthy
        yield (
            f"healthy: {healthy.count} false health alarms in {healthy.months:,.0f} point-months ("
            f"{healthy.per_month:.4f} a point and 30 days, at most {healthy.at_most:.4f} with 95 %)"
        )
        yield (
            f"  {healthy.readings:,} readings of {healthy.points:,} points, {healthy.leaks:,} "
            f"leaks with {healthy.plant:,} alarms of the plant; {healthy.clean:.0%} of the points "
            f"read 0, {healthy.zeros:.2%} of the time"
        )
        yield "  " + ", ".join(f"{rule} {count}" for rule, count in healthy.by_rule().items())
        cloudy = self.cloudy
        told = {rule: count for rule, count in cloudy.by_rule().items() if count}
        yield (
            f"in clouds ({PARAMETERS.healthy.plume:.0%} of what a leak adds): "
            f"{', '.join(f'{count} {rule}' for rule, count in told.items()) or 'none'} "
            f"in {cloudy.leaks:,} leaks"
        )


def _finite(number: float) -> float | None:
    return round(number, 2) if math.isfinite(number) else None


def run(*, months: int = 1000, seeds: int | None = None, only: str = "") -> FaultResult:
    """Inject faults, and run healthy points.

    Parameters
    ----------
    months
        Point-months without a fault: of points for two weeks, or, where that would be fewer than
        all kinds of them, of these for as long as it takes.
    seeds
        Faults of each style, in each condition, at each instrument; as the parameters say unless
        stated.
    only
        Faults of this instrument alone.
    """
    days = float(PARAMETERS.healthy.days)
    points = math.ceil(months * MONTH / days)
    if points < KINDS_OF_POINTS:
        points, days = KINDS_OF_POINTS, months * MONTH / KINDS_OF_POINTS
    return FaultResult(
        outcomes=inject(seeds, only=only),
        healthy=healthily(points, days),
        cloudy=healthily(points, days / CLOUDY, plume=PARAMETERS.healthy.plume),
    )
