"""What a profile file may say: the pydantic models of one device type.

A profile states facts of a device type (how it writes a value, how fast, how far it can measure),
never limits: those belong to the plant. Everything is refused that is not written in the field
reference, so that a mistyped key cannot be a silent default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from device_profiles.duration import DurationNs, PositiveDurationNs
from device_profiles.instant import TimeFormat, parse_utc_offset
from device_profiles.loop import Signal, over
from device_profiles.pointer import compile_pointer
from device_profiles.problems import PathProblemsError
from device_profiles.quality import Quality, Verdict
from device_profiles.toml_lines import Path

RECEIVED = "received"


def _pointer(value: str) -> str:
    compile_pointer(value)
    return value


def _time_source(value: str) -> str:
    return value if value == RECEIVED else _pointer(value)


def _utc_offset(value: str) -> str:
    parse_utc_offset(value)
    return value


def _not_empty(rows: Rows) -> Rows:
    # pydantic's own min_length also complains where a row is there and wrong.
    if not rows:
        raise ValueError("is empty; add at least one")
    return rows


Rows = TypeVar("Rows", bound=tuple[object, ...])
NotEmpty = AfterValidator(_not_empty)
Pointer = Annotated[str, AfterValidator(_pointer)]
TimeSource = Annotated[str, AfterValidator(_time_source)]
#: Strict: "12" and true are mistakes, not numbers.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
#: What stands beside a number and says something of it: its kind counts, true is not 1.
Said = str | bool | int | float
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
#: A channel or quantity: lower case, so that two spellings cannot name two things.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Unit = Annotated[str, Field(pattern=r"^[^\s]{1,16}$")]
Payload = Literal["json", "number", "chirpstack"]
CATALYTIC: Final = "catalytic"
#: Oxygen in dry clean air, %vol (US Standard Atmosphere 1976, table 3). A sensor that needs as much
#: would never be GOOD.
AIR_OXYGEN: Final = 20.9476


class Described(BaseModel):
    """A value from a file: frozen, and with no key that is not a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)


#: Heights of a signal, in the channel's unit: each must fit into its range.
HEIGHTS: Final = ("noise", "noise_floor", "spike", "zero_drift")
#: A pointer to what a device says of a number, and the values that mean it.
SAYINGS: Final = ("fault", "warm_up", "unit")


class Channel(Described):
    """One quantity that a device type offers: where it stands in the payload and what it means.

    A raw number becomes ``raw * scale + offset`` in `unit`. Outside `range` (both ends belong to
    it) it is BAD, above as well as below: a flooded combustible sensor may read anything, and a
    value past the end of the scale is never "normal". Sentinels are compared with the raw number.
    With `signal` the raw number is a current, and `range` what 4 and 20 mA stand for (see `loop`).
    """

    pointer: Pointer | None = None
    quantity: Name
    unit: Unit
    scale: Number = 1.0
    offset: Number = 0.0
    signal: Signal | None = None
    range: tuple[Number, Number]
    sentinels: tuple[Number, ...] = ()
    text: Flag = False
    principle: Name | None = None
    t90: DurationNs | None = None
    warm_up: DurationNs | None = None
    noise_floor: Positive | None = None
    fault_pointer: Pointer | None = None
    fault_values: tuple[Said, ...] = ()
    warm_up_pointer: Pointer | None = None
    warm_up_values: tuple[Said, ...] = ()
    unit_pointer: Pointer | None = None
    unit_values: tuple[Said, ...] = ()
    min_oxygen: Annotated[Number, Field(gt=0, lt=AIR_OXYGEN)] | None = None
    noise: Positive | None = None
    spike: Positive | None = None
    zero_drift: Positive | None = None
    saturates: Number | None = None
    calibration: PositiveDurationNs | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.range
        if self.scale == 0:
            raise ValueError("scale = 0 makes every reading the same; use another number")
        if low >= high:
            raise ValueError(f"range = [{low:g}, {high:g}] is empty; need low < high")
        for what in SAYINGS:
            if (getattr(self, f"{what}_pointer") is None) != (not getattr(self, f"{what}_values")):
                raise ValueError(f"{what}_pointer and {what}_values go together; give both or none")
        problems = [*self._signal_problems(), *self._sensor_problems()]
        if problems:
            raise PathProblemsError(problems)
        return self

    def _signal_problems(self) -> Iterator[tuple[Path, str]]:
        if self.signal is None:
            return
        for key in ("scale", "offset"):
            if key in self.model_fields_set:
                yield (
                    (key,),
                    f"follows from range with signal = {self.signal!r}; remove one of them",
                )
        if over(*self.range).blurred:
            yield ("range",), "is too fine for its size: no double tells the currents apart in it"

    def _sensor_problems(self) -> Iterator[tuple[Path, str]]:
        low, high = self.range
        told = f"range = [{low:g}, {high:g}]"
        for key in HEIGHTS:
            height = getattr(self, key)
            if height is not None and height >= high - low:
                yield (key,), f"{height:g} is as high as {told}; state it in {self.unit}"
        if self.saturates is not None and not low < self.saturates <= high:
            text = f"{self.saturates:g} is not within {told}; need low < saturates <= high"
            yield ("saturates",), text
        if self.min_oxygen is not None and self.principle != CATALYTIC:
            text = f"only a catalytic sensor burns its gas; remove it, or principle = {CATALYTIC!r}"
            yield ("min_oxygen",), text

    @property
    def line(self) -> tuple[float, float]:
        """Scale and offset from the raw number to `unit`, those of a current included."""
        if self.signal is None:
            return self.scale, self.offset
        loop = over(*self.range)
        return loop.scale, loop.offset


