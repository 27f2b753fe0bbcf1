"""What a point's description is bound from, and what it is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from detectors.rules import Rule
from device_profiles.schema import Channel
from device_profiles.toml_lines import Path
from gateway.alarms.catalogue import KindAlarms
from gateway.alarms.definitions import AlarmDefinition
from gateway.pipeline.points import PointKind

Problem = tuple[Path, str]


class Source(Protocol):
    """Where a point's values come from, as a `Profile` tells it.

    Without channels a point says itself what its unit and its range are.
    """

    @property
    def id(self) -> str:
        """Its name, for a person."""

    @property
    def channel(self) -> Mapping[str, Channel]:
        """What it offers."""

    @property
    def interval(self) -> int:
        """How often a value is expected, ns."""

    @property
    def silence_interval(self) -> int:
        """By which silence is judged, ns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """How a point reports: its interval, the longest pause of a healthy device, its T90; all ns."""

    interval_ns: int
    pause_ns: int
    t90_ns: int


@dataclass(frozen=True, slots=True)
class Bound:
    """One alarm of a point before it gets its number; its definition names no point."""

    definition: AlarmDefinition
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundKind:
    """What points that are described alike share: alarms and rules, fixed limits first."""

    kind: PointKind
    rules: tuple[Rule, ...]
    alarms: KindAlarms
    #: Everything that does not fit, at its key below the point.
    problems: tuple[Problem, ...]
