"""Which devices have a clock that can be wrong: the alarm `clock`, at the first of their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from device_profiles.schema import RECEIVED
from gateway.alarms.catalogue import SparseAlarm
from gateway.alarms.definitions import AlarmDefinition, Level
from gateway.model import Priority
from gateway.pipeline.plant import LATE_NS, SILENT_INTERVALS, Device
from gateway.pipeline.points import Points

CLOCK: Final = "clock"


def clock_alarms(devices: Sequence[Device]) -> SparseAlarm:
    """Return the alarm of all devices whose messages state a time."""
    points = [each.points[0] for each in devices if (each.time or each.profile.time) != RECEIVED]
    definition = AlarmDefinition(
        alarm="",
        tag="",
        rule=CLOCK,
        level=Level.FAULT,
        priority=Priority.MEDIUM,
        sounds=False,
        title_en="Device's clock is wrong",
        title_zh="设备时钟异常",
    )
    return SparseAlarm(definition, np.array(points, np.int32))


def patience_ns(points: Points, firsts: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return for how long a clock is wrong, or right, before that is told, ns.

    From then on data are late at all: three intervals of its device's slowest point, a minute at
    least.

    Parameters
    ----------
    firsts
        A point of each device.
    """
    intervals = np.zeros(len(points.device_ids), np.int64)
    np.maximum.at(intervals, points.device, points.interval_ns)
    found: npt.NDArray[np.int64] = np.maximum(
        LATE_NS, SILENT_INTERVALS * intervals[points.device[firsts]]
    )
    return found
