"""What instruments can be compared, and what a comparison of them can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Final

from detectors.deviation import DeviationParams
from detectors.vote import MemberFacts
from device_profiles.toml_lines import Path
from device_profiles.units import NEEDS
from gateway.pipeline.bound import Problem
from gateway.pipeline.derived_settings import DerivedSettings
from gateway.pipeline.points import PointKind

Span = tuple[float, float] | None
#: Ways that only compare: what they yield is nothing that anybody keeps a record of.
COMPARED: Final = ("vote", "spread", "deviation")


def no_points(
    at: Path, settings: DerivedSettings, known: Callable[[str], bool]
) -> Iterator[Problem]:
    """Yield the members that no device reports."""
    for tag in settings.members:
        if not known(tag):
            text = f"{tag!r} is no point that a device reports; a derived point comes from those"
            yield (*at, settings.way), text


def widest(members: Sequence[MemberFacts]) -> Span:
    """Return the least and the greatest spread, None where a member states no range."""
    lows = [each.low for each in members if each.low is not None]
    highs = [each.high for each in members if each.high is not None]
    if not len(lows) == len(highs) == len(members):
        return None
    return 0.0, max(highs) - min(lows)


def farthest(params: DeviationParams, point: MemberFacts, other: MemberFacts) -> Span:
    """Return within what a deviation lies, None where that is not known.

    A set-point is a value of the other point or, on a curve, of its knots. In per cent it is above
    zero; where it may come near to that the deviation has no end.
    """
    if point.low is None or point.high is None or other.low is None or other.high is None:
        return None
    aims = [aim for _, aim in params.curve] or [other.low, other.high]
    least, most = min(aims), max(aims)
    if not params.percent:
        return point.low - most, point.high - least
    if most <= 0.0:
        return None
    return 100.0 * (_least(point.low, least, most) - 1), -100.0 * (
        _least(-point.high, least, most) + 1
    )


def _least(value: float, least: float, most: float) -> float:
    """Return the least of ``value / aim`` for an aim above zero within these."""
    if value >= 0.0:
        return value / most
    return value / least if least > 0.0 else -inf


def wrong_side(at: Path, settings: DerivedSettings, *, high: bool) -> Iterator[Problem]:
    """Yield the limits that a vote for the other side cannot serve once a member is lost."""
    if settings.limits is None:
        return
    for name, _ in settings.limits.levels():
        if name.startswith("h") != high:
            side, other = ("high", "low") if high else ("low", "high")
            text = f'this vote is for {side} limits; write a second one with side = "{other}"'
            yield (*at, "limits", name), text


def telling_nothing(at: Path, settings: DerivedSettings) -> Iterator[Problem]:
    """Yield that a comparison is made and nothing is asked of it."""
    if settings.way not in COMPARED or settings.rules or settings.rate is not None:
        return
    if settings.limits is None or not list(settings.limits.levels()):
        text = f"this {settings.way} has no limits and would raise no alarm; add limits or rules"
        yield (*at, settings.way), text


def never_reached(at: Path, settings: DerivedSettings, reach: Span) -> Iterator[Problem]:
    """Yield the limits that a deviation never reaches, given what its members measure."""
    if settings.limits is None or reach is None:
        return
    for name, level in settings.limits.levels():
        if not reach[0] <= level.limit <= reach[1]:
            text = (
                f"{name} = {level.limit:g} is never reached: with what its members measure a "
                f"deviation lies within [{reach[0]:g}, {reach[1]:g}]; take another limit"
            )
            yield (*at, "limits", name), text


def member_facts(tag: str, quantity: str, kind: PointKind) -> MemberFacts:
    """Return what decides with which others a point can be compared."""
    return MemberFacts(
        tag=tag,
        quantity=quantity,
        unit=kind.unit,
        low=kind.low,
        high=kind.high,
        hazard=kind.hazard,
        basis=_basis(kind),
    )


def _basis(kind: PointKind) -> str:
    """Return what a unit that must be told more rests on at a point, as its conversion says it.

    A ppm is a ppm; 20 %LEL of methane are 1 %vol, of propane 0.34 or 0.42 %vol.
    """
    if not NEEDS.get(kind.unit):
        return ""
    _, _, stated = kind.conversion.partition(" (")
    return stated.removesuffix(")") or "the device's own"
