"""What of a site file with mistakes can still be judged, so that no mistake hides another.

A point with a mistake of its own is left out, and so is a device whose area or profile is not
understood: what would be said of them might follow from what is told already. All others are bound
as if the file were whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from device_profiles.hazards import RuleSet
from device_profiles.schema import Profile
from device_profiles.toml_lines import Path
from gateway.pipeline.binding import SiteError, bind
from gateway.pipeline.bound import Problem
from gateway.pipeline.comparisons import no_points
from gateway.pipeline.derived_settings import DerivedSettings
from gateway.pipeline.settings import DEVICE, AreaSettings, DeviceSettings, PointSettings

#: In place of a device's id or topic that is wrong; nobody reads it.
UNREAD = "unread.{}"


def problems_of_the_rest(
    document: Mapping[str, Any],
    wrong: Collection[Path],
    *,
    profiles: Mapping[str, Profile],
    all_profiles: bool,
    packs: Mapping[str, RuleSet],
) -> list[Problem]:
    """Return what binding finds in the parts of a document that are sound in themselves.

    Parameters
    ----------
    document
        A parsed site file, its tables of points read.
    wrong
        Key paths at which problems have been told already.
    profiles
        Those that could be read.
    all_profiles
        False where one of the site's own could not: a profile that is not found is then no problem.
    packs
        Every rule set.
    """
    touched = {path[:length] for path in wrong for length in range(len(path) + 1)}
    rest = _Rest(document, frozenset(wrong), touched)
    rest.keep_areas()
    rest.keep_devices(profiles, all_profiles=all_profiles)
    try:
        bind(
            "node",
            "",
            areas=rest.areas,
            devices=rest.devices,
            profiles=profiles,
            packs=packs,
            whole=False,
        )
    except SiteError as error:
        found = [(rest.original(key), text) for key, text in error.problems]
    else:
        found = []
    return [*found, *rest.strange_members()]


@dataclass
class _Rest:
    """The sound parts, and their numbers in the file."""

    document: Mapping[str, Any]
    wrong: frozenset[Path]
    #: The wrong key paths and every table around them.
    touched: set[Path]
    areas: list[AreaSettings] = field(default_factory=list)
    area_numbers: list[int] = field(default_factory=list)
    all_areas: bool = True
    devices: list[DeviceSettings] = field(default_factory=list)
    device_numbers: list[int] = field(default_factory=list)
    point_numbers: list[list[int]] = field(default_factory=list)

    def keep_areas(self) -> None:
        written = self.document.get("area", [])
        self.all_areas = isinstance(written, list) and ("area",) not in self.touched
        for number, area in enumerate(written if isinstance(written, list) else []):
            if ("area", number) not in self.touched:
                self.areas.append(AreaSettings.model_validate(area))
                self.area_numbers.append(number)

    def keep_devices(self, profiles: Mapping[str, Profile], *, all_profiles: bool) -> None:
        areas = {area.id for area in self.areas}
        written = self.document.get("device", [])
        for number, raw in enumerate(written if isinstance(written, list) else []):
            kept = self._device(number, raw)
            if kept is None:
                continue
            device, points = kept
            if not self.all_areas and device.area not in areas:
                continue
            if not all_profiles and device.profile not in profiles:
                continue
            self.devices.append(device)
            self.device_numbers.append(number)
            self.point_numbers.append(points)

    def strange_members(self) -> Iterator[Problem]:
        """Yield the members of derived points whose tags no point has, with a mistake or without.

        Nothing while a tag or a table of points is not understood: it may be the one that is meant.
        """
        tags = self._tags()
        written = self.document.get("derived", [])
        for number, raw in enumerate(written if tags and isinstance(written, list) else []):
            at: Path = ("derived", number)
            if tags is not None and at not in self.touched:
                yield from no_points(at, DerivedSettings.model_validate(raw), tags.__contains__)

    def _tags(self) -> frozenset[str] | None:
        """Return every tag that the file gives, None where one is not understood."""
        tags = set()
        devices = self.document.get("device", [])
        for number, device in enumerate(devices if isinstance(devices, list) else []):
            at: Path = ("device", number)
            if at in self.wrong or not self.touched.isdisjoint(((*at, "id"), (*at, "points"))):
                return None
            points = device.get("point", [])
            if not isinstance(points, list):
                return None
            for index, point in enumerate(points):
                place = (*at, "point", index)
                if not self.wrong.isdisjoint((place, (*place, "tag"))):
                    return None
                tag = point.tag if isinstance(point, PointSettings) else point["tag"]
                tags.add(tag.replace(DEVICE, device["id"]))
        return frozenset(tags)

    def original(self, path: Path) -> Path:
        """Return the key path in the file of a key path among what was kept."""
        match path:
            case ("area", int(area), *rest):
                return ("area", self.area_numbers[area], *rest)
            case ("device", int(device), "point", int(point), *rest):
                number = self.device_numbers[device]
                return ("device", number, "point", self.point_numbers[device][point], *rest)
            case ("device", int(device), *rest):
                return ("device", self.device_numbers[device], *rest)
        return path

    def _device(self, number: int, raw: Any) -> tuple[DeviceSettings, list[int]] | None:
        """Return a device with its sound points and their numbers; None where it is too little."""
        at: Path = ("device", number)
        if not isinstance(raw, dict) or at in self.wrong:
            return None
        fields = DeviceSettings.model_fields.keys() - {"point"}
        told: dict[str, Any] = {"id": UNREAD.format(number), "topic": UNREAD.format(number)}
        told |= {key: raw[key] for key in fields & raw.keys() if (*at, key) not in self.touched}
        written = raw.get("point", [])
        if not isinstance(written, list):
            return None
        sound = [n for n in range(len(written)) if (*at, "point", n) not in self.touched]
        if not sound and (written or (*at, "points") in self.touched):
            return None
        points = [PointSettings.model_validate(written[n]) for n in sound]
        try:
            return DeviceSettings.model_validate({**told, "point": points}), sound
        except ValidationError:
            return None  # its area or profile is wrong or missing: told already
