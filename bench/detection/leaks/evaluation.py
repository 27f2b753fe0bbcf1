"""What the product's own bank makes of leaks, settled steps and months without a leak."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.detection.leaks.events import LEAKS, Event, new_event
from bench.detection.leaks.parameters import PARAMETERS
from bench.detection.leaks.points import DAY, START_NS, Point, new_point, style_of
from detectors.admission import GOOD, SECOND
from detectors.bank import Bank, Edge
from detectors.limit import LimitParams
from detectors.rules import Rule
from detectors.trend import TrendParams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Even seeds were for development; the report is on the odd ones.
DEVELOPMENT, REPORT = 0, 1
KINDS: Final = (*LEAKS, "steps")
#: The level alarm, and behind it what is evaluated.
LEVEL: Final = Rule(LimitParams(1.0, high=True, deadband=0.05))
#: Longer than any outage: readings come at once, none is late.
LATE: Final = 60 * SECOND
MONTH: Final = 30
#: What a site file means that states none.
SIGNIFICANCE: Final = TrendParams(1.0, high=True).significance
#: One-sided confidence of an upper bound.
BOUND: Final = 0.95


@dataclass(frozen=True, slots=True)
class Warned:
    """When an alarm came in an event.

    Parameters
    ----------
    kind, style
        Of the event and of its point.
    lasts
        Seconds from the start to H (or, of a step, until it is settled).
    lead
        Seconds before H, negative after it; without an alarm, as one at the end of the data. A
        trend is silent beyond H, so its lead is 0 then.
    after
        Seconds from the start to the first alarm, NaN for none.
    begins
        Alarms between the start and H.
    """

    kind: str
    style: str
    lasts: float
    lead: float
    after: float
    begins: int

    @property
    def share(self) -> float:
        """The lead as a share of the time from the start to H."""
        return self.lead / self.lasts


def warned(event: Event, begins: Sequence[float], *, level: bool = False) -> Warned:
    """Judge the instants (s) at which an alarm began in an event."""
    since = [each for each in begins if each >= event.start]
    first = since[0] if since else math.nan
    lead = event.reach - first if since else -PARAMETERS.events.after
    if not level:
        lead = max(0.0, lead)
    before = sum(each < event.reach for each in since)
    lasts = float(event.reach - event.start)
    return Warned(event.kind, event.point.style, lasts, lead, first - event.start, before)


def trend_rule(
    style: str, *, tau_s: float | None = None, significance: float = SIGNIFICANCE
) -> Rule:
    """Return the rule as a site file's empty ``trend`` table binds it, unless stated."""
    reporting = PARAMETERS.reporting
    interval = reporting.quarter if style == "quarter_hour" else 1.0
    params = TrendParams.suited(
        1.0,
        high=True,
        interval_s=interval,
        silence_s=reporting.at_least if style == "on_change" else interval,
        t90_s=PARAMETERS.sensor.t90,
        tau_s=None if tau_s is None else max(tau_s, interval),
        significance=significance,
    )
    return Rule(params, off_delay=round(params.held_s * SECOND))


def new_bank(rules: Sequence[Rule]) -> Bank:
    """Return a bank of one point with these rules behind the level alarm."""
    return Bank([0], [LATE], [(LEVEL, *rules)], [0])


def feed(bank: Bank, times: Ints, values: Floats) -> list[Edge]:
    """Give the one point's readings, each received when it was made, to a bank."""
    point, grade = np.zeros(times.size, np.int32), np.full(times.size, GOOD, np.uint8)
    edges, _ = bank.take(point, times, times, values, grade)
    return edges


def begun(edges: Sequence[Edge], row: int) -> list[float]:
    """Return when a rule began, s."""
    return [(each.time - START_NS) / SECOND for each in edges if each.row == row and each.began]


def events(kind: str, count: int, half: int) -> Iterator[Event]:
    """Yield the first `count` events of a kind of one half of the seeds."""
    return (new_event(kind, 2 * number + half) for number in range(count))


def warn(kinds: Sequence[str], count: int, *, half: int = REPORT) -> dict[str, list[list[Warned]]]:
    """Return, for the level and for the trend, what comes of each event."""
    found: dict[str, list[list[Warned]]] = {}
    for kind in kinds:
        found[kind] = [[], []]
        for event in events(kind, count, half):
            edges = feed(new_bank([trend_rule(event.point.style)]), *event.readings())
            found[kind][0].append(warned(event, begun(edges, 0), level=True))
            found[kind][1].append(warned(event, begun(edges, 1)))
    return found


