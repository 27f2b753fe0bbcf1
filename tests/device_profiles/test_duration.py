from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from device_profiles.duration import (
    MAX_DURATION_NS,
    DurationNs,
    PositiveDurationNs,
    format_duration,
    parse_duration,
)


class Pace(BaseModel):
    interval: PositiveDurationNs = 1
    delay: DurationNs = 0


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0s", 0),
        ("1ns", 1),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("5 min", 300_000_000_000),
        ("2h", 7_200_000_000_000),
        ("1d", 86_400_000_000_000),
        ("0.1us", 100),
    ],
)
def test_reads_number_and_unit(text: str, nanoseconds: int) -> None:
    """A duration is its number times its unit, exactly."""
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "5", "5m", "5 M", "-1s", "1e3s", "1h30min", "s", "1.5ns", "3651d", "٣s", "1s\n", "nan s"],
)
def test_refuses_what_could_mean_something_else(text: str) -> None:
    """A text without one clear meaning is refused, not guessed."""
    with pytest.raises(ValueError, match=r"duration|nanoseconds|ten years"):
        parse_duration(text)


@given(st.integers(0, MAX_DURATION_NS))
def test_format_is_read_back(nanoseconds: int) -> None:
    """Every duration survives being written and read."""
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


def test_a_model_holds_nanoseconds() -> None:
    """A field of a model is written as text and held as integer nanoseconds."""
    assert Pace.model_validate({"interval": "1s", "delay": "0s"}) == Pace.model_construct(
        interval=1_000_000_000, delay=0
    )


@pytest.mark.parametrize("value", [1, 1.0, True, None, "0s"])
def test_a_model_refuses_bare_numbers_and_zero_intervals(value: object) -> None:
    """A number without unit is refused, and so is an interval of zero."""
    with pytest.raises(ValidationError):
        Pace.model_validate({"interval": value})
