"""What a profile file may say: the pydantic models of one device type.

A profile states facts of a device type (how it writes a value, how fast, how far it can measure),
never limits: those belong to the plant. Everything is refused that is not written in the field
reference, so that a mistyped key cannot be a silent default.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from device_profiles.duration import DurationNs, PositiveDurationNs
from device_profiles.instant import TimeFormat, parse_utc_offset
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
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
#: A channel or quantity: lower case, so that two spellings cannot name two things.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Unit = Annotated[str, Field(pattern=r"^[^\s]{1,16}$")]
Payload = Literal["json", "number", "chirpstack"]


class Described(BaseModel):
    """A value from a file: frozen, and with no key that is not a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(Described):
    """One quantity that a device type offers: where it stands in the payload and what it means.

    A raw number becomes ``raw * scale + offset`` in `unit`. Outside `range` (both ends belong to
    it) it is BAD, above as well as below: a flooded combustible sensor may read anything, and a
    value past the end of the scale is never "normal". Sentinels are compared with the raw number.
    """

    pointer: Pointer | None = None
    quantity: Name
    unit: Unit
    scale: Number = 1.0
    offset: Number = 0.0
    range: tuple[Number, Number]
    sentinels: tuple[Number, ...] = ()
    text: Flag = False
    principle: Name | None = None
    t90: DurationNs | None = None
    warm_up: DurationNs | None = None
    noise_floor: Annotated[Number, Field(gt=0)] | None = None
    fault_pointer: Pointer | None = None
    fault_values: tuple[str | bool | int | float, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.range
        if self.scale == 0:
            raise ValueError("scale = 0 makes every reading the same; use another number")
        if low >= high:
            raise ValueError(f"range = [{low:g}, {high:g}] is empty; need low < high")
        if (self.fault_pointer is None) != (not self.fault_values):
            raise ValueError("fault_pointer and fault_values go together; give both or none")
        return self


class Example(Described):
    """One payload and what must come of it: a test vector that stands beside the facts it proves.

    A profile without channels takes them from `pointers`. Channels not named in `quality` must be
    GOOD. `error` stands alone: the payload must not decode, and the reason contains that text.
    """

    payload: str
    topic: Text | None = None
    pointers: dict[Name, Pointer] = Field(default_factory=dict)
    time_pointer: TimeSource | None = None
    expect: dict[Name, Number] = Field(default_factory=dict)
    quality: dict[Name, str] = Field(default_factory=dict)
    time: int | str | None = None
    time_quality: str | None = None
    error: Text | None = None

    @field_validator("quality")
    @classmethod
    def _bad_names(cls, quality: dict[str, str]) -> dict[str, str]:
        allowed = [each.name for each in Quality if each.verdict is Verdict.BAD]
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
    channel and says where it stands, in which unit and range. All durations are nanoseconds here
    and text in the file.
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
    channel: dict[Name, Channel] = Field(default_factory=dict)
    example: Annotated[tuple[Example, ...], NotEmpty]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._payload_problems(), *self._example_problems()]
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
            for key in ("pointer", "fault_pointer")
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
            if self.channel and example.pointers:
                problems.append(
                    ((*at, "pointers"), "only for profiles without channels; remove it")
                )
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
