"""Binds points to the rules that watch them: packs give defaults, the site file overrides.

Everything wrong is collected, each problem with the key path it belongs to, so that a person mends
a file once. Limits are never converted: a point's unit is the one its rule prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from device_profiles.bindings import BindingError, ChannelBinding, resolve_bindings
from device_profiles.decode import compile_plan
from device_profiles.hazards import RuleSet
from device_profiles.schema import Profile
from device_profiles.toml_lines import Path
from gateway.alarms.catalogue import AlarmDefinition, Level
from gateway.model import Priority
from gateway.pipeline.plant import Device, Plant
from gateway.pipeline.point_rules import Bound, PointBinder, Problem
from gateway.pipeline.points import Point
from gateway.pipeline.settings import AreaSettings, DeviceSettings, PointSettings


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
    profiles: Mapping[str, Profile],
    packs: Mapping[str, RuleSet],
) -> Plant:
    """Bind a site's points to devices, profiles and rules.

    Raises
    ------
    SiteError
        With every problem of the site, each at its key path.
    """
    site = _Site(node, division, areas=areas, profiles=profiles, packs=packs)
    site.problems += _twice([area.id for area in areas], "area", "id")
    site.problems += _twice([device.id for device in devices], "device", "id")
    site.problems += _twice([device.topic for device in devices], "device", "topic")
    for number, device in enumerate(devices):
        site.add(number, device)
    return site.plant()


@dataclass
class _Site:
    """What is bound so far, and everything found wrong."""

    node: str
    division: str
    areas: Sequence[AreaSettings] = field(kw_only=True)
    profiles: Mapping[str, Profile] = field(kw_only=True)
    packs: Mapping[str, RuleSet] = field(kw_only=True)
    problems: list[Problem] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    bound: list[Bound] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def add(self, number: int, device: DeviceSettings) -> None:
        """Bind one device, or say why it cannot be."""
        at: Path = ("device", number)
        areas = {area.id: area for area in self.areas}
        area, profile = areas.get(device.area), self.profiles.get(device.profile)
        if area is None:
            known = ", ".join(sorted(areas)) or "none; write an [[area]]"
            text = f"{device.area!r} is no area of this file; known: {known}"
            self.problems.append(((*at, "area"), text))
        if profile is None:
            known = ", ".join(sorted(self.profiles))
            text = f"{device.profile!r} is no known profile; known: {known}"
            self.problems.append(((*at, "profile"), text))
        if not device.point:
            self.problems.append((at, "has no [[device.point]]; add one, or remove the device"))
        self.problems += self._taken(at, device)
        if area is None or profile is None:
            return
        first = len(self.points)
        for index, settings in enumerate(device.point):
            binder = PointBinder(
                self.node,
                area,
                settings,
                profile,
                division=self.division,
                device=len(self.devices),
                device_id=device.id,
                index=len(self.points),
                packs=self.packs,
            )
            self.problems += [((*at, "point", index, *k), text) for k, text in binder.problems()]
            self.points.append(binder.point())
            self.bound += binder.alarms()
        bindings = tuple(channel_binding(point) for point in device.point)
        try:
            plan = compile_plan(profile, channels=bindings, time=device.time)
        except BindingError as error:
            misfits = list(_misfits(profile, device))
            self.problems += [((*at, *key), text) for key, text, _ in misfits]
            told = {text for _, _, text in misfits}
            self.problems += [(at, text) for text in error.problems if text not in told]
            return
        self.devices.append(
            Device(
                id=device.id,
                topic=device.topic,
                profile=profile,
                bindings=bindings,
                plan=plan,
                time=device.time,
                points=tuple(range(first, len(self.points))),
            )
        )

    def plant(self) -> Plant:
        """Return the bound site, or raise everything that is wrong with it."""
        if self.problems:
            raise SiteError(self.problems)
        return Plant(
            node=self.node,
            division=self.division,
            devices=tuple(self.devices),
            points=tuple(self.points),
            rules=tuple(each.rule for each in self.bound),
            definitions=(
                *(each.definition for each in self.bound),
                *(no_data(self.node, self.division, point) for point in self.points),
            ),
        )

    def _taken(self, at: Path, device: DeviceSettings) -> Iterator[Problem]:
        for index, point in enumerate(device.point):
            if point.tag in self.tags:
                text = f"{point.tag!r} is taken by {self.tags[point.tag]}; a tag is given once"
                yield (*at, "point", index, "tag"), text
            self.tags.setdefault(point.tag, f"device {device.id}")


def _misfits(profile: Profile, device: DeviceSettings) -> Iterator[tuple[Path, str, str]]:
    """Yield what does not fit the profile: its key below the device, our text, the plan's text."""
    for index, point in enumerate(device.point):
        try:
            resolve_bindings(profile, [channel_binding(point)])
        except BindingError as error:
            unknown = profile.channel and point.channel not in profile.channel
            at: Path = ("point", index, "channel") if unknown else ("point", index)
            for text in error.problems:
                yield at, text.removeprefix("channel "), text


def channel_binding(point: PointSettings) -> ChannelBinding:
    """Return what a point states instead of its profile's channel."""
    low, high = point.range or (None, None)
    return ChannelBinding(
        channel=point.channel,
        pointer=point.pointer,
        scale=point.scale,
        offset=point.offset,
        low=low,
        high=high,
    )


def no_data(node: str, division: str, point: Point) -> AlarmDefinition:
    """Return the alarm for a point without usable data: nowhere is a blind spot."""
    return AlarmDefinition(
        alarm=f"{node}/{point.tag}/no_data",
        tag=point.tag,
        rule="no_data",
        level=Level.NO_DATA,
        area=point.area,
        division=division,
        hazard=point.hazard,
        priority=Priority.HIGH,
        sounds=False,
        title_en="No usable data",
        title_zh="无有效数据",
    )


def _twice(values: Sequence[str], table: str, key: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield (table, index, key), f"{table} {key} {value!r} is given twice; each stands once"
        seen.add(value)
