from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.instant import (
    EARLIEST_NS,
    LATEST_NS,
    TimeFormat,
    from_nanoseconds,
    parse_utc_offset,
    to_nanoseconds,
)

NEW_YEAR_S = 1_767_225_600  # 2026-01-01 UTC
NEW_YEAR_NS = NEW_YEAR_S * 10**9
INSTANTS = st.integers(EARLIEST_NS, LATEST_NS - 1)
DAYS = (datetime.fromisoformat("2000-01-02"), datetime.fromisoformat("2199-12-30"))
UNIX: list[TimeFormat] = ["unix_s", "unix_ms", "unix_us", "unix_ns"]


@pytest.mark.parametrize(
    "written",
    [
        NEW_YEAR_S,
        float(NEW_YEAR_S),
        NEW_YEAR_S * 10**3,
        NEW_YEAR_S * 10**6,
        NEW_YEAR_S * 10**9,
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00.000z",
        "2026-01-01 08:00:00+08:00",
        "2025-12-31T20:30:00-0330",
        "2026-01-01T08:00:00,0+08",
    ],
)
def test_auto_tells_forms_apart(written: object) -> None:
    """Under "auto" text is ISO 8601 and a number is read by its magnitude."""
    assert to_nanoseconds(written, "auto") == NEW_YEAR_NS


@pytest.mark.parametrize(
    "written",
    [
        0,
        12,
        -1,
        946_684_799,
        10**300,
        10**400,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        {},
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00+25:00",
        "1999-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "0001-01-01T00:00:00+18:00",
        "\ud800",
        str(NEW_YEAR_S),
    ],
)
def test_what_cannot_be_trusted_is_none(written: object) -> None:
    """A time that is none, was never set or lies centuries ahead is not trusted."""
    assert to_nanoseconds(written, "auto") is None


def test_a_text_without_zone_needs_the_profile_to_name_it() -> None:
    """A local time is trusted only with the offset that the profile states."""
    local = "2026-01-01T08:00:00"
    assert to_nanoseconds(local, "auto") is None
    assert to_nanoseconds(local, "auto", utc_offset_minutes=480) == NEW_YEAR_NS


def test_a_written_zone_wins_over_the_profile() -> None:
    """The profile's offset is for texts without a zone alone."""
    assert to_nanoseconds("2026-01-01T00:00:00Z", "auto", utc_offset_minutes=480) == NEW_YEAR_NS


def test_nanoseconds_of_a_text_are_kept() -> None:
    """Nine digits of a fraction are read, further ones are cut off."""
    assert to_nanoseconds("2026-01-01T00:00:00.1234567899Z", "iso8601") == NEW_YEAR_NS + 123_456_789


def test_a_fixed_format_reads_nothing_else() -> None:
    """A format named by the profile is not overruled by how the value looks."""
    assert to_nanoseconds(NEW_YEAR_S * 1000, "unix_s") is None
    assert to_nanoseconds(NEW_YEAR_S, "iso8601") is None
    assert to_nanoseconds("2026-01-01T00:00:00Z", "unix_s") is None
    assert to_nanoseconds(str(NEW_YEAR_NS), "unix_ns") == NEW_YEAR_NS


@given(INSTANTS)
def test_text_and_unix_ns_come_back_exactly(time_ns: int) -> None:
    """What is written as text or as unix_ns is read back to the nanosecond."""
    for time_format in ("auto", "iso8601", "unix_ns"):
        written = from_nanoseconds(time_ns, time_format)
        assert to_nanoseconds(written, time_format) == time_ns


@given(
    st.integers(EARLIEST_NS // 1000, 2**32 * 10**6).map(lambda us: us * 1000), st.sampled_from(UNIX)
)
def test_unix_numbers_come_back_to_the_microsecond(time_ns: int, time_format: TimeFormat) -> None:
    """Whole microseconds survive every unix format until 2106, although a double carries them."""
    assert to_nanoseconds(from_nanoseconds(time_ns, time_format), time_format) == time_ns


@given(st.datetimes(*DAYS), st.integers(-1080, 1080))
def test_agrees_with_the_standard_library(moment: datetime, minutes: int) -> None:
    """Every zoned text that Python writes is read as the instant Python means."""
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since // timedelta(microseconds=1)) * 1000
    assert to_nanoseconds(zoned.isoformat(), "iso8601") == expected


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    st.sampled_from(["auto", "iso8601", *UNIX]),
)
def test_never_raises(written: object, time_format: TimeFormat) -> None:
    """Whatever a device writes, the answer is a plausible time or None."""
    time_ns = to_nanoseconds(written, time_format)
    assert time_ns is None or EARLIEST_NS <= time_ns < LATEST_NS


@pytest.mark.parametrize(("text", "minutes"), [("+08:00", 480), ("-0330", -210), ("+00", 0)])
def test_reads_offsets(text: str, minutes: int) -> None:
    """An offset is minutes east of UTC."""
    assert parse_utc_offset(text) == minutes


@pytest.mark.parametrize("text", ["8", "+8", "+08:60", "+19:00", "Z", "+18:01"])
def test_refuses_other_offsets(text: str) -> None:
    """An offset that no clock keeps is refused."""
    with pytest.raises(ValueError, match="offset"):
        parse_utc_offset(text)
