"""A site, checked and bound: its devices, points, rules and alarms, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.companion import Ward
from detectors.derived import Derivation
from detectors.exposure import ExposureParams
from detectors.frames import FrameParams
from detectors.process_model import ProcessModel
from detectors.rules import Rule
from device_profiles.bindings import Bound, ChannelBinding
from device_profiles.decode import Plan
from device_profiles.schema import Profile
from gateway.alarms.catalogue import Catalogue
from gateway.pipeline.points import Points
from gateway.pipeline.upkeep import Deadlines

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
    points: range
    #: Of its messages, as the site states it, ns; None where it does not.
    usual_delay: int | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Plant:
    """A site, checked and bound: what the engine runs and the router routes.

    Parameters
    ----------
    rule_sets, point_sets
        The rules that points can have, each set's fixed limits first, and which set is each
        point's.
    derivations, exposures, frames
        What of the points no device reports: they stand behind all others.
    wards
        The points that are judged by the oxygen beside them.
    deadlines
        When calibrations and gas tests fall due.
    models
        Of each of `frames`; None where there is none that can be used: it runs blind.
    definitions
        Every alarm by number: the rules of each point, then its "no data" alarms.
    """

    node: str
    division: str
    devices: tuple[Device, ...]
    points: Points
    rule_sets: tuple[tuple[Rule, ...], ...]
    point_sets: npt.NDArray[np.int32]
    definitions: Catalogue
    derivations: tuple[Derivation, ...] = ()
    exposures: tuple[ExposureParams, ...] = ()
    wards: tuple[Ward, ...] = ()
    deadlines: tuple[Deadlines, ...] = ()
    frames: tuple[FrameParams, ...] = ()
    models: tuple[ProcessModel | None, ...] = ()

    @property
    def first(self) -> npt.NDArray[np.int64]:
        """Number of each point's first rule, and behind them how many rules there are."""
        return self.definitions.first

    @property
    def silence_row(self) -> int:
        """Number of the first point's "no data" alarm."""
        return self.definitions.silence

    @property
    def reported(self) -> int:
        """How many of the points devices report: the first ones."""
        return sum(len(device.points) for device in self.devices)

    @property
    def bounds(self) -> dict[str, Bound]:
        """What the number of each point that a device reports means, by tag."""
        tags = self.points.tags
        return {
            tags[point]: bound
            for device in self.devices
            for point, bound in zip(device.points, device.plan.bound, strict=True)
        }

    def point_of(self, number: int) -> int:
        """Return the point that a rule watches, by the number of the rule."""
        return self.definitions.place(number)[0]

    def rule(self, number: int) -> Rule:
        """Return a rule by its number."""
        point, place = self.definitions.place(number)
        return self.rule_sets[int(self.point_sets[point])][place]