def normal_days(point: Point, days: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield a point's readings without a leak, a day at a time; the arrays are used again."""
    times, values, nothing = np.empty(DAY, np.int64), np.empty(DAY), np.zeros(DAY)
    for day in range(days):
        count = point.read(day * DAY, nothing, times, values)
        yield times[:count], values[:count]


@dataclass(frozen=True, slots=True)
class Falsely:
    """False alarms in normal data, by style: how many, over how many point-days; level apart."""

    alarms: dict[str, int]
    days: dict[str, int]
    level: int

    @property
    def count(self) -> int:
        """All false alarms of the trend."""
        return sum(self.alarms.values())

    @property
    def months(self) -> float:
        """Months of 30 days of one point each."""
        return sum(self.days.values()) / MONTH

    @property
    def per_month(self) -> float:
        """False alarms a point and 30 days."""
        return self.count / self.months

    @property
    def at_most(self) -> float:
        """Upper bound of that, with 95 % confidence, if they are independent (Poisson)."""
        return poisson_bound(self.count) / self.months


def poisson_bound(count: int, confidence: float = BOUND) -> float:
    """Return the mean with which so few or fewer events have the probability 1 - confidence.

    F. Garwood, "Fiducial limits for the Poisson distribution", doi:10.1093/biomet/28.3-4.437.
    """
    low, high = float(count), 10.0 + 2.0 * count + 10.0 * math.sqrt(count)
    for _ in range(100):
        mean = 0.5 * (low + high)
        terms = (n * math.log(mean) - math.lgamma(n + 1.0) - mean for n in range(count + 1))
        if sum(map(math.exp, terms)) > 1.0 - confidence:
            low = mean
        else:
            high = mean
    return high


def normally(
    points: int,
    days: int,
    *,
    half: int = REPORT,
    louder: float = 1.0,
    significance: float = SIGNIFICANCE,
) -> Falsely:
    """Run points without a leak through the bank and count what begins.

    Parameters
    ----------
    points, days
        How many points of the half's seeds, and days of each.
    louder
        How many times the noise of the file.
    significance
        What the trend is bound with.
    """
    alarms = dict.fromkeys(PARAMETERS.styles, 0)
    watched = dict.fromkeys(PARAMETERS.styles, 0)
    level = 0
    for number in range(points):
        style = style_of(number)
        bank = new_bank([trend_rule(style, significance=significance)])
        point = new_point("normal", 2 * number + half, style, louder=louder)
        for times, values in normal_days(point, days):
            edges = feed(bank, times, values)
            alarms[style] += len(begun(edges, 1))
            level += len(begun(edges, 0))
        watched[style] += days
    return Falsely(alarms, watched, level)


@dataclass(frozen=True, slots=True)
class Leads:
    """What alarms in many events of one kind amount to; medians are over all of them.

    Parameters
    ----------
    found
        Share of events with an alarm before H.
    share, seconds
        Median lead, of the time from start to H, and in seconds.
    mean
        Mean lead as a share: what is missed is a lead of 0.
    least
        The lead that nine of ten events have at least, as a share.
    begins
        Mean alarms in an event before H.
    """

    found: float
    share: float
    seconds: float
    mean: float
    least: float
    begins: float


def leads(all_warned: Sequence[Warned]) -> Leads:
    """Sum up what came of events; of none, nothing is found."""
    if not all_warned:
        return Leads(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    shares = sorted(each.share for each in all_warned)
    return Leads(
        found=sum(each.begins > 0 for each in all_warned) / len(all_warned),
        share=median(shares),
        seconds=median(each.lead for each in all_warned),
        mean=sum(shares) / len(shares),
        least=shares[len(shares) // 10],
        begins=sum(each.begins for each in all_warned) / len(all_warned),
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """Of steps that settle: the share with any alarm, and with one begun when it had settled."""

    any: float
    settled: float


def steps(all_warned: Sequence[Warned]) -> Steps:
    """Sum up what came of settled steps."""
    after = np.array([each.after for each in all_warned])
    lasts = np.array([each.lasts for each in all_warned])
    return Steps(float(np.mean(~np.isnan(after))), float(np.mean(after >= lasts)))
