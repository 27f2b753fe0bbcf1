"""What a site file says of derived points: values computed from the readings of other points."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from device_profiles.duration import PositiveDurationNs
from device_profiles.schema import Flag
from gateway.config import Written, WrittenPath
from gateway.model import Priority
from gateway.pipeline.settings import (
    Identifier,
    LimitSettings,
    Number,
    PointSettings,
    RateSettings,
)

Members = Annotated[tuple[Identifier, ...], Field(min_length=2, max_length=8)]
#: The ways to derive a point; a point has one.
WAYS: Final = ("vote", "spread", "deviation", "exposure", "process")


class VoteSettings(Written):
    """Instruments that measure the same thing, of which so many must agree (M out of N)."""

    of: Members
    need: Annotated[int, Field(strict=True, ge=1, le=8)]
    side: Literal["high", "low"] = "high"
    on_bad: Literal["hold", "trip"] = "hold"


class SpreadSettings(Written):
    """How far instruments that should agree are apart."""

    of: Members


class DeviationSettings(Written):
    """How far a point lies from another, or from what a curve over another says it should be."""

    model_config = ConfigDict(populate_by_name=True)

    of: Identifier
    base: Annotated[Identifier, Field(alias="from")]
    curve: tuple[tuple[Number, Number], ...] = ()
    percent: Flag = False


class ExposureSettings(Written):
    """What somebody at this place, or with this instrument, breathes in."""

    of: Identifier
    measure: Literal["stel", "twa_sum", "twa_moving"]
    mode: Literal["fixed", "instrument"] = "fixed"
    off_after: PositiveDurationNs | None = None
    marker: Identifier | None = None


class ProcessSettings(Written):
    """Points that belong together, and the file that says how they behave in normal running."""

    points: Annotated[tuple[Identifier, ...], Field(min_length=2)]
    period: PositiveDurationNs
    model: Annotated[WrittenPath, Field(min_length=1)]
    priority: Priority = Priority.HIGH


class DerivedSettings(Written):
    """A point that no device reports: which others it comes from, and its own limits."""

    tag: Identifier
    area: Identifier
    name: str = ""
    vote: VoteSettings | None = None
    spread: SpreadSettings | None = None
    deviation: DeviationSettings | None = None
    exposure: ExposureSettings | None = None
    process: ProcessSettings | None = None
    rules: tuple[str, ...] = ()
    limits: LimitSettings | None = None
    rate: RateSettings | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [way for way in WAYS if getattr(self, way) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"is derived in one way; write one of {', '.join(WAYS)}, not {said}")
        return self

    @property
    def way(self) -> str:
        """In which way it is derived."""
        return next(way for way in WAYS if getattr(self, way) is not None)

    @property
    def members(self) -> tuple[str, ...]:
        """Tags of the points it comes from, in the order of the file."""
        match getattr(self, self.way):
            case VoteSettings(of=several) | SpreadSettings(of=several):
                return tuple(several)
            case DeviationSettings(of=one, base=other):
                return (one, other)
            case ExposureSettings(of=one, marker=marker):
                return (one,) if marker is None else (one, marker)
            case ProcessSettings(points=several):
                return several
        raise AssertionError(self.way)

    def as_point(self, *, unit: str, span: tuple[float, float] | None) -> PointSettings:
        """Return what its own rules are bound to."""
        return PointSettings(
            channel=self.way,
            tag=self.tag,
            unit=unit,
            range=span,
            rules=self.rules,
            limits=self.limits,
            rate=self.rate,
        )
