"""What a site file says of areas, devices, points and their limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from device_profiles.duration import DurationNs, PositiveDurationNs, format_duration
from device_profiles.problems import PATTERNS
from device_profiles.schema import Flag, Pointer, TimeSource
from device_profiles.units import ATMOSPHERE
from gateway.config import Written
from gateway.model import Priority

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
#: Part of topics, alarm ids and file names: no slash, no blank, no wildcard.
IDENTIFIER: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
#: In a point's tag and name: the id of its device, so that devices can share a table of points.
DEVICE: Final = "{device}"
#: In place of the tag of an oxygen point: the site answers for it that oxygen never runs short.
NO_OXYGEN: Final = "none"
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
Hazard = Literal[
    "confined_space",
    "combustible_dust",
    "ammonia_refrigeration",
    "spray_painting",
    "metallurgy",
    "hazardous_chemicals",
]
SECONDS = 1_000_000_000
#: The years of dates: from where ns are counted to where 64 bits of them end, in 2262.
YEARS: Final = (1970, 2261)
ONE_SECOND: Final = timedelta(seconds=1)
D = TypeVar("D", date, datetime)
#: The limits of a point, the highest first, and what may be said of all of them or of one.
LEVELS: Final = ("hh", "h", "l", "ll")
COMMON: Final = ("deadband", "on_delay", "off_delay", "re_alarm", "priority", "latch")


def only_known(written: str) -> str:
    """Refuse a placeholder that nothing is put in place of."""
    for found in _PLACEHOLDER.findall(written):
        if found != DEVICE:
            raise ValueError(f"{found} stands for nothing; allowed: {DEVICE}, the id of the device")
    return written


def is_identifier(written: str) -> bool:
    """Whether a text may be part of topics, alarm ids and file names."""
    return re.fullmatch(IDENTIFIER, written) is not None


def not_identifier(written: str) -> str:
    """Say that a text is none, and what one is."""
    return f"must be {PATTERNS[IDENTIFIER]}, not {written!r:.80}"


def _tag(written: str) -> str:
    # What is put in place of it begins with a letter or digit, and is one character at least.
    if not is_identifier(written.replace(DEVICE, "d")):
        raise ValueError(not_identifier(written))
    return written


def _day(written: object) -> int:
    """Take a date, or a time with its zone, for ns since 1970; a date is its midnight in UTC.

    A year in which nobody calibrated anything is a slip; so is one that 64 bits of ns cannot hold.
    """
    told: object = written
    if isinstance(written, str):
        with suppress(ValueError):
            told = datetime.fromisoformat(written)
        with suppress(ValueError):
            told = date.fromisoformat(written)
    if isinstance(told, datetime):
        if told.tzinfo is None:
            raise ValueError(f"{told.isoformat()} names no zone; write it, as +08:00, or the date")
        return (_known_year(told) - datetime(1970, 1, 1, tzinfo=UTC)) // ONE_SECOND * SECONDS
    if isinstance(told, date):
        return (_known_year(told) - date(1970, 1, 1)).days * 86_400 * SECONDS
    raise ValueError(f"{written!r} is no date; write it as 2026-06-01")


def _known_year(told: D) -> D:
    if not YEARS[0] <= told.year <= YEARS[1]:
        first, last = YEARS
        raise ValueError(f"the year {told.year} is not within {first} to {last}; mend the year")
    return told


def at_least(shortest: int, why: str) -> AfterValidator:
    """Refuse a duration that is shorter, and say why."""

    def check(written: int) -> int:
        if written < shortest:
            told, needed = format_duration(written), format_duration(shortest)
            raise ValueError(f"{told} is shorter than {needed}: {why}; write {needed} or more")
        return written

    return AfterValidator(check)


#: A time between two works of a person at an instrument.
Rounds = Annotated[
    PositiveDurationNs, at_least(86_400 * SECONDS, "nobody calibrates or tests that often")
]
#: How late a message may be.
Delay = Annotated[
    PositiveDurationNs, at_least(SECONDS, "clocks of devices and networks are no better than that")
]
#: An instant that a person knows to the day.
Day = Annotated[int, BeforeValidator(_day)]
#: A name for people, with the device's id where it says so.
Name = Annotated[str, AfterValidator(only_known)]
#: An identifier once the device's id stands in it.
Tag = Annotated[str, AfterValidator(only_known), AfterValidator(_tag)]


class AreaSettings(Written):
    """A place with one hazard class."""

    id: Identifier
    name: str
    hazard: Hazard


class LevelSettings(Written):
    """One limit; what it does not say of itself is said for all limits of the point."""

    limit: Number
    deadband: NotNegative | None = None
    on_delay: DurationNs | None = None
    off_delay: DurationNs | None = None
    re_alarm: PositiveDurationNs | None = None
    priority: Priority | None = None
    latch: Flag | None = None


def _level(written: object) -> object:
    """Take a number for the limit alone."""
    if isinstance(written, int | float) and not isinstance(written, bool) and isfinite(written):
        return {"limit": written}
    if isinstance(written, dict | LevelSettings):
        return written
    raise PydanticCustomError(
        "level",
        "input should be a valid number, finite, or a table as {example}",
        {"example": "{ limit = 25, deadband = 1 }"},
    )


Limit = Annotated[LevelSettings, BeforeValidator(_level)]


class LimitSettings(Written):
    """Limits of the site's own, in the point's unit; what is said beside them holds for all."""

    hh: Limit | None = None
    h: Limit | None = None
    l: Limit | None = None  # noqa: E741
    ll: Limit | None = None
    deadband: NotNegative = 0.0
    on_delay: DurationNs = 0
    off_delay: DurationNs = 0
    re_alarm: PositiveDurationNs | None = None
    priority: Priority = Priority.HIGH
    latch: Flag = False

    @field_validator("h", "l", "ll")
    @classmethod
    def _below(cls, level: LevelSettings | None, info: ValidationInfo) -> LevelSettings | None:
        # Judged at its own key, with the sound limits above it: one bad limit hides no other.
        over = LEVELS[: LEVELS.index(str(info.field_name))]
        above = [(name, info.data[name]) for name in over if info.data.get(name) is not None]
        if level is not None and above and level.limit >= above[-1][1].limit:
            high, other = above[-1]
            raise ValueError(
                f"{info.field_name} = {level.limit:g} is not below {high} = {other.limit:g}; "
                "need ll < l < h < hh"
            )
        return level

    def levels(self) -> Iterator[tuple[str, LevelSettings]]:
        """Yield the name and the whole of each limit that is given, the highest first."""
        common = {key: getattr(self, key) for key in COMMON}
        for name in LEVELS:
            level: LevelSettings | None = getattr(self, name)
            if level is not None:
                own = level.model_dump(exclude_none=True)
                yield name, LevelSettings.model_construct(**{**common, **own})


class TrendSettings(Written):
    """Warn before the first high (or low) limit is reached."""

    horizon: PositiveDurationNs = 1800 * SECONDS
    tau: PositiveDurationNs | None = None
    significance: Positive = 3.0
    priority: Priority = Priority.HIGH


class RateSettings(Written):
    """Limit the rate of change: `limit` in the point's unit per `per`."""

    limit: Positive
    per: PositiveDurationNs = SECONDS
    direction: Literal["rising", "falling", "both"] = "both"
    tau: PositiveDurationNs = 10 * SECONDS
    on_delay: DurationNs = 0
    priority: Priority = Priority.MEDIUM


