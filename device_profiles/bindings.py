"""Which channels of a profile a device's points use, in which order, and what the points override.

Decoding and composing share what is resolved here, so that the two cannot disagree about where a
channel stands or how it is scaled.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from device_profiles.loop import Loop, Signal, over
from device_profiles.pointer import Steps, compile_pointer
from device_profiles.schema import RECEIVED, Channel, Profile, Said

#: Between a range and what its scale makes of 4 and 20 mA, as a share of it: a converted range has
#: room for the last digit of a product (1e-12).
_ROUNDING = 1e-9


class BindingError(ValueError):
    """Points do not fit their profile; `problems` holds one text for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBinding:
    """A channel that a point takes, and what the point states instead of the profile.

    Parameters
    ----------
    channel
        Name in the profile; any name where the profile is open.
    pointer
        Where the number stands; required by an open JSON profile.
    scale, offset
        Raw to unit of the point: ``raw * scale + offset``. Who changes these changes the unit, so
        `low` and `high` must then be given too.
    low, high
        Valid range in the point's unit, both ends valid; given together. Of a current: what 4 and
        20 mA stand for, from which scale and offset follow.
    """

    channel: str
    pointer: str | None = None
    scale: float | None = None
    offset: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Saying:
    """Where a device says something of a number, and the values by which it does.

    `values` are pairs of (is a boolean, value), since in Python True equals 1.
    """

    steps: Steps
    values: frozenset[tuple[bool, str | int | float]]

    def holds(self, found: object) -> bool:
        """Return whether what stands there is one of the values."""
        plain = isinstance(found, str | int | float)
        return plain and (isinstance(found, bool), found) in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A binding with nothing left open: what one channel of a plan does to one raw number.

    Without a range `low` and `high` are the largest doubles, so that infinity is never within. At
    `failed_low` and below it, at `failed_high` and above it, the number itself says that the device
    failed; infinite where no number does. `fault` and `warming` hold where the device says that the
    channel is faulty or warms up, `unit` where it says in which unit it reports.
    """

    channel: str
    steps: Steps
    scale: float
    offset: float
    low: float
    high: float
    failed_low: float
    failed_high: float
    sentinels: frozenset[float]
    text: bool
    fault: Saying | None
    warming: Saying | None
    unit: Saying | None


def resolve_time(profile: Profile, time: str | None) -> Steps | None:
    """Return where the source time stands, or None where the received time is the source time.

    Parameters
    ----------
    profile
        The device type.
    time
        What the device states instead: a pointer, "received", or None for the profile's own.

    Raises
    ------
    BindingError
        Not a pointer, or a pointer into a payload that is one number.
    """
    source = profile.time if time is None else time
    if source == RECEIVED:
        return None
    if profile.payload == "number":
        raise BindingError([f'time = {source!r}: a number carries no time; write "received"'])
    try:
        return compile_pointer(source)
    except ValueError as error:
        raise BindingError([f"time: {error}"]) from error


def resolve_bindings(profile: Profile, bindings: Sequence[ChannelBinding]) -> tuple[Bound, ...]:
    """Return each binding completed from the profile, in the same order.

    Raises
    ------
    BindingError
        Naming every binding that does not fit, and what would.
    """
    problems: list[str] = []
    resolved = []
    for binding in bindings:
        found = _misfits(profile, binding)
        problems += [f"channel {binding.channel!r}: {text}" for text in found]
        if not found:
            resolved.append(_complete(profile, binding))
    if profile.payload == "number" and len(bindings) > 1:
        problems.append(f"{profile.id} is one number; bind one channel, not {len(bindings)}")
    if problems:
        raise BindingError(problems)
    return tuple(resolved)


def _misfits(profile: Profile, binding: ChannelBinding) -> list[str]:
    if profile.channel and binding.channel not in profile.channel:
        return [f"not in {profile.id}; it has {', '.join(sorted(profile.channel))}"]
    problems = []
    if profile.payload == "number":
        if binding.pointer is not None:
            problems.append("the whole payload is the number; remove the pointer")
    elif binding.pointer is not None:
        try:
            compile_pointer(binding.pointer)
        except ValueError as error:
            problems.append(str(error))
    elif not profile.channel:
        problems.append(f'{profile.id} needs a pointer, as in "/{binding.channel}"')
    return problems + _number_misfits(profile, binding)


def _number_misfits(profile: Profile, binding: ChannelBinding) -> list[str]:
    problems = []
    given = (binding.scale, binding.offset, binding.low, binding.high)
    if not all(number is None or math.isfinite(number) for number in given):
        problems.append("scale, offset, low and high must be finite numbers")
    if binding.scale == 0:
        problems.append("scale = 0 makes every reading the same; use another number")
    if (binding.low is None) != (binding.high is None):
        problems.append("low and high go together; give both or none")
    elif binding.low is not None and binding.high is not None and binding.low >= binding.high:
        problems.append(f"range {binding.low:g} to {binding.high:g} is empty; need low < high")
    rescaled = binding.scale is not None or binding.offset is not None
    if profile.channel and rescaled and binding.low is None:
        problems.append("another scale is another unit; give low and high in it too")
    if not problems and _signal(profile, binding) is not None:
        return _current_misfits(profile, binding)
    return problems


def _current_misfits(profile: Profile, binding: ChannelBinding) -> list[str]:
    if binding.low is None or binding.high is None:
        told = binding.channel in profile.channel
        return [] if told else ["a current needs a range: what 4 and 20 mA stand for"]
    span = over(binding.low, binding.high)
    if span.blurred:
        return ["range is too fine for its size: no double tells the currents apart in it"]
    loop = _loop(profile, binding)
    stated, meant = (loop.value(4.0), loop.value(20.0)), (binding.low, binding.high)
    room = _ROUNDING * (binding.high - binding.low)
    if any(abs(a - b) > room for a, b in zip(stated, meant, strict=True)):
        by_scale, by_range = (f"{low:g} and {high:g}" for low, high in (stated, meant))
        text = f"4 and 20 mA are {by_scale} by its scale, {by_range} by its range"
        return [f"{text}; state the range alone, without scale, offset or convert"]
    return []


def _signal(profile: Profile, binding: ChannelBinding) -> Signal | None:
    channel = profile.channel.get(binding.channel)
    return profile.signal if channel is None else channel.signal


def _loop(profile: Profile, binding: ChannelBinding) -> Loop:
    """Return what a current means to a binding that fits: its own scale, else that of its range."""
    if binding.low is not None and binding.high is not None:
        span = over(binding.low, binding.high)
    else:
        span = over(*profile.channel[binding.channel].range)
    return Loop(
        span.scale if binding.scale is None else float(binding.scale),
        span.offset if binding.offset is None else float(binding.offset),
    )


def _complete(profile: Profile, binding: ChannelBinding) -> Bound:
    channel = profile.channel.get(binding.channel)
    pointer = binding.pointer
    scale, offset, low, high = 1.0, 0.0, -sys.float_info.max, sys.float_info.max
    failed_low, failed_high = -math.inf, math.inf
    if channel is not None:
        pointer = pointer if pointer is not None else channel.pointer
        scale, offset = channel.line
        low, high = channel.range
    scale = scale if binding.scale is None else float(binding.scale)
    offset = offset if binding.offset is None else float(binding.offset)
    low = low if binding.low is None else float(binding.low)
    high = high if binding.high is None else float(binding.high)
    if _signal(profile, binding) is not None:
        loop = _loop(profile, binding)
        scale, offset = loop.scale, loop.offset
        low, high = loop.measured
        failed_low, failed_high = loop.failed
    return Bound(
        channel=binding.channel,
        steps=compile_pointer(pointer or ""),
        scale=scale,
        offset=offset,
        low=low,
        high=high,
        failed_low=failed_low,
        failed_high=failed_high,
        sentinels=frozenset() if channel is None else frozenset(channel.sentinels),
        text=channel is not None and channel.text,
        fault=_saying(channel, "fault"),
        warming=_saying(channel, "warm_up"),
        unit=_saying(channel, "unit"),
    )


def _saying(channel: Channel | None, what: str) -> Saying | None:
    pointer = None if channel is None else getattr(channel, f"{what}_pointer")
    if pointer is None:
        return None
    values: tuple[Said, ...] = getattr(channel, f"{what}_values")
    return Saying(
        compile_pointer(pointer), frozenset((isinstance(each, bool), each) for each in values)
    )
