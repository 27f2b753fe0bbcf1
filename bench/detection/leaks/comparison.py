"""How the trend detector was chosen: every estimator with its best settings, on seeds not tuned on.

A setting is admitted when it raises no false alarm in normal data of the development half, nor in
the same data with twice the noise, so that a site may be worse than these. (Three alarms in a
hundred months are allowed; in so little data that is none.) Of the admitted ones, that with the
longest mean lead in slow, fast and pulsed leaks is the estimator's best: a mean, since a median
does not see what is missed. All look half an hour ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.detection.leaks.estimators import (
    DIFFERENCE,
    HOLT,
    KALMAN,
    NAMES,
    PAGE,
    REGRESSION,
    SCALES,
    STAGES,
    new_states,
    watch,
)
from bench.detection.leaks.evaluation import (
    KINDS,
    MONTH,
    Floats,
    Ints,
    Leads,
    Steps,
    Warned,
    begun,
    events,
    feed,
    leads,
    new_bank,
    normal_days,
    steps,
    trend_rule,
    warned,
)
from bench.detection.leaks.events import LEAKS
from bench.detection.leaks.points import START_NS, new_point, style_of
from detectors.admission import SECOND
from detectors.trend import TrendParams

HORIZON_S: Final = 1800.0
#: The product's own kernel, in the product's bank.
BANK: Final = len(NAMES)
ALL: Final = (*NAMES, "three stages")
TAUS: Final = (60.0, 75.0, 90.0, 120.0, 180.0)
#: Strictness means something else to each: multiples of a standard error, but for two.
STRICT: Final = {DIFFERENCE: (0.0,), HOLT: (0.125, 0.25, 0.5, 0.75, 1.0, 1.5)}
ERRORS: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0)
WINDOWS: Final = (60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0)
#: Days of each point of the normal data that estimators are compared on.
COMPARED_DAYS: Final = 3
#: Begins of one setting that are looked at.
ROOM: Final = 60

Setting = tuple[float, float]
#: What `tune` found best; found anew with ``python -m bench.detection.leaks``.
BEST: Final[dict[int, Setting]] = {
    DIFFERENCE: (1200.0, 0.0),
    HOLT: (180.0, 0.125),
    REGRESSION: (120.0, 1.0),
    STAGES: (75.0, 2.5),
    SCALES: (180.0, 2.0),
    KALMAN: (90.0, 2.5),
    PAGE: (120.0, 5.0),
    BANK: (75.0, 3.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Which data an estimator is tried on.

    Parameters
    ----------
    half
        `DEVELOPMENT` or `REPORT`: of the seeds.
    events, points, days
        Events of each kind; points of the normal data, and days of each. All points are run again
        with twice the noise.
    """

    half: int
    events: int
    points: int
    days: int


@dataclass(frozen=True, slots=True)
class Row:
    """What one estimator reaches with one setting.

    Parameters
    ----------
    tau, strict
        The setting: time constant (window), s, and strictness.
    leaks
        For each of `LEAKS`.
    false, loud
        False alarms in normal data and in data of twice the noise, each of so many months.
    """

    estimator: str
    tau: float
    strict: float
    leaks: dict[str, Leads]
    steps: Steps
    false: int
    months: float
    loud: int

    @property
    def merit(self) -> float:
        """Mean lead as a share, each kind of leak alike; what is missed is a lead of 0."""
        return sum(each.mean for each in self.leaks.values()) / len(self.leaks)

    @property
    def admitted(self) -> bool:
        """Whether it raises no false alarm, not in loud data either."""
        return self.false == 0 and self.loud == 0

    def __str__(self) -> str:
        """Return it as a line of the table."""
        found = "  ".join(
            f"{each.share:4.0%} {each.seconds:5.0f} s {each.found:5.1%}"
            for each in self.leaks.values()
        )
        return (
            f"{self.estimator:<13} {self.tau:5.0f} {self.strict:6g} {self.merit:5.1%}  {found}  "
            f"{self.steps.any:4.0%} {self.steps.settled:5.1%}  "
            f"{self.false / self.months:8.3f} {self.loud / self.months:8.2f}"
        )


#: As wide as a row's part for one kind of leak.
WIDE: Final = 19
HEAD: Final = (
    f"{'estimator':<13} {'tau':>5} {'strict':>6} {'mean':>5}  "
    f"{'slow: median':<{WIDE}}{'fast: median':<{WIDE}}{'pulsed: median':<{WIDE}}"
    f"{'steps that':<13}{'false a point'}\n"
    f"{'':<13} {'s':>5} {'':>6} {'lead':>5}  "
    f"{'lead, found':<{WIDE}}{'lead, found':<{WIDE}}{'lead, found':<{WIDE}}"
    f"{'raise, late':<13}{'and 30 d, loud'}"
)


