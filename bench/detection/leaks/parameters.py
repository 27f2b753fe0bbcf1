"""The frozen parameters of the generator, from ``parameters.toml`` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

FILE: Final = Path(__file__).with_name("parameters.toml")

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A sensor's lag (s to 90 %) and noise (of H), and which share of it is before the lag."""

    t90: float
    noise: float
    turbulent: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A point's mean, daily amplitude and drift over 30 days, all of H."""

    base: Range
    cycle: float
    drift: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropouts:
    """Share of the time without readings, and the mean length of one outage, s."""

    share: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Dead zone, resolution and movement, of H; longest and fixed intervals, s."""

    dead_zone: float
    step: float
    moved: float
    at_least: float
    quarter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Seeds of each kind of event, and the normal data before and after it, s."""

    seeds: int
    before: Range
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """Shapes of leaks; times in seconds from the start to H."""

    bend: Range
    slow: Range
    fast: Range
    pulsed: Range
    pulse_period: Range
    pulse_on: Range
    pulse_decay: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A step's height, of H, and when after it the level counts as settled, s."""

    height: Range
    settled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """Points without a leak, and days of each."""

    points: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All of them, as the file groups them; `styles` has how many of a hundred points each."""

    sensor: Sensor
    background: Background
    dropouts: Dropouts
    styles: dict[str, int]
    reporting: Reporting
    events: Events
    leaks: Leaks
    steps: Steps
    normal: Normal

    @classmethod
    def read(cls) -> Self:
        """Return what the file says.

        Raises
        ------
        TypeError
            It names another parameter, or lacks one.
        """
        said = tomllib.loads(FILE.read_text(encoding="utf-8"))
        styles = said.pop("styles")
        groups = {name: GROUPS[name](**_ranges(group)) for name, group in said.items()}
        return cls(styles=styles, **groups)


GROUPS: Final[dict[str, type]] = {
    "sensor": Sensor,
    "background": Background,
    "dropouts": Dropouts,
    "reporting": Reporting,
    "events": Events,
    "leaks": Leaks,
    "steps": Steps,
    "normal": Normal,
}


def _ranges(group: dict[str, object]) -> dict[str, object]:
    return {key: tuple(each) if isinstance(each, list) else each for key, each in group.items()}


PARAMETERS: Final = Parameters.read()
