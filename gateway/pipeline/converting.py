"""From the unit in which a device reports to the one that a point's rules print.

Limits are never converted: the conversion is folded into the channel's scale, and its range and
noise floor with it, as if the device's profile had the point's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from device_profiles.bindings import ChannelBinding
from device_profiles.hazards import RuleSet
from device_profiles.schema import Channel
from device_profiles.toml_lines import Path
from device_profiles.units import Conversion, how_to_convert
from gateway.pipeline.settings import PointSettings

#: Room at both ends of a converted range, as a share of it: the last digit of a product is no
#: reading out of range.
ROOM: Final = 1e-12


def conversion_of(
    settings: PointSettings, channel: Channel | None, *, device: str
) -> tuple[Conversion | None, list[tuple[Path, str]]]:
    """Return the conversion that a point asks for, or None and why there is none.

    Parameters
    ----------
    settings
        The point.
    channel
        What the device's profile states of it; None where it states nothing.
    device
        The profile's name.

    Returns
    -------
    tuple
        No conversion and no problem where the point asks for none.
    """
    asked = settings.convert
    unit = settings.unit or (channel.unit if channel else None)
    if asked is None or unit is None:
        return None, []
    problems: list[tuple[Path, str]] = []
    if settings.scale is not None or settings.offset is not None:
        text = "stands beside scale or offset, which it sets itself; keep one of them"
        problems.append((("convert",), text))
    if channel is not None and asked.source != channel.unit:
        text = f"{asked.source!r} is not {channel.unit!r}, in which {device} reports; write that"
        problems.append((("convert", "from"), text))
    else:
        found = Conversion(target=unit, **asked.model_dump())
        for key, text in found.problems():
            at: Path = ("convert", key) if key else ("convert",)
            problems.append((("unit",) if key == "unit" else at, text))
    return (None, problems) if problems else (found, [])


def unit_hint(settings: PointSettings, reported: str, wanted: str) -> str:
    """Say what a site does so that a point is in another unit than the device reports.

    Parameters
    ----------
    reported
        The unit of the point without a conversion of its own.
    """
    reported = reported if settings.convert is None else settings.convert.source
    if reported == wanted:
        return "remove convert"
    how = how_to_convert(reported, wanted)
    scaled = settings.scale is not None or settings.offset is not None
    return "fold the conversion into scale, with range" if how is None or scaled else f"add {how}"


def unit_problem(
    settings: PointSettings, reported: str, unit: str, *, device: str, packs: Mapping[str, RuleSet]
) -> str:
    """Say what is wrong with a unit that a device does not report in, and what to write."""
    told = f"{unit!r} is not {reported!r}, in which {device} reports; write that unit"
    asked = (packs[name] for name in settings.rules if name in packs)
    twins = (_printed_in(reported, each, packs) for each in asked)
    twin = next((each for each in twins if each is not None), None)
    if twin is not None:
        return f"{told}, and take {twin.id}, which prints its limits in it"
    return f"{told}, or {unit_hint(settings, reported, unit)}"


def pack_problem(
    settings: PointSettings, rule_set: RuleSet, *, unit: str, packs: Mapping[str, RuleSet]
) -> str | None:
    """Say why a point in this unit cannot take a rule set, None where it can.

    A standard that prints its limits in two units rounded one of them, at a temperature of its own:
    of such a pair a point takes the one in the unit of its device, and converts nothing.
    """
    name, printed = rule_set.id, rule_set.unit
    asked = settings.convert
    twin = _printed_in(unit if asked is None else asked.source, rule_set, packs)
    if printed == unit and (asked is None or twin is None):
        return None
    told = f"{name} prints its limits in {printed}, the point is in {unit}"
    if twin is None:
        return f'{told}; write unit = "{printed}" and {unit_hint(settings, unit, printed)}'
    if asked is None:
        return f"{told}; take {twin.id}, which prints them in {twin.unit}"
    return (
        f"{name} and {twin.id} print the same limits in {printed} and {twin.unit}, and what is "
        f'printed is not recomputed; take {twin.id} with unit = "{twin.unit}", without convert'
    )


def _printed_in(unit: str, rule_set: RuleSet, packs: Mapping[str, RuleSet]) -> RuleSet | None:
    """Return the rule set that prints the same clauses' limits in another unit."""
    if rule_set.unit == unit:
        return None
    clauses = _clauses(rule_set)
    found = (each for each in packs.values() if each.unit == unit and _clauses(each) == clauses)
    return next(found, None)


def _clauses(rule_set: RuleSet) -> tuple[object, ...]:
    levels = [(each.level, each.standard, each.clause) for each in rule_set.level]
    return (rule_set.hazard, rule_set.quantity, *levels)


def converted_binding(
    binding: ChannelBinding, settings: PointSettings, channels: Mapping[str, Channel]
) -> ChannelBinding:
    """Return a binding that converts, where its point asks for it."""
    if settings.convert is None:
        return binding
    channel = channels.get(settings.channel)
    conversion, _ = conversion_of(settings, channel, device="")
    if conversion is None:
        # What speaks against it is told by the point; what it sets itself is not judged beside it.
        return replace(binding, scale=None, offset=None)
    if channel is None:
        return replace(binding, scale=conversion.factor, offset=0.0)
    folded = conversion.fold(channel)
    low, high = folded.range
    room = ROOM * (high - low)
    if settings.range is not None:
        low, high, room = *settings.range, 0.0
    return replace(
        binding, scale=folded.scale, offset=folded.offset, low=low - room, high=high + room
    )
