"""Binds points to the rules that watch them: packs give defaults, the site file overrides.

Everything wrong is collected, each problem with the key path it belongs to, so that a person mends
a file once. Limits are never converted: a point's unit is the one its rule prints. What is
described alike is bound once: a site has many more points than kinds of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from detectors.companion import Ward
from detectors.rules import Rule
from device_profiles.bindings import BindingError, ChannelBinding, resolve_bindings
from device_profiles.decode import Plan, compile_plan
from device_profiles.hazards import RuleSet
from device_profiles.schema import Profile
from device_profiles.toml_lines import Path
from gateway.alarms.catalogue import Catalogue
from gateway.pipeline import oxygen
from gateway.pipeline.bound import BoundKind, Problem
from gateway.pipeline.comparisons import no_points
from gateway.pipeline.converting import converted_binding
from gateway.pipeline.derived_points import BasePoint, DerivedBinder, DerivedSource
from gateway.pipeline.derived_settings import DerivedSettings
from gateway.pipeline.device_clocks import clock_alarms
from gateway.pipeline.plant import Device, Plant
from gateway.pipeline.point_rules import bind_kind
from gateway.pipeline.points import Points
from gateway.pipeline.process_models import Models
from gateway.pipeline.settings import (
    DEVICE,
    AreaSettings,
    DeviceSettings,
    PointSettings,
    is_identifier,
    not_identifier,
)
from gateway.pipeline.upkeep import Due, deadlines, due_at, undue

#: What may be another at each point of a kind.
OWN: Final = {"tag", "name", "calibrated", "gas_tested"}
#: Every process is blind.
NO_MODELS: Final[Models] = MappingProxyType({})
#: What of a point's description tells kinds apart.
DESCRIPTION: Final = tuple(sorted(PointSettings.model_fields.keys() - OWN))


class SiteError(Exception):
    """A site cannot be bound; `problems` pairs key paths with texts."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(text for _, text in problems))


