"""Source times in kernels: the whole numbers and the texts that devices write nearly always.

What `to_nanoseconds` says of the same, or NO_TIME. For a whole number that means a time not to be
trusted; for a text, that its form is none of the usual and the judge must read it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import kernel
from device_profiles.instant import EARLIEST_NS, LATEST_NS
from gateway.southbound.decoding._layout import BY_MAGNITUDE, BY_TEXT, NO_TIME, NO_ZONE

Bytes = npt.NDArray[np.uint8]

_SECOND: Final = 10**9
_SECONDS_BELOW: Final = 10**11
_MILLISECONDS_BELOW: Final = 10**14
_MICROSECONDS_BELOW: Final = 10**17

_ZERO: Final = ord("0")
_DASH: Final = ord("-")
_PLUS: Final = ord("+")
_COLON: Final = ord(":")
_DOT: Final = ord(".")
_UPPER_T: Final = ord("T")
_UPPER_Z: Final = ord("Z")
#: Bytes of "2026-01-01T00:00:00", and of the zones "+08:00", "+0800" and "+08".
_PLAIN: Final = 19
_LONG_ZONE: Final = 6
_PACKED_ZONE: Final = 5
_SHORT_ZONE: Final = 3
_MOST_FRACTION: Final = 9
_FARTHEST: Final = 18 * 60
#: Years in which every text of the usual form is a time to be trusted, wherever its zone.
_FIRST_YEAR: Final = 2001
_LAST_YEAR: Final = 2198
_DAYS: Final = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_BEFORE: Final = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_TO_2000: Final = 10_957


@kernel
def of_whole(written: int, unit: int) -> int:
    """Return nanoseconds since 1970 UTC of a whole number, or NO_TIME."""
    if unit == BY_TEXT or written < 0 or written >= LATEST_NS:
        return NO_TIME
    if unit == BY_MAGNITUDE:
        if written < _SECONDS_BELOW:
            unit = _SECOND
        elif written < _MILLISECONDS_BELOW:
            unit = 10**6
        else:
            unit = 10**3 if written < _MICROSECONDS_BELOW else 1
    if written > (LATEST_NS - 1) // unit:
        return NO_TIME
    time_ns = written * unit
    return time_ns if time_ns >= EARLIEST_NS else NO_TIME


@kernel
def _pair(buffer: Bytes, at: int) -> int:
    # Two digits; -1 where they are none.
    tens, ones = buffer[at] - _ZERO, buffer[at + 1] - _ZERO
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1
    return tens * 10 + ones


@kernel
def _zone(buffer: Bytes, at: int, end: int, zone: int) -> int:
    # Minutes east of UTC that the rest of a text names, or NO_ZONE.
    size = end - at
    if size == 0:
        return zone
    sign = buffer[at]
    if size == 1:
        return 0 if sign == _UPPER_Z else NO_ZONE
    if sign != _PLUS and sign != _DASH:
        return NO_ZONE
    minutes = 0
    if size == _LONG_ZONE and buffer[at + 3] == _COLON:
        minutes = _pair(buffer, at + 4)
    elif size == _PACKED_ZONE:
        minutes = _pair(buffer, at + 3)
    elif size != _SHORT_ZONE:
        return NO_ZONE
    hours = _pair(buffer, at + 1)
    east = hours * 60 + minutes
    if hours < 0 or minutes < 0 or minutes > 59 or east > _FARTHEST:
        return NO_ZONE
    return -east if sign == _DASH else east


@kernel
def of_text(buffer: Bytes, at: int, end: int, zone: int) -> int:
    """Return nanoseconds since 1970 UTC of a text "2026-01-01T00:00:00.123+08:00", or NO_TIME.

    `zone` counts where the text names none, in minutes east of UTC or NO_ZONE.
    """
    if end - at < _PLAIN:
        return NO_TIME
    if buffer[at + 4] != _DASH or buffer[at + 7] != _DASH or buffer[at + 10] != _UPPER_T:
        return NO_TIME
    if buffer[at + 13] != _COLON or buffer[at + 16] != _COLON:
        return NO_TIME
    century, rest = _pair(buffer, at), _pair(buffer, at + 2)
    month, day = _pair(buffer, at + 5), _pair(buffer, at + 8)
    hour, minute, second = _pair(buffer, at + 11), _pair(buffer, at + 14), _pair(buffer, at + 17)
    year = century * 100 + rest
    if rest < 0 or year < _FIRST_YEAR or year > _LAST_YEAR or month < 1 or month > 12:
        return NO_TIME
    leap = year % 4 == 0 and year != 2100
    if day < 1 or day > _DAYS[month - 1] + (leap and month == 2):
        return NO_TIME
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return NO_TIME
    at += _PLAIN
    fraction, unit = 0, _SECOND
    if at < end and buffer[at] == _DOT:
        at += 1
        while at < end and unit > 1:
            digit = buffer[at] - _ZERO
            if digit < 0 or digit > 9:
                break
            unit //= 10
            fraction += digit * unit
            at += 1
        if unit == _SECOND:
            return NO_TIME
    zone = _zone(buffer, at, end, zone)
    if zone == NO_ZONE:
        return NO_TIME
    years = year - 2000
    days = _DAYS_TO_2000 + years * 365 + (years + 3) // 4 - (years > 100)
    days += _BEFORE[month - 1] + (leap and month > 2) + day - 1
    return (days * 86_400 + hour * 3600 + (minute - zone) * 60 + second) * _SECOND + fraction
