"""Which devices have a clock that can be wrong: the alarm `clock`, at the first of their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from device_profiles.schema import RECEIVED
from gateway.alarms.catalogue import AlarmDefinition, Level, SparseAlarm
from gateway.model import Priority
from gateway.pipeline.plant import Device

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