def bind(
    node: str,
    division: str,
    *,
    areas: Sequence[AreaSettings],
    devices: Sequence[DeviceSettings],
    derived: Sequence[DerivedSettings] = (),
    models: Models = NO_MODELS,
    profiles: Mapping[str, Profile],
    packs: Mapping[str, RuleSet],
    whole: bool = True,
) -> Plant:
    """Bind a site's points to devices, profiles and rules.

    Parameters
    ----------
    models
        Of processes, by tag; one that has none there can be trained, and runs blind.
    whole
        False where these are not all devices and points of the file: what one asks of another is
        then not judged.

    Raises
    ------
    SiteError
        With every problem of the site, each at its key path.
    """
    known = {area.id: area for area in areas}
    site = _Site(node, division, areas=known, profiles=profiles, packs=packs, models=models)
    site.problems += _twice([area.id for area in areas], "area", "id")
    site.problems += _twice([device.id for device in devices], "device", "id")
    site.problems += _twice([device.topic for device in devices], "device", "topic")
    for number, device in enumerate(devices):
        site.add(number, device)
    sound = not site.problems
    for number, each in enumerate(derived):
        if sound:
            site.derive(("derived", number), each)
        else:  # every tag is known, if not every point
            site.problems += no_points(("derived", number), each, site.numbers.__contains__)
    if whole and sound:
        # What must alarm in too little oxygen is a matter of derived points too.
        site.pair(devices)
    return site.plant()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What devices of one profile with the same points share; `plan` is None with problems.

    `due` is what falls due, each at one of their points.
    """

    kinds: tuple[int, ...]
    bindings: tuple[ChannelBinding, ...]
    plan: Plan | None
    due: tuple[tuple[int, Due], ...]
    problems: tuple[Problem, ...]


@dataclass
class _Site:
    """What is bound so far, and everything found wrong."""

    node: str
    division: str
    areas: Mapping[str, AreaSettings] = field(kw_only=True)
    profiles: Mapping[str, Profile] = field(kw_only=True)
    packs: Mapping[str, RuleSet] = field(kw_only=True)
    models: Models = field(kw_only=True)
    problems: list[Problem] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    #: Kind and device of each point.
    kind: list[int] = field(default_factory=list)
    device: list[int] = field(default_factory=list)
    kinds: list[BoundKind] = field(default_factory=list)
    #: Who has a tag, for the one who wants it too.
    owners: list[DeviceSettings] = field(default_factory=list)
    derived: DerivedBinder | None = None
    wards: list[Ward] = field(default_factory=list)
    due: list[tuple[int, Due]] = field(default_factory=list)
    _kind_numbers: dict[Hashable, int] = field(default_factory=dict)
    _shared: dict[Hashable, _Shared] = field(default_factory=dict)
    _plans: dict[Hashable, Plan] = field(default_factory=dict)

    def add(self, number: int, device: DeviceSettings) -> None:
        """Bind one device, or say why it cannot be."""
        at: Path = ("device", number)
        area, profile = self.areas.get(device.area), self.profiles.get(device.profile)
        if area is None:
            known = ", ".join(sorted(self.areas)) or "none; write an [[area]]"
            text = f"{device.area!r} is no area of this file; known: {known}"
            self.problems.append(((*at, "area"), text))
        if profile is None:
            known = ", ".join(sorted(self.profiles))
            text = f"{device.profile!r} is no known profile; known: {known}"
            self.problems.append(((*at, "profile"), text))
        if not device.point:
            self.problems.append((at, "has no [[device.point]]; add one, or remove the device"))
        first = len(self.owners)
        self.problems += self._name(at, device, profile)
        if area is None or profile is None:
            return
        # A table's points are the same objects in each device that names it.
        key = (area.id, profile.id, device.time, tuple(map(id, device.point)))
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = self._share(area, profile, device)
        self.problems += [((*at, *key), text) for key, text in shared.problems]
        if shared.plan is None or self.problems:
            return
        self.due += [(first + place, due) for place, due in shared.due]
        self.kind += shared.kinds
        self.device += [len(self.devices)] * len(shared.kinds)
        self.devices.append(
            Device(
                id=device.id,
                topic=device.topic,
                profile=profile,
                bindings=shared.bindings,
                plan=shared.plan,
                time=device.time,
                points=range(first, len(self.owners)),
                usual_delay=device.usual_delay,
            )
        )

    def pair(self, devices: Sequence[DeviceSettings]) -> None:
        """Put the oxygen beside each sensor that needs it; all devices are bound, and sound."""
        paired = oxygen.pair(
            devices,
            self.profiles,
            known=self._known,
            bound=lambda index: self.kinds[self.kind[index]],
            derived=self.derived,
        )
        for found in paired:
            if isinstance(found, Ward):
                self.wards.append(found)
            else:
                self.problems.append(found)

    def derive(self, at: Path, settings: DerivedSettings) -> None:
        """Bind one derived point behind all others; only where these are sound."""
        binder = self.derived
        if binder is None:
            binder = self.derived = DerivedBinder(
                count=len(self.owners),
                areas=self.areas,
                known=self._known,
                bind=self._bind_derived,
                division=self.division,
                models=self.models,
            )
        made = len(binder.points)
        binder.add(at, settings)
        for point in binder.points[made:]:
            index = binder.count + made
            made += 1
            taken = self.numbers.setdefault(point.tag, index)
            if taken != index:
                owner = f"device {self.owners[taken].id}" if taken < binder.count else "another one"
                text = f"{point.tag!r} is taken by {owner}; a tag is given once"
                binder.problems.append(((*at, "tag"), text))
        self.problems += binder.problems
        binder.problems.clear()

    def _known(self, tag: str) -> BasePoint | None:
        """Return the point with this tag, where a device reports it."""
        index = self.numbers.get(tag)
        if index is None or index >= len(self.owners):
            return None
        kind = self.kinds[self.kind[index]].kind
        profile = self.profiles[self.owners[index].profile]
        channel = profile.channel.get(kind.channel)
        return BasePoint(index, kind, channel.quantity if channel else kind.channel)

    def _bind_derived(
        self, area: AreaSettings, source: DerivedSource, settings: PointSettings
    ) -> BoundKind:
        return bind_kind(area, source, settings, division=self.division, packs=self.packs)

    def plant(self) -> Plant:
        """Return the bound site, or raise everything that is wrong with it."""
        if self.problems:
            raise SiteError(self.problems)
        device_ids = [device.id for device in self.devices]
        if self.derived is not None:
            for point in self.derived.points:
                self.kind.append(len(self.kinds))
                self.kinds.append(point.kind)
                self.names.append(point.name)
                self.device.append(len(device_ids))
                device_ids.append(f"@{point.tag}")
        rule_sets: dict[tuple[Rule, ...], int] = {}
        sets = [rule_sets.setdefault(each.rules, len(rule_sets)) for each in self.kinds]
        kind = np.array(self.kind, np.int32)
        due = deadlines(self.due)
        return Plant(
            node=self.node,
            division=self.division,
            devices=tuple(self.devices),
            points=Points(
                self.numbers,
                self.names,
                kinds=[each.kind for each in self.kinds],
                kind=kind,
                device_ids=device_ids,
                device=np.array(self.device, np.int32),
            ),
            rule_sets=tuple(rule_sets),
            point_sets=np.array(sets, np.int32)[kind],
            definitions=Catalogue(
                self.node,
                self.numbers,
                kinds=[each.alarms for each in self.kinds],
                kind=kind,
                sparse=[clock_alarms(self.devices), *(each.alarm for each in due)],
            ),
            derivations=tuple(self.derived.derivations) if self.derived else (),
            exposures=tuple(self.derived.exposures) if self.derived else (),
            wards=tuple(self.wards),
            deadlines=due,
            frames=tuple(self.derived.frames) if self.derived else (),
            models=tuple(self.derived.fitted) if self.derived else (),
        )

    def _name(self, at: Path, device: DeviceSettings, profile: Profile | None) -> Iterator[Problem]:
        """Give each point of a device its tag and its name."""
        for index in oxygen.in_order(profile, device.point):
            point = device.point[index]
            tag = point.tag.replace(DEVICE, device.id) if DEVICE in point.tag else point.tag
            name = point.name.replace(DEVICE, device.id) if DEVICE in point.name else point.name
            if DEVICE in point.tag and not is_identifier(tag):
                yield (*at, "point", index, "tag"), not_identifier(tag)
            taken = self.numbers.setdefault(tag, len(self.owners))
            if taken != len(self.owners):
                text = self._taken(point, device, self.owners[taken], tag)
                yield (*at, "point", index, "tag"), text
            self.names.append(name)
            self.owners.append(device)

    @staticmethod
    def _taken(
        point: PointSettings, device: DeviceSettings, owner: DeviceSettings, tag: str
    ) -> str:
        if owner is device and DEVICE in point.tag:
            # In the words of a table that many devices share: one line for all of them.
            return f"{point.tag!r} is taken by another point of the device; a tag is given once"
        hint = ""
        if device.points is not None and device.points == owner.points and owner is not device:
            hint = f'; devices that share a table need {DEVICE} in it, as in "{DEVICE}-AT-101"'
        return f"{tag!r} is taken by device {owner.id}; a tag is given once{hint}"

    def _share(self, area: AreaSettings, profile: Profile, device: DeviceSettings) -> _Shared:
        """Bind what this device has in common with those that are described alike."""
        kinds = tuple(self._kind_of(area, profile, point) for point in device.point)
        problems: list[Problem] = [
            (("point", index, *key), text)
            for index, kind in enumerate(kinds)
            for key, text in self.kinds[kind].problems
        ]
        for index, point in enumerate(device.point):
            problems += [(("point", index, *key), text) for key, text in undue(profile, point)]
        order = oxygen.in_order(profile, device.point)
        kinds = tuple(kinds[index] for index in order)
        bindings = tuple(channel_binding(profile, device.point[index]) for index in order)
        plan = self._plans.get((profile.id, device.time, bindings))
        if plan is None:
            try:
                plan = compile_plan(profile, channels=bindings, time=device.time)
            except BindingError as error:
                misfits = list(_misfits(profile, device))
                problems += [(key, text) for key, text, _ in misfits]
                told = {text for _, _, text in misfits}
                problems += [((), text) for text in error.problems if text not in told]
            else:
                self._plans[profile.id, device.time, bindings] = plan
        due = tuple(
            (place, each)
            for place, index in enumerate(order)
            for each in due_at(profile, device.point[index])
        )
        return _Shared(kinds, bindings, plan, due, tuple(problems))

    def _kind_of(self, area: AreaSettings, profile: Profile, point: PointSettings) -> int:
        written = point.__dict__
        key = (area.id, profile.id, *(written[name] for name in DESCRIPTION))
        number = self._kind_numbers.get(key)
        if number is None:
            number = self._kind_numbers[key] = len(self.kinds)
            bound = bind_kind(area, profile, point, division=self.division, packs=self.packs)
            self.kinds.append(bound)
        return number


def _misfits(profile: Profile, device: DeviceSettings) -> Iterator[tuple[Path, str, str]]:
    """Yield what does not fit the profile: its key below the device, our text, the plan's text."""
    for index, point in enumerate(device.point):
        try:
            resolve_bindings(profile, [channel_binding(profile, point)])
        except BindingError as error:
            unknown = profile.channel and point.channel not in profile.channel
            at: Path = ("point", index, "channel") if unknown else ("point", index)
            for text in error.problems:
                yield at, text.removeprefix("channel "), text


def channel_binding(profile: Profile, point: PointSettings) -> ChannelBinding:
    """Return what a point states instead of its profile's channel."""
    low, high = point.range or (None, None)
    stated = ChannelBinding(
        channel=point.channel,
        pointer=point.pointer,
        scale=point.scale,
        offset=point.offset,
        low=low,
        high=high,
    )
    return converted_binding(stated, point, profile.channel)


def _twice(values: Sequence[str], table: str, key: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield (table, index, key), f"{table} {key} {value!r} is given twice; each stands once"
        seen.add(value)
