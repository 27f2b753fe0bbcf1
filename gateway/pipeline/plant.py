"""A site, checked and bound: its devices, points, rules and alarms, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from detectors.bank import Rule
from device_profiles.bindings import ChannelBinding
from device_profiles.decode import Plan
from device_profiles.schema import Profile
from gateway.alarms.catalogue import AlarmDefinition
from gateway.pipeline.points import Point

SECOND: Final = 1_000_000_000
#: A reading is late beyond the longer of this and three intervals.
LATE_NS: Final = 60 * SECOND
#: A point is silent after this many expected intervals.
SILENT_INTERVALS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device instance: where it speaks, and how its payload becomes its points' values."""

    id: str
    topic: str
    profile: Profile
    bindings: tuple[ChannelBinding, ...]
    plan: Plan
    time: str | None
    points: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A site, checked and bound: what the engine runs and the router routes.

    `definitions` are in the order detections name them: first the rows of the bank (`rules`), then
    one "no data" alarm a point.
    """

    node: str
    division: str
    devices: tuple[Device, ...]
    points: tuple[Point, ...]
    rules: tuple[Rule, ...]
    definitions: tuple[AlarmDefinition, ...]

    @property
    def silence_row(self) -> int:
        """Row of the first point's "no data" alarm."""
        return len(self.rules)
