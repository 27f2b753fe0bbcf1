"""Runs the examples that stand in the profiles: each shows a payload and what must come of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from device_profiles.bindings import BindingError, ChannelBinding
from device_profiles.decode import Decoded, DecodeError, compile_plan
from device_profiles.instant import to_nanoseconds
from device_profiles.quality import Quality
from device_profiles.schema import Example, Profile

#: Decimal fractions in an example against binary ones in the decoder.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class VectorResult:
    """What came of one example; it passed where `problems` is empty.

    Parameters
    ----------
    profile
        Id of the profile.
    number
        Place of the example in its file, from 1.
    problems
        Each difference: what was expected and what came.
    """

    profile: str
    number: int
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return not self.problems


def run_vectors(profiles: Iterable[Profile]) -> list[VectorResult]:
    """Return the outcome of every example of `profiles`, in their order; never raise for one."""
    return [
        VectorResult(profile.id, number, tuple(_differences(profile, example)))
        for profile in profiles
        for number, example in enumerate(profile.example, start=1)
    ]


def summary(results: Iterable[VectorResult]) -> dict[str, int]:
    """Return the counts ``profiles``, ``vectors`` and ``failed``."""
    told = list(results)
    return {
        "profiles": len({result.profile for result in told}),
        "vectors": len(told),
        "failed": sum(not result.passed for result in told),
    }


def _differences(profile: Profile, example: Example) -> list[str]:
    names = tuple(profile.channel or example.pointers or example.channels)
    bindings = [_binding(example, name) for name in names]
    try:
        plan = compile_plan(profile, channels=bindings, time=example.time_pointer)
        decoded = plan.decode(example.payload.encode())
    except BindingError as error:
        return list(error.problems)
    except DecodeError as error:
        if example.error is None:
            return [f"expected readings, got an error: {error.reason}"]
        if example.error in error.reason:
            return []
        return [f"expected an error with {example.error!r}, got: {error.reason}"]
    if example.error is not None:
        return [f"expected an error with {example.error!r}, got readings {decoded.values}"]
    problems = _channel_differences(example, names, decoded) + _time_differences(example, decoded)
    if decoded.time_quality == Quality.TIME_IMPLAUSIBLE and profile.utc_offset is None:
        zoned = profile.model_copy(update={"utc_offset": "+00:00"})
        plan = compile_plan(zoned, channels=bindings, time=example.time_pointer)
        if plan.decode(example.payload.encode()).time_quality == Quality.GOOD:
            hint = 'it is written without a zone; add utc_offset = "+08:00", or whose it is'
            problems = [f"{p}; {hint}" if p.startswith("time: ") else p for p in problems]
    return problems


def _binding(example: Example, name: str) -> ChannelBinding:
    low, high = example.ranges.get(name, (None, None))
    return ChannelBinding(channel=name, pointer=example.pointers.get(name), low=low, high=high)


def _channel_differences(example: Example, names: tuple[str, ...], decoded: Decoded) -> list[str]:
    problems = []
    for name, value, code in zip(names, decoded.values, decoded.qualities, strict=True):
        quality = example.quality.get(name, Quality.GOOD.name)
        if Quality(code).name != quality:
            problems.append(f"{name}: expected quality {quality}, got {Quality(code).name}")
        expected = example.expect.get(name, math.nan)
        if not math.isnan(expected) and not math.isclose(
            value, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE
        ):
            problems.append(f"{name}: expected {expected!r}, got {value!r}")
    return problems


def _time_differences(example: Example, decoded: Decoded) -> list[str]:
    problems = []
    quality = example.time_quality or Quality.GOOD.name
    if decoded.time_quality.name != quality:
        problems.append(f"time: expected quality {quality}, got {decoded.time_quality.name}")
    if example.time is not None:
        expected = to_nanoseconds(example.time, "auto")
        if expected is None or expected != decoded.time_ns:
            problems.append(f"time: expected {example.time!r} = {expected}, got {decoded.time_ns}")
    return problems
