"""Which oxygen point stands beside a catalytic sensor, and what tells that it has too little.

A profile states `min_oxygen` where its sensor needs oxygen to read true. The oxygen point of the
same device is then its companion; a site names another one, or says that there is none. A sensor
that nobody says this of is refused: whoever installs it decides, not a default.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Final

from detectors.companion import Ward
from detectors.reason import LOW_OXYGEN, OXYGEN_UNKNOWN, ReasonParams
from detectors.rules import Rule
from device_profiles.duration import format_duration
from device_profiles.schema import Channel, Profile
from device_profiles.toml_lines import Path
from gateway.alarms.definitions import Level
from gateway.model import Priority
from gateway.pipeline.bound import BoundKind, Problem
from gateway.pipeline.derived_points import BasePoint, DerivedBinder
from gateway.pipeline.health import Watch
from gateway.pipeline.plant import LATE_NS
from gateway.pipeline.points import PointKind
from gateway.pipeline.settings import DEVICE, NO_OXYGEN, DeviceSettings, PointSettings

QUANTITIES: Final = ("o2", "oxygen")
UNIT: Final = "%vol"
#: Ways to derive a point whose limits are for differences, not for what its members read.
APART: Final = frozenset({"spread", "deviation"})

Known = Callable[[str], BasePoint | None]


def watches(
    channel: Channel | None, settings: PointSettings, *, silence_ns: int
) -> Iterator[Watch]:
    """Yield what too little oxygen tells, and oxygen that nobody knows.

    Parameters
    ----------
    silence_ns
        For so long there must be enough before it is over, and for so long nobody must know it
        before that is an alarm: the point's "no data" is told as late.
    """
    if channel is None or channel.min_oxygen is None or settings.oxygen == NO_OXYGEN:
        return
    yield Watch(
        "low_oxygen",
        Rule(ReasonParams((LOW_OXYGEN,)), off_delay=silence_ns),
        {
            "level": Level.FAULT,
            "sounds": False,
            "priority": Priority.HIGH,
            "title_en": "Too little oxygen for this sensor",
            "title_zh": "氧气不足，读数不可信",
        },
    )
    yield Watch(
        "oxygen_unknown",
        Rule(ReasonParams((OXYGEN_UNKNOWN,)), on_delay=silence_ns, off_delay=silence_ns),
        {
            "level": Level.FAULT,
            "sounds": False,
            "priority": Priority.MEDIUM,
            "title_en": "Oxygen at this sensor is not known",
            "title_zh": "氧含量未知，读数存疑",
        },
    )


def misplaced(
    channel: Channel | None, settings: PointSettings, *, device: str
) -> Iterator[Problem]:
    """Yield that a point names its oxygen though its sensor needs none."""
    if settings.oxygen is not None and (channel is None or channel.min_oxygen is None):
        yield ("oxygen",), f"{device} states no min_oxygen for this channel; remove it"


def in_order(profile: Profile | None, points: Sequence[PointSettings]) -> Sequence[int]:
    """Return in which order a device's points stand in its readings.

    As the file has them; where a sensor needs oxygen, the oxygen first: what one message says of
    both is then taken in this order, and a sensor is judged by the oxygen of its own message.
    """
    if profile is None or not _wards(profile, points):
        return range(len(points))
    return sorted(range(len(points)), key=lambda index: not _is_oxygen(profile, points[index]))


def pair(
    devices: Sequence[DeviceSettings],
    profiles: Mapping[str, Profile],
    *,
    known: Known,
    bound: Callable[[int], BoundKind],
    derived: DerivedBinder | None,
) -> Iterator[Ward | Problem]:
    """Yield each sensor with its oxygen, or what keeps it from having one.

    Parameters
    ----------
    known
        Bound point of a tag; None where no device reports it.
    bound
        What a point with this index is bound to.
    derived
        The derived points of the site, all bound; None where it has none.
    """
    fed = _fed(derived)
    for number, device in enumerate(devices):
        profile = profiles[device.profile]
        for index in _wards(profile, device.point):
            ward = known(_tag(device, device.point[index].tag))
            least = profile.channel[device.point[index].channel].min_oxygen
            at: Path = ("device", number, "point", index)
            found = _companion(device, index, known, least or 0.0)
            if isinstance(found, tuple):
                key, text = found
                yield (*at, *key), text
            elif ward is not None:
                wrong = _useless(found.kind, ward.kind, least or 0.0)
                if wrong:
                    named = device.point[index].oxygen
                    what = "its device's oxygen" if named is None else _tag(device, named)
                    yield (*at, *(() if named is None else ("oxygen",))), f"{what} {wrong}"
                    continue
                limit = _must_alarm(bound(ward.index), fed.get(ward.index, ()))
                yield Ward(ward.index, found.index, least or 0.0, found.kind.silence_ns, limit)


def _fed(derived: DerivedBinder | None) -> Mapping[int, Sequence[BoundKind]]:
    """Return what the derived points that each point feeds are bound to.

    Frames are left out: they take what is GOOD alone.
    """
    fed: dict[int, list[BoundKind]] = defaultdict(list)
    if derived is None:
        return fed
    for each in derived.derivations:
        for member in each.members:
            fed[member.point].append(derived.points[each.point - derived.count].kind)
    for exposure in derived.exposures:
        fed[exposure.base] += [
            derived.points[index - derived.count].kind for index in exposure.derived.values()
        ]
    return fed


def _must_alarm(own: BoundKind, fed: Iterable[BoundKind]) -> float:
    """Return the value from which on a reading must alarm even in too little oxygen.

    The lowest high limit that is set against it, its own or that of a vote or an exposure. All
    values must where there is none, and where a difference is watched: what that is made of is no
    matter of a limit. A member of a vote keeps its limits all the same: one that is lost counts
    towards an alarm, one that reads too low against it.
    """
    ways = {kind.kind.channel for kind in fed}
    if ways & APART and "vote" not in ways:
        return -inf
    kinds = (own, *(kind for kind in fed if kind.kind.channel not in APART))
    rules = (rule for kind in kinds for rule in kind.alarms.rules)
    highs = (rule.limit for rule in rules if rule.level in (Level.H, Level.HH))
    return min((limit for limit in highs if limit is not None), default=-inf)


def _companion(
    device: DeviceSettings, index: int, known: Known, least: float
) -> BasePoint | Problem:
    named = device.point[index].oxygen
    if named is None:
        here = [known(_tag(device, point.tag)) for point in device.point]
        found = [each for each in here if each is not None and not _unfit(each)]
        if len(found) == 1:
            return found[0]
        have = "two oxygen points" if found else "no oxygen point"
        return (), (
            f"reads true only in {least:g} {UNIT} oxygen and more, and the device has {have}: name "
            'it, as in oxygen = "AT-101", or write oxygen = "none" where it never runs short'
        )
    tag = _tag(device, named)
    point = known(tag)
    if point is None:
        return ("oxygen",), f"{tag!r} is no point that a device reports; name the oxygen beside it"
    wrong = _unfit(point)
    return (("oxygen",), f"{tag} {wrong}; name a point of oxygen in {UNIT}") if wrong else point


def _unfit(point: BasePoint) -> str:
    """Say what keeps a point from being one of oxygen; empty where nothing does."""
    if point.quantity not in QUANTITIES:
        return f"measures {point.quantity}"
    return "" if point.kind.unit == UNIT else f"is in {point.kind.unit}"


def _useless(oxygen: PointKind, ward: PointKind, least: float) -> str:
    """Say why a point of oxygen tells nothing of the air at a sensor; empty where it does.

    It may be as old as the sensor's own readings may be. A minute is never too old: by as much any
    reading may be late and is still one of now.
    """
    oldest = max(ward.silence_ns, LATE_NS)
    if oxygen.silence_ns > oldest:
        told, most = format_duration(oxygen.silence_ns), format_duration(oldest)
        return f"may be {told} old, and {most} is the most here; name one that reports more often"
    if oxygen.area != ward.area:
        return f"stands in area {oxygen.area}, not in {ward.area}; name the oxygen beside it"
    if oxygen.high is not None and oxygen.high < least:
        return (
            f"measures to {oxygen.high:g} {UNIT} and it needs {least:g}; name one that shows that"
        )
    return ""


def _wards(profile: Profile, points: Sequence[PointSettings]) -> list[int]:
    """Return which of a device's points need oxygen beside them."""
    needy = {name for name, each in profile.channel.items() if each.min_oxygen is not None}
    if not needy:
        return []
    return [
        index
        for index, point in enumerate(points)
        if point.channel in needy and point.oxygen != NO_OXYGEN
    ]


def _is_oxygen(profile: Profile, point: PointSettings) -> bool:
    channel = profile.channel.get(point.channel)
    return channel is not None and channel.quantity in QUANTITIES


def _tag(device: DeviceSettings, written: str) -> str:
    return written.replace(DEVICE, device.id)