class StuckSettings(Written):
    """Take a value that has not moved by the noise floor for `after` as stuck."""

    after: PositiveDurationNs
    zero_band: NotNegative = 0.0


class ConvertSettings(Written):
    """The unit in which the device reports a gas, and what turns it into the point's unit."""

    source: Annotated[str, Field(alias="from")]
    molar_mass: Number | None = None
    temperature: Number | None = None
    pressure: Number = ATMOSPHERE
    lel: Number | None = None
    basis: str | None = None


class SpikeSettings(Written):
    """So many jumps that are soon back; as high as the profile states, or as stated here."""

    height: Positive | None = None
    longest: PositiveDurationNs
    count: Annotated[int, Field(strict=True, ge=1)]
    within: PositiveDurationNs
    priority: Priority = Priority.LOW


class NoiseSettings(Written):
    """Readings that turn back by more than they should."""

    height: Positive | None = None
    readings: Annotated[int, Field(strict=True, ge=30)] = 60
    priority: Priority = Priority.LOW


class ZeroSettings(Written):
    """How far the zero may lie from zero, and for how long, below it, above it or both."""

    tolerance: Positive | None = None
    below_for: PositiveDurationNs | None = None
    above_for: PositiveDurationNs | None = None
    priority: Priority = Priority.MEDIUM

    @model_validator(mode="after")
    def _watches(self) -> Self:
        if self.below_for is None and self.above_for is None:
            raise ValueError('watches nothing; write below_for, as in "10min", above_for, or both')
        return self


class SaturatedSettings(Written):
    """A value that hangs at the end of what the sensor can tell."""

    at: Number | None = None
    after: PositiveDurationNs
    priority: Priority = Priority.HIGH


class FallSettings(Written):
    """A value below what is usual for it, as oxygen that another gas pushes away."""

    amount: Positive
    deadband: NotNegative = 0.0
    tau: PositiveDurationNs
    hold: PositiveDurationNs
    priority: Priority = Priority.MEDIUM

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.deadband >= self.amount:
            raise ValueError(
                f"deadband = {self.deadband:g} is not below amount = {self.amount:g}; need "
                "deadband < amount, or a fall that began would never end"
            )
        return self


class HealthSettings(Written):
    """Sensor health of a point; what is not stated is not watched."""

    spikes: SpikeSettings | None = None
    noise: NoiseSettings | None = None
    zero: ZeroSettings | None = None
    saturated: SaturatedSettings | None = None
    fall: FallSettings | None = None


class PointSettings(Written):
    """A channel of a device, bound to the plant under a tag."""

    channel: str
    tag: Tag
    name: Name = ""
    pointer: Pointer | None = None
    unit: str | None = None
    range: tuple[Number, Number] | None = None
    scale: Number | None = None
    offset: Number | None = None
    convert: ConvertSettings | None = None
    interval: PositiveDurationNs | None = None
    rules: tuple[str, ...] = ()
    limits: LimitSettings | None = None
    trend: TrendSettings | None = None
    rate: RateSettings | None = None
    stuck: StuckSettings | None = None
    health: HealthSettings | None = None
    oxygen: Tag | None = None
    calibration: Rounds | None = None
    calibrated: Day | None = None
    gas_test: Rounds | None = None
    gas_tested: Day | None = None


class DeviceSettings(Written):
    """An instance of a device type, its topic and its points."""

    id: Identifier
    profile: str
    area: str
    #: `+` stands for one whole level; a broker refuses it inside one.
    topic: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            pattern=r"^(\+|[^#+/\x00]*)(/(\+|[^#+/\x00]*))*$",
        ),
    ]
    time: TimeSource | None = None
    usual_delay: Delay | None = None
    point: tuple[PointSettings, ...] = ()
    points: str | None = None
