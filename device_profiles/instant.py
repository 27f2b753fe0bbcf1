"""Source times: from what a device writes to nanoseconds since 1970 UTC, and back.

A time that cannot be trusted is never guessed. A text without a zone is implausible unless the
profile states its offset; a number is read by the profile's format, or by its magnitude ("auto").
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

TimeFormat = Literal["auto", "iso8601", "unix_s", "unix_ms", "unix_us", "unix_ns"]

#: 2000-01-01 UTC: a clock before it was never set. In nanoseconds since 1970.
EARLIEST_NS: Final = 946_684_800 * 10**9
#: 2200-01-01 UTC: past it a number was read in the wrong unit. The future is the caller's to judge.
LATEST_NS: Final = 7_258_118_400 * 10**9

_NS_PER: Final = {"unix_s": 10**9, "unix_ms": 10**6, "unix_us": 10**3, "unix_ns": 1}
# "auto": seconds stay below 1e11 until the year 5138; milliseconds of this century lie above it.
_SECONDS_BELOW: Final = 10**11
_MILLISECONDS_BELOW: Final = 10**14
_MICROSECONDS_BELOW: Final = 10**17
_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d{0,9})?"
    r"([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(\d\d)(?::?(\d\d))?", re.ASCII)
_DIGITS = re.compile(r"\d{1,19}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OFFSET_MINUTES = 18 * 60
_MINUTES_PER_HOUR = 60


def parse_utc_offset(text: str) -> int:
    """Return the minutes east of UTC that "+08:00", "-0330" or "+08" names.

    Raises
    ------
    ValueError
        The text has another form, more than 59 minutes, or lies beyond 18 hours.
    """
    match = _OFFSET.fullmatch(text)
    if match is not None:
        minutes = int(match[3] or 0)
        total = int(match[2]) * _MINUTES_PER_HOUR + minutes
        if minutes < _MINUTES_PER_HOUR and total <= _MAX_OFFSET_MINUTES:
            return -total if match[1] == "-" else total
    raise ValueError(f'{text!r} is not an offset from UTC; write it as "+08:00"')


def to_nanoseconds(
    written: object, time_format: TimeFormat, *, utc_offset_minutes: int | None = None
) -> int | None:
    """Return nanoseconds since 1970 UTC, or None where the time is not to be trusted; never raise.

    Parameters
    ----------
    written
        The decoded JSON value. Booleans, lists and objects are no time.
    time_format
        "auto" reads a text as ISO 8601 and a number by magnitude: below 1e11 seconds, below 1e14
        milliseconds, below 1e17 microseconds, else nanoseconds. The others read nothing else, but
        the unix formats also take whole numbers written as text, since 64 bits do not survive every
        JSON library.
    utc_offset_minutes
        The zone of texts that name none; without it such texts are not to be trusted.

    Notes
    -----
    Fractions of a unix number are kept to the microsecond, since a double holds no more; text is
    kept to the nanosecond. Times before 2000 or from 2200 on are None. A leap second ":60" is None.
    """
    time_ns: int | None = None
    if type(written) is int or type(written) is float:  # and not a boolean
        time_ns = _from_number(written, time_format)
    elif isinstance(written, str):
        if time_format in {"auto", "iso8601"}:
            time_ns = _from_text(written, utc_offset_minutes)
        elif _DIGITS.fullmatch(written):
            time_ns = int(written) * _NS_PER[time_format]
    if time_ns is None or not EARLIEST_NS <= time_ns < LATEST_NS:
        return None
    return time_ns


def _from_number(written: float, time_format: TimeFormat) -> int | None:
    if time_format == "iso8601" or not 0 <= written < LATEST_NS:  # also refuses NaN
        return None
    unit = _unit_of(written) if time_format == "auto" else _NS_PER[time_format]
    if isinstance(written, int):
        return written * unit
    if unit >= 10**3:
        return round(written * (unit // 10**3)) * 10**3
    return int(written)


def _unit_of(written: float) -> int:
    if written < _SECONDS_BELOW:
        return 10**9
    if written < _MILLISECONDS_BELOW:
        return 10**6
    return 10**3 if written < _MICROSECONDS_BELOW else 1


def _from_text(text: str, utc_offset_minutes: int | None) -> int | None:
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        since = datetime.fromisoformat(f"{day}T{clock}+00:00") - _EPOCH
        offset = utc_offset_minutes
        if zone is not None:
            offset = 0 if zone in {"Z", "z"} else parse_utc_offset(zone)
    except ValueError:
        return None
    if offset is None:
        return None
    seconds = since.days * 86_400 + since.seconds - offset * 60
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0"))


def from_nanoseconds(time_ns: int, time_format: TimeFormat) -> str | int | float:
    """Return `time_ns` as a device with this format writes it ("auto": as ISO 8601 in UTC).

    Notes
    -----
    `to_nanoseconds` reads it back exactly for text and unix_ns; other unix formats give a whole
    number where there is one, else a double, which keeps whole microseconds until 2106.
    """
    if time_format in {"auto", "iso8601"}:
        seconds, fraction = divmod(time_ns, 10**9)
        moment = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{moment}.{fraction:09d}Z" if fraction else f"{moment}Z"
    whole, rest = divmod(time_ns, _NS_PER[time_format])
    return whole if not rest else time_ns / _NS_PER[time_format]
