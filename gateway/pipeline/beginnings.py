"""Whether what a point's sensor is watched for can begin at all, and not of itself.

A height that no value of the point has, a time in which nothing can be told: such a watch stands in
the file, is counted upon, and is silent for ever. One that a healthy sensor sets off is no better.
Both are refused, with what the device measures and how often it reports, before they are relied on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from device_profiles.duration import format_duration
from device_profiles.toml_lines import Path
from gateway.pipeline.bound import Problem, Reporting
from gateway.pipeline.settings import (
    HealthSettings,
    SaturatedSettings,
    SpikeSettings,
    StuckSettings,
    ZeroSettings,
)

Span = tuple[float, float]
HEALTH: Final[Path] = ("health",)
#: Readings that a spike takes at least: one away, one back.
SPIKE: Final = 2


def senseless(
    health: HealthSettings | None,
    stuck: StuckSettings | None,
    *,
    span: Span | None,
    first_high: float | None,
    reporting: Reporting,
) -> Iterator[Problem]:
    """Yield what could never begin, or begins at a healthy sensor, each at its key.

    Parameters
    ----------
    health
        With what the profile states.
    span
        Lowest and highest value that is a measurement; None where the point has no range, and
        nothing that depends on it is judged.
    first_high
        The lowest high limit of the point, where it has one.
    """
    if stuck is not None:
        yield from _stuck(stuck, span, reporting)
    if health is None:
        return
    if span is not None:
        yield from _heights(health, span)
    if health.spikes is not None:
        yield from _spikes(health.spikes, reporting)
    if health.zero is not None and span is not None:
        yield from _zero(health.zero, span)
    if health.saturated is not None:
        yield from _saturated(health.saturated, span, first_high)


def told(span: Span) -> str:
    """Write down what a point measures."""
    return f"[{span[0]:g}, {span[1]:g}]"


def _heights(health: HealthSettings, span: Span) -> Iterator[Problem]:
    for name, key in (("spikes", "height"), ("noise", "height"), ("fall", "amount")):
        table = getattr(health, name)
        height = None if table is None else getattr(table, key)
        if height is not None and height >= span[1] - span[0]:
            text = (
                f"{height:g} is as high as all that the device measures, {told(span)}: it could "
                "never begin; write less, in the point's unit"
            )
            yield (*HEALTH, name, key), text


def _spikes(spikes: SpikeSettings, reporting: Reporting) -> Iterator[Problem]:
    at: Path = (*HEALTH, "spikes")
    interval, longest, within = reporting.interval_ns, spikes.longest, spikes.within
    often = f"the point reports every {format_duration(interval)}"
    if longest < interval:
        text = (
            f"{format_duration(longest)} is too short, {often}: no jump could be back so soon; "
            f"write {format_duration(interval)} or more"
        )
        yield (*at, "longest"), text
    if longest > within:
        text = (
            f"{format_duration(longest)} is longer than within = {format_duration(within)}; a "
            "spike is short against the time in which several are counted: exchange the two"
        )
        yield (*at, "longest"), text
    elif spikes.count * SPIKE * interval > within:
        text = (
            f"{spikes.count} spikes do not fit into within = {format_duration(within)}, {often} "
            f"and a spike takes {SPIKE} readings: take fewer, or a longer time"
        )
        yield (*at, "count"), text


def _zero(zero: ZeroSettings, span: Span) -> Iterator[Problem]:
    at: Path = (*HEALTH, "zero")
    tolerance = zero.tolerance
    if tolerance is None:
        return  # told on its own
    if zero.above_for is not None and tolerance >= span[1]:
        text = (
            f"{tolerance:g} is as high as all that the device measures, {told(span)}: zero_above "
            "could never begin; write less, in the point's unit"
        )
        yield (*at, "tolerance"), text
    elif zero.below_for is not None and span[0] >= -tolerance:
        text = (
            f"no reading lies below -{tolerance:g}, the device measures {told(span)}: zero_below "
            "could never begin; where it reports values below zero let range reach below "
            f"-{tolerance:g}, else remove below_for: a reading below the range is a fault at once"
        )
        yield (*at, "below_for"), text


def _saturated(
    saturated: SaturatedSettings, span: Span | None, first_high: float | None
) -> Iterator[Problem]:
    at: Path = (*HEALTH, "saturated", "at")
    if saturated.at is None:
        return  # told on its own
    if span is not None and saturated.at <= span[0]:
        text = (
            f"{saturated.at:g} is the lowest that the device measures, {told(span)}: every value "
            "would be saturated; write the upper end of what the sensor can tell"
        )
        yield at, text
    elif span is not None and saturated.at > span[1]:
        text = (
            f"{saturated.at:g} is outside what the device measures, {told(span)}: it could never "
            "begin; write the upper end of what the sensor can tell"
        )
        yield at, text
    elif first_high is not None and saturated.at <= first_high:
        text = (
            f"{saturated.at:g} is not above the high limit {first_high:g}: a value there is an "
            "alarm of the plant, or the sensor cannot tell it; move it up, or the limit down"
        )
        yield at, text


def _stuck(stuck: StuckSettings, span: Span | None, reporting: Reporting) -> Iterator[Problem]:
    if stuck.after < reporting.pause_ns:
        pause = format_duration(reporting.pause_ns)
        text = (
            f"{format_duration(stuck.after)} is shorter than {pause}, in which a healthy device "
            "may say nothing new: any two equal readings would be stuck; write several of these"
        )
        yield ("stuck", "after"), text
    if span is not None and stuck.zero_band >= max(abs(end) for end in span):
        text = (
            f"{stuck.zero_band:g} holds all that the device measures, {told(span)}: nothing could "
            "ever be stuck; write the half-width about zero within which clean air reads"
        )
        yield ("stuck", "zero_band"), text
