"""Whether the level alarms of a point can ever return, given what the device can mean.

A deadband holds an alarm until the value is well inside its limit. Where "well inside" is a value
that the device never gives, or one at which the opposite limit alarms, the alarm stands for ever,
and a person who has seen it stand for a week no longer looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from device_profiles.toml_lines import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelAlarm:
    """A level alarm as its point has it; `at` is the key that sets its limit."""

    at: Path
    name: str
    limit: float
    high: bool
    deadband: float
    #: The limit itself is still inside.
    strict: bool = False
    #: The key of the deadband, where the site chose it.
    deadband_at: Path | None = None

    @property
    def returns_at(self) -> float:
        """The value inside of which it ends."""
        return self.limit - self.deadband if self.high else self.limit + self.deadband

    def __str__(self) -> str:
        side = "below" if self.high else "above"
        within = f" with deadband = {self.deadband:g}" if self.deadband else ""
        return f"{self.name} = {self.limit:g}{within} returns only {side} {self.returns_at:g}"


def never_returning(
    alarms: Sequence[LevelAlarm], span: tuple[float, float] | None
) -> Iterator[tuple[Path, str]]:
    """Yield the alarms that could never return, one problem for each key to be mended.

    Parameters
    ----------
    alarms
        Level alarms of one point.
    span
        Lowest and highest value that the device can mean, in the point's unit; None where the
        point has no range.
    """
    told: set[Path] = set()
    for alarm in alarms:
        if span is not None and not span[0] <= alarm.limit <= span[1]:
            continue  # told on its own: it could never alarm
        key = alarm.deadband_at if alarm.deadband and alarm.deadband_at else alarm.at
        reason = _beyond(alarm, span)
        if reason is None:
            across = [other for other in alarms if other.high != alarm.high]
            nearest = min(across, key=lambda other: _room(alarm, other), default=None)
            if nearest is None or alarm.deadband < _room(alarm, nearest):
                continue
            reason = f"where {nearest.name} = {nearest.limit:g} alarms"
            # Of a pack's deadband the site is no master: it moves its own limit instead.
            key = key if alarm.deadband_at else nearest.at
        if key not in told:
            told.add(key)
            step = "make the deadband smaller" if key == alarm.deadband_at else "move the limit"
            yield key, f"{alarm}, {reason}: it could never return; {step}"


def _beyond(alarm: LevelAlarm, span: tuple[float, float] | None) -> str | None:
    """Say that the device never means a value at which the alarm ends."""
    if span is None or (alarm.strict and not alarm.deadband):
        return None
    low, high = span
    if alarm.returns_at > low if alarm.high else alarm.returns_at < high:
        return None
    return f"and the device measures [{low:g}, {high:g}]"


def _room(alarm: LevelAlarm, other: LevelAlarm) -> float:
    """Return the width of the band from the alarm's limit to the opposite one."""
    return alarm.limit - other.limit if alarm.high else other.limit - alarm.limit
