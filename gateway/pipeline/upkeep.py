"""When the sensors of a site were last calibrated and tested with gas, and until when that holds.

How often is never a default of this program: a profile states the longest time between two
calibrations as its data sheet has it, a site may state a shorter one, and how often it tests with
gas is its own. A point that must be calibrated and whose file says no date was, for all anyone
knows, never calibrated: its alarm stands until the file says one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from device_profiles.duration import format_duration
from device_profiles.schema import Channel, Profile
from gateway.alarms.catalogue import SparseAlarm
from gateway.alarms.definitions import AlarmDefinition, Level
from gateway.model import Priority
from gateway.pipeline.bound import Problem
from gateway.pipeline.settings import DeviceSettings, PointSettings

CALIBRATION: Final = "calibration_overdue"
GAS_TEST: Final = "gas_test_overdue"
TITLES: Final = {
    CALIBRATION: ("Calibration is overdue", "校准逾期"),
    GAS_TEST: ("Gas test is overdue", "通气测试逾期"),
}
#: When what was never done fell due.
NEVER_DONE: Final = 0
#: No instant lies behind it: what falls due later does so then, in 2262.
LATEST: Final = int(np.iinfo(np.int64).max)
#: A date without a time is a day of some zone.
DAY_NS: Final = 86_400_000_000_000


class Due(NamedTuple):
    """What falls due at a point: of which rule, and when, ns since 1970."""

    rule: str
    at_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Deadlines:
    """When the points that have an alarm fall due: both arrays have shape (n,).

    Parameters
    ----------
    points
        Dense indices, ascending, int32.
    at_ns
        int64.
    """

    rule: str
    points: npt.NDArray[np.int32]
    at_ns: npt.NDArray[np.int64]

    @property
    def alarm(self) -> SparseAlarm:
        """The alarm of these points."""
        english, chinese = TITLES[self.rule]
        definition = AlarmDefinition(
            alarm="",
            tag="",
            rule=self.rule,
            level=Level.FAULT,
            priority=Priority.LOW,
            sounds=False,
            title_en=english,
            title_zh=chinese,
        )
        return SparseAlarm(definition, self.points)


def due_at(profile: Profile, point: PointSettings) -> Iterator[Due]:
    """Yield what falls due at a point, and when."""
    for rule, every, done in (
        (CALIBRATION, _between(profile, point), point.calibrated),
        (GAS_TEST, point.gas_test, point.gas_tested),
    ):
        if every is not None:
            yield Due(rule, NEVER_DONE if done is None else min(done + every, LATEST))


def undue(profile: Profile, point: PointSettings) -> Iterator[Problem]:
    """Yield the dates that lead to nothing, since nobody says how often."""
    if point.calibrated is not None and _between(profile, point) is None:
        text = f'{profile.id} does not say how often; write it, as in calibration = "180d"'
        yield ("calibrated",), text
    if point.gas_tested is not None and point.gas_test is None:
        yield ("gas_tested",), 'nothing says how often; write it, as in gas_test = "30d"'


def too_rare(channel: Channel | None, settings: PointSettings, *, device: str) -> Iterator[Problem]:
    """Yield that a site would calibrate less often than the sensor needs."""
    longest = None if channel is None else channel.calibration
    own = settings.calibration
    if longest is not None and own is not None and own > longest:
        stated = f"{format_duration(longest)}, which {device} states"
        text = f"{format_duration(own)} is longer than {stated}; calibrate no less often than that"
        yield ("calibration",), text


def ahead(devices: Sequence[DeviceSettings], now_ns: int) -> Iterator[Problem]:
    """Yield the dates that have not come yet: a mistyped year would put an alarm off for ever."""
    for number, device in enumerate(devices):
        for index, point in enumerate(device.point):
            for key in ("calibrated", "gas_tested"):
                done = getattr(point, key)
                if done is not None and done > now_ns + DAY_NS:
                    text = "lies in the future; write the day on which it was last done"
                    yield ("device", number, "point", index, key), text


def deadlines(due: Iterable[tuple[int, Due]]) -> tuple[Deadlines, ...]:
    """Return what falls due at which points, by rule; points are given in ascending order."""
    found: dict[str, list[tuple[int, int]]] = {CALIBRATION: [], GAS_TEST: []}
    for point, (rule, at_ns) in due:
        found[rule].append((point, at_ns))
    return tuple(
        Deadlines(
            rule,
            np.array([point for point, _ in each], np.int32),
            np.array([at_ns for _, at_ns in each], np.int64),
        )
        for rule, each in found.items()
        if each
    )


def _between(profile: Profile, point: PointSettings) -> int | None:
    channel = profile.channel.get(point.channel)
    return point.calibration or (channel.calibration if channel else None)
