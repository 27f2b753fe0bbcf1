"""The trend detector's figures on generated leaks, and the table that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.detection.leaks.comparison import COMPARED_DAYS, HEAD, Row, Sample, compare
from bench.detection.leaks.evaluation import (
    KINDS,
    MONTH,
    REPORT,
    Falsely,
    Leads,
    Steps,
    leads,
    normally,
    steps,
    warn,
)
from bench.detection.leaks.events import LEAKS
from bench.detection.leaks.parameters import PARAMETERS

#: What the contract asks for: of slow leaks, and a point and 30 days.
LEAST_LEAD: Final = 0.40
MOST_FALSE: Final = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakResult:
    """What the product's bank makes of the half of the seeds that nothing was tuned on.

    Parameters
    ----------
    trend, level
        Of each kind of leak, what the trend alarm and what the level alarm reach.
    styles
        Of each way of reporting, what the trend alarm reaches with slow leaks.
    steps
        What the trend alarm makes of steps that settle.
    false
        False alarms in data without a leak.
    rows
        The other estimators and this one, on a smaller share of the same data.
    """

    trend: dict[str, Leads]
    level: dict[str, Leads]
    styles: dict[str, Leads]
    steps: Steps
    false: Falsely
    rows: tuple[Row, ...]

    @property
    def trend_median_lead(self) -> float:
        """Median lead in slow leaks, as a share of the time from the start to H."""
        return self.trend["slow"].share

    @property
    def trend_median_lead_s(self) -> float:
        """The same in seconds."""
        return self.trend["slow"].seconds

    @property
    def trend_false_per_point_30d(self) -> float:
        """False trend alarms a point and 30 days."""
        return self.false.per_month

    @property
    def sound(self) -> bool:
        """Whether the contract is kept; a run too small to show it is not."""
        return self.trend_median_lead >= LEAST_LEAD and self.false.at_most <= MOST_FALSE

    def figures(self) -> dict[str, float | int | bool]:
        """Return the figures by name."""
        named: dict[str, float | int | bool] = {
            "trend_median_lead": round(self.trend_median_lead, 3),
            "trend_median_lead_s": round(self.trend_median_lead_s, 1),
            "trend_false_per_point_30d": round(self.false.per_month, 4),
            "trend_false_at_most_per_point_30d": round(self.false.at_most, 4),
            "trend_false_alarms": self.false.count,
            "trend_point_months": round(self.false.months, 1),
            "trend_steps_raised": round(self.steps.any, 3),
            "trend_steps_raised_settled": round(self.steps.settled, 4),
        }
        for kind in LEAKS:
            named[f"trend_{kind}_found"] = round(self.trend[kind].found, 3)
            named[f"trend_{kind}_lead"] = round(self.trend[kind].share, 3)
            named[f"trend_{kind}_lead_s"] = round(self.trend[kind].seconds, 1)
            named[f"level_{kind}_lead_s"] = round(self.level[kind].seconds, 1)
        return named

    def table(self) -> str:
        """Return the figures as lines to read."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield "leaks              found  median lead      nine of ten  alarms  level alarm's lead"
        for kind in LEAKS:
            trend, level = self.trend[kind], self.level[kind]
            yield (
                f"{kind:<18} {trend.found:5.0%}  {trend.share:4.0%} {trend.seconds:6.0f} s    "
                f"{trend.least:8.0%}  {trend.begins:8.2f}  {level.seconds:10.0f} s"
            )
        for style, one in self.styles.items():
            yield (
                f"  slow, {style:<12} {one.found:4.0%}  {one.share:4.0%} {one.seconds:6.0f} s    "
                f"{one.least:8.0%}  {one.begins:8.2f}"
            )
        yield (
            f"settled steps: {self.steps.any:.1%} raise while they rise, "
            f"{self.steps.settled:.1%} {PARAMETERS.steps.settled:.0f} s later or after that"
        )
        false = self.false
        yield (
            f"without a leak: {false.count} false trend alarms in {false.months:,.0f} point-months "
            f"({false.per_month:.4f} a point and 30 days, at most {false.at_most:.4f} with 95 %), "
            f"{false.level} level alarms"
        )
        yield (
            f"  = {false.count / (false.months * MONTH):.6f} a point and day: "
            + ", ".join(f"{style} {count}" for style, count in false.alarms.items())
        )
        if self.rows:
            yield f"\n{HEAD}"
            yield from map(str, self.rows)


def run(*, months: int = 1000, events: int = 500, compared: int | None = None) -> LeakResult:
    """Measure the trend detector on the report half of the seeds.

    Parameters
    ----------
    months
        Point-months without a leak: so many points for 30 days.
    events
        Leaks of each kind, and steps.
    compared
        Point-months without a leak that the other estimators see, a tenth of `months` unless
        stated; 0 compares none.
    """
    compared = months // 10 if compared is None else compared
    came = warn(KINDS, events)
    slow = came["slow"][1]
    rows: list[Row] = []
    if compared:
        points = compared * MONTH // COMPARED_DAYS
        rows = compare(Sample(half=REPORT, events=events, points=points, days=COMPARED_DAYS))
    return LeakResult(
        trend={kind: leads(came[kind][1]) for kind in LEAKS},
        level={kind: leads(came[kind][0]) for kind in LEAKS},
        styles={
            style: leads([each for each in slow if each.style == style])
            for style in PARAMETERS.styles
        },
        steps=steps(came["steps"][1]),
        false=normally(months, PARAMETERS.normal.days),
        rows=tuple(rows),
    )