class Example(Described):
    """One payload and what must come of it: a test vector that stands beside the facts it proves.

    A profile without channels takes them from `pointers`, and what 4 and 20 mA stand for from
    `ranges`. Channels not named in `quality` must be GOOD. `error` stands alone: the payload must
    not decode, and the reason contains that text.
    """

    payload: str
    topic: Text | None = None
    pointers: dict[Name, Pointer] = Field(default_factory=dict)
    ranges: dict[Name, tuple[Number, Number]] = Field(default_factory=dict)
    time_pointer: TimeSource | None = None
    expect: dict[Name, Number] = Field(default_factory=dict)
    quality: dict[Name, str] = Field(default_factory=dict)
    time: int | str | None = None
    time_quality: str | None = None
    error: Text | None = None

    @field_validator("quality")
    @classmethod
    def _quality_names(cls, quality: dict[str, str]) -> dict[str, str]:
        allowed = [each.name for each in Quality if each.verdict is Verdict.BAD]
        allowed.append(Quality.WARMING_UP.name)
        for channel, name in quality.items():
            if name not in allowed:
                raise ValueError(
                    f"{channel} = {name!r} is unknown; use one of {', '.join(allowed)}"
                )
        return quality

    @field_validator("time_quality")
    @classmethod
    def _time_names(cls, name: str | None) -> str | None:
        allowed = (Quality.TIME_MISSING.name, Quality.TIME_IMPLAUSIBLE.name)
        if name is not None and name not in allowed:
            raise ValueError(f"{name!r} is unknown; use one of {', '.join(allowed)}")
        return name

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        outcome = bool(self.expect or self.quality)
        if self.error is not None and (outcome or self.time is not None or self.time_quality):
            raise ValueError("error stands alone; remove expect, quality, time and time_quality")
        if self.error is None and not outcome:
            raise ValueError("nothing is expected; give expect, quality or error")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels this example speaks of: those of `expect`, then of `quality`."""
        return tuple(dict.fromkeys((*self.expect, *self.quality)))


class Profile(Described):
    """A device type: its payload, its time, its pace and its channels.

    A profile with no channel is open (``generic/json``, ``generic/number``): a point names any
    channel and says where it stands, in which unit and range; with `signal` its numbers are
    currents. All durations are nanoseconds here and text in the file.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_.-]*$")]
    title_en: Text
    title_zh: Text
    vendor: Text
    model: Text
    payload: Payload
    time: TimeSource
    time_format: TimeFormat = "auto"
    utc_offset: Annotated[str, AfterValidator(_utc_offset)] | None = None
    interval: PositiveDurationNs
    keep_alive: PositiveDurationNs | None = None
    source: Text | None = None
    signal: Signal | None = None
    channel: dict[Name, Channel] = Field(default_factory=dict)
    example: Annotated[tuple[Example, ...], NotEmpty]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._payload_problems(), *self._example_problems()]
        if self.channel and self.signal is not None:
            text = "only for profiles without channels; each channel states its own"
            problems.append((("signal",), text))
        if problems:
            raise PathProblemsError(problems)
        return self

    def _payload_problems(self) -> list[tuple[Path, str]]:
        if self.payload != "number":
            return [
                (("channel", name), f'pointer is missing; say where it stands, as in "/{name}"')
                for name, channel in self.channel.items()
                if channel.pointer is None
            ]
        problems: list[tuple[Path, str]] = [
            (("channel", name, key), "the whole payload is the number; remove the pointer")
            for name, channel in self.channel.items()
            for key in ("pointer", *(f"{what}_pointer" for what in SAYINGS))
            if getattr(channel, key) is not None
        ]
        if self.time != RECEIVED:
            problems.append((("time",), 'a number carries no time; write time = "received"'))
        if len(self.channel) > 1:
            problems.append((("channel",), "a number is one channel; remove the others"))
        return problems

    def _example_problems(self) -> list[tuple[Path, str]]:
        problems: list[tuple[Path, str]] = []
        for index, example in enumerate(self.example):
            at: Path = ("example", index)
            told = set(example.channels)
            known = set(self.channel or example.pointers)
            if self.channel:
                problems += [
                    ((*at, key), "only for profiles without channels; remove it")
                    for key in ("pointers", "ranges")
                    if getattr(example, key)
                ]
            if self.payload == "number" and not self.channel:
                known = told
            problems += [
                (at, f"{name} is no channel of this profile; known: {', '.join(sorted(known))}")
                for name in sorted(told - known)
            ]
            if example.error is None:
                problems += [
                    (at, f"nothing is said of {name}; add it to expect or quality")
                    for name in sorted(known - told)
                ]
        return problems

    @property
    def silence_interval(self) -> int:
        """Nanoseconds by which silence is judged: keep-alive where there is one, else interval."""
        return self.keep_alive if self.keep_alive is not None else self.interval
