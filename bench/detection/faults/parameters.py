"""The frozen parameters of faults, healthy data and instruments, from ``parameters.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from bench.detection.leaks.parameters import Range
from gateway.pipeline.settings import PointSettings

FILE: Final = Path(__file__).with_name("parameters.toml")
#: Profiles of the instruments, as a site's own: ``<vendor>/<model>.toml``.
PROFILES: Final = Path(__file__).with_name("profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthy:
    """What points without a fault are like, as the file says it."""

    days: int
    dropped: float
    leaks: float
    peak: Range
    clears: Range
    plume: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How many faults there are, when they come, how long they last, how bad they are."""

    seeds: int
    before: Range
    good: Range
    more: Range
    shows: int
    rise: int
    beyond: float
    rate: float
    trend: float
    moving: Range
    outside: Range
    below: Range
    above: Range
    failed_low: Range
    failed_high: Range
    trembles: float
    spikes: Range
    noise: Range
    drift: Range
    drifts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What an instrument reads, in its own unit, and how it tells it."""

    noise: float
    t90: float
    shows: Range
    base: Range = (0.0, 0.0)
    cycle: float = 0.0
    drift: Range = (0.0, 0.0)
    dead_zone: float = 0.0
    step: float = 0.0
    moved: float = 0.0
    silent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One kind of point: its device's profile, what a site file says of it, what it reads."""

    name: str
    of_hundred: int
    every: int
    profile: str
    point: dict[str, Any]
    signal: Signal
    leaks: bool = True

    def settings(self, tag: str, without: frozenset[str] = frozenset()) -> PointSettings:
        """Return what a site file says of a point with this tag.

        Parameters
        ----------
        without
            Tables that it leaves out: ``stuck``, or one of ``health``.
        """
        said = {key: each for key, each in self.point.items() if key not in without}
        said["health"] = {key: each for key, each in said["health"].items() if key not in without}
        return PointSettings.model_validate({**said, "tag": tag})

    @property
    def clean(self) -> bool:
        """Whether its usual value is exactly 0."""
        return self.signal.base == (0.0, 0.0) and self.signal.shows[0] == 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All of them."""

    healthy: Healthy
    faults: Faults
    instruments: tuple[Instrument, ...]

    @classmethod
    def read(cls) -> Self:
        """Return what the file says.

        Raises
        ------
        TypeError
            It names another parameter, or lacks one.
        """
        said = tomllib.loads(FILE.read_text(encoding="utf-8"))
        return cls(
            healthy=Healthy(**_ranges(said["healthy"])),
            faults=Faults(**_ranges(said["faults"])),
            instruments=tuple(_instrument(each) for each in said["instrument"]),
        )

    def instrument_of(self, number: int) -> Instrument:
        """Return what point `number` of many is: every hundred have the shares of the file."""
        place = number * 37 % 100  # 37 and 100 have no common divisor: mixed, and each place once
        for each in self.instruments:
            if place < each.of_hundred:
                return each
            place -= each.of_hundred
        raise ValueError("the shares of the instruments must make 100")


def _instrument(said: dict[str, Any]) -> Instrument:
    point = dict(said.pop("point"))
    profile, signal = point.pop("profile"), Signal(**_ranges(said.pop("signal")))
    return Instrument(**said, profile=profile, point=point, signal=signal)


def _ranges(group: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(each) if isinstance(each, list) else each for key, each in group.items()}


PARAMETERS: Final = Parameters.read()