class Watcher:
    """Settings of one estimator on one point."""

    def __init__(self, estimator: int, settings: Sequence[Setting], style: str) -> None:
        self.estimator, self.count = estimator, len(settings)
        rules = [trend_rule(style, tau_s=tau, significance=strict) for tau, strict in settings]
        self.begins = np.zeros((self.count, ROOM + 1))
        if estimator == BANK:
            self.bank = new_bank(rules)
            return
        params = [each.params for each in rules]
        bound = [each for each in params if isinstance(each, TrendParams)]
        self.states = new_states(
            [(each.tau_s, each.significance, each.horizon_s, each.gap_s) for each in bound]
        )

    def take(self, times: Ints, values: Floats) -> None:
        """Give it readings; its begins are added."""
        if self.estimator != BANK:
            watch(self.estimator, times, values, self.states, self.begins)
            return
        edges = feed(self.bank, times, values)
        for which in range(self.count):
            for each in begun(edges, 1 + which):
                self.begins[which, 0] += 1
                if self.begins[which, 0] <= ROOM:
                    self.begins[which, int(self.begins[which, 0])] = each + START_NS / SECOND

    def begun(self, which: int) -> list[float]:
        """Return when a setting began, s after the start of the data."""
        count = min(int(self.begins[which, 0]), ROOM)
        instants = self.begins[which, 1 : count + 1] - START_NS / SECOND
        return [float(each) for each in instants]


def measure(tried: Mapping[int, Sequence[Setting]], sample: Sample) -> list[Row]:
    """Return what each of some estimators reaches with each of its settings."""
    pairs = [(which, setting) for which, settings in tried.items() for setting in settings]
    came: dict[str, list[list[Warned]]] = {kind: [[] for _ in pairs] for kind in KINDS}
    for kind in KINDS:
        for event in events(kind, sample.events, sample.half):
            readings = event.readings()
            found = []
            for which, settings in tried.items():
                watcher = Watcher(which, settings, event.point.style)
                watcher.take(*readings)
                found += [warned(event, watcher.begun(at)) for at in range(len(settings))]
            for one, more in zip(came[kind], found, strict=True):
                one.append(more)
    false = _falsely(tried, sample, louder=1.0)
    loud = _falsely(tried, sample, louder=2.0)
    return [
        Row(
            ALL[which],
            tau,
            strict,
            {kind: leads(came[kind][at]) for kind in LEAKS},
            steps(came["steps"][at]),
            int(false[at]),
            sample.points * sample.days / MONTH,
            int(loud[at]),
        )
        for at, (which, (tau, strict)) in enumerate(pairs)
    ]


def _falsely(
    tried: Mapping[int, Sequence[Setting]], sample: Sample, *, louder: float
) -> npt.NDArray[np.float64]:
    count = np.zeros(sum(map(len, tried.values())))
    for number in range(sample.points):
        style = style_of(number)
        watchers = [Watcher(which, settings, style) for which, settings in tried.items()]
        point = new_point("normal", 2 * number + sample.half, style, louder=louder)
        for times, values in normal_days(point, sample.days):
            for watcher in watchers:
                watcher.take(times, values)
        count += np.concatenate([watcher.begins[:, 0] for watcher in watchers])
    return count


def settings_of(estimator: int) -> list[Setting]:
    """Return what is tried of an estimator."""
    taus = WINDOWS if estimator == DIFFERENCE else TAUS
    return list(product(taus, STRICT.get(estimator, ERRORS)))


def compare(sample: Sample) -> list[Row]:
    """Return what each estimator reaches with its best setting."""
    return measure({which: [setting] for which, setting in BEST.items()}, sample)


def tune(sample: Sample, only: str | None = None) -> None:
    """Print every setting, and which of each estimator is best."""
    print(HEAD)
    for estimator, name in enumerate(ALL):
        if only not in {None, name}:
            continue
        rows = measure({estimator: settings_of(estimator)}, sample)
        for row in rows:
            print(row, "" if row.admitted else " -", flush=True)
        admitted = [row for row in rows if row.admitted]
        best = max(admitted, key=lambda row: row.merit, default=None)
        print(f"best of {name}: {best or 'none admitted'}\n", flush=True)
