"""What a site file says of areas, devices, points and their limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from device_profiles.duration import DurationNs, PositiveDurationNs
from device_profiles.schema import Flag, Pointer, TimeSource
from gateway.config import Written
from gateway.model import Priority

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
#: Part of topics, alarm ids and file names: no slash, no blank, no wildcard.
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Hazard = Literal[
    "confined_space",
    "combustible_dust",
    "ammonia_refrigeration",
    "spray_painting",
    "metallurgy",
    "hazardous_chemicals",
]
SECONDS = 1_000_000_000


class AreaSettings(Written):
    """A place with one hazard class."""

    id: Identifier
    name: str
    hazard: Hazard


class LimitSettings(Written):
    """Limits of the site's own, in the point's unit."""

    hh: Number | None = None
    h: Number | None = None
    l: Number | None = None  # noqa: E741
    ll: Number | None = None
    deadband: NotNegative = 0.0
    on_delay: DurationNs = 0
    off_delay: DurationNs = 0
    priority: Priority = Priority.HIGH
    latch: Flag = False

    @field_validator("h", "l", "ll")
    @classmethod
    def _below(cls, limit: float | None, info: ValidationInfo) -> float | None:
        # Judged at its own key, with the sound limits above it: one bad limit hides no other.
        over = ("hh", "h", "l", "ll")[: ("hh", "h", "l", "ll").index(str(info.field_name))]
        above = [(name, info.data[name]) for name in over if info.data.get(name) is not None]
        if limit is not None and above and limit >= above[-1][1]:
            high, value = above[-1]
            raise ValueError(
                f"{info.field_name} = {limit:g} is not below {high} = {value:g}; "
                "need ll < l < h < hh"
            )
        return limit


class TrendSettings(Written):
    """Warn before the first high (or low) limit is reached."""

    horizon: PositiveDurationNs = 600 * SECONDS
    tau: PositiveDurationNs | None = None
    significance: Positive = 1.5
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


class PointSettings(Written):
    """A channel of a device, bound to the plant under a tag."""

    channel: str
    tag: Identifier
    name: str = ""
    pointer: Pointer | None = None
    unit: str | None = None
    range: tuple[Number, Number] | None = None
    scale: Number | None = None
    offset: Number | None = None
    interval: PositiveDurationNs | None = None
    rules: tuple[str, ...] = ()
    limits: LimitSettings | None = None
    trend: TrendSettings | None = None
    rate: RateSettings | None = None
    stuck: StuckSettings | None = None


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
    point: tuple[PointSettings, ...] = ()
    points: str | None = None
