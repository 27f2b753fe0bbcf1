"""What tells that a sensor, not the plant, is in trouble: alarms of a class of their own.

Every point has ``fault`` (a reading without a usable value, with the first one) and, where its
range is stated, ``over_range``: a value beyond the end of the scale is beyond every limit on it, so
it sounds where the point has a high limit. A catalytic cell that was flooded may read anything
afterwards (IEC 60079-29-1 asks for a latched indication): there it waits for a reset. The rest is
watched where the site file or the profile states the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from detectors import reason
from detectors.drift import WATCHED, DriftParams
from detectors.fall import FallParams
from detectors.limit import LimitParams
from detectors.noise import NoiseParams
from detectors.reason import ReasonParams
from detectors.rules import Params, Rule
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from device_profiles.schema import Channel
from gateway.alarms.definitions import Level
from gateway.model import Priority
from gateway.pipeline.bound import Reporting
from gateway.pipeline.plant import SECOND
from gateway.pipeline.settings import HealthSettings, StuckSettings

CATALYTIC: Final = "catalytic"
#: Reasons on which a reading has no usable value. What says nothing of a point is no fault.
FAULTS: Final = (reason.FAULT, reason.BELOW)


class Watch(NamedTuple):
    """A rule that watches beside the limits: its name, the rule, and what its definition states."""

    name: str
    rule: Rule
    fields: dict[str, Any]


def levels(settings: HealthSettings | None) -> Iterator[Watch]:
    """Yield what a fixed limit with a long on-delay tells: a zero that is up, a saturated value."""
    if settings is None:
        return
    zero, saturated = settings.zero, settings.saturated
    if zero is not None and zero.tolerance is not None and zero.above_for is not None:
        yield watch(
            "zero_above",
            LimitParams(zero.tolerance, high=True, strict=True),
            ("Zero has drifted up", "零点正漂移"),
            priority=zero.priority,
            limit=zero.tolerance,
            on_delay=zero.above_for,
        )
    if saturated is not None and saturated.at is not None:
        yield watch(
            "saturated",
            LimitParams(saturated.at, high=True),
            ("Saturated: hangs at the end of what it can tell", "读数饱和"),
            priority=saturated.priority,
            limit=saturated.at,
            on_delay=saturated.after,
        )


def reasons(
    channel: Channel | None, *, ranged: bool, high: bool, silence_ns: int
) -> Iterator[Watch]:
    """Yield what readings without a usable value tell, by why they have none.

    Parameters
    ----------
    channel
        Of the profile, where it has one.
    ranged, high
        Whether the point's range is stated, and whether it has a high limit.
    silence_ns
        For so long a sensor must be well before a fault is over.
    """
    yield watch(
        "fault",
        ReasonParams(FAULTS),
        ("Sensor fault", "传感器故障"),
        priority=Priority.MEDIUM,
        off_delay=silence_ns,
    )
    if ranged:
        yield watch(
            "over_range",
            ReasonParams((reason.ABOVE,)),
            ("Beyond the range", "超量程"),
            priority=Priority.HIGH,
            sounds=high,
            latch=channel is not None and channel.principle == CATALYTIC,
        )
    if channel is not None and channel.warm_up:
        yield watch(
            "warm_up",
            ReasonParams((reason.WARMING,)),
            ("Warms up for too long", "预热超时"),
            priority=Priority.MEDIUM,
            on_delay=channel.warm_up,
        )


def behaviour(
    settings: HealthSettings | None,
    stuck: StuckSettings | None,
    facts: Channel | None,
    *,
    reporting: Reporting,
) -> Iterator[Watch]:
    """Yield what how a value moves tells: that it does not, spikes, noise, a fall, a drift.

    Parameters
    ----------
    facts
        What the profile states of the channel, in the point's unit.
    """
    floor = None if facts is None else facts.noise_floor
    if stuck is not None and floor is not None:
        yield watch(
            "stuck",
            StuckParams(floor, stuck.after / SECOND, zero_band=stuck.zero_band),
            ("Value does not move", "数值不变化"),
            priority=Priority.MEDIUM,
            level=Level.STUCK,
        )
    if settings is None:
        return
    spikes, noise, fall, zero = settings.spikes, settings.noise, settings.fall, settings.zero
    if spikes is not None and spikes.height is not None:
        yield watch(
            "spikes",
            SpikeParams(
                spikes.height, spikes.longest / SECOND, spikes.count, spikes.within / SECOND
            ),
            ("Jumps, and is soon back, too often", "读数毛刺频繁"),
            priority=spikes.priority,
        )
    if noise is not None and noise.height is not None:
        yield watch(
            "noise",
            NoiseParams(noise.height, noise.readings),
            ("Noise has risen", "噪声增大"),
            priority=noise.priority,
        )
    if fall is not None:
        yield watch(
            "fall",
            FallParams(fall.amount, fall.tau / SECOND, fall.hold / SECOND, deadband=fall.deadband),
            ("Below what is usual for it", "低于平常值"),
            priority=fall.priority,
        )
    if zero is not None and zero.tolerance is not None and zero.below_for is not None:
        yield watch(
            "zero_below",
            drift(zero.tolerance, zero.below_for, reporting),
            ("Zero has drifted down", "零点负漂移"),
            priority=zero.priority,
            limit=-zero.tolerance,
        )


def drift(tolerance: float, within_ns: int, reporting: Reporting) -> DriftParams:
    """Return what tells a drift within so long, or within six intervals where that is longer."""
    interval = reporting.interval_ns / SECOND
    tau = max(within_ns / SECOND / WATCHED, 3.0 * interval)
    gap = max(10.0 * interval, 3.0 * reporting.pause_ns / SECOND, 6.0 * tau)
    return DriftParams(tolerance, tau, gap)


def watch(
    name: str,
    params: Params,
    title: tuple[str, str],
    *,
    priority: Priority,
    on_delay: int = 0,
    off_delay: int = 0,
    **fields: Any,
) -> Watch:
    """Return an alarm that sounds no siren, of a sensor's fault unless `fields` say otherwise.

    Parameters
    ----------
    title
        In English and in Chinese.
    """
    english, chinese = title
    stated = {"level": Level.FAULT, "sounds": False, "priority": priority, **fields}
    return Watch(
        name,
        Rule(params, on_delay=on_delay, off_delay=off_delay),
        {**stated, "title_en": english, "title_zh": chinese},
    )
