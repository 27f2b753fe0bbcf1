"""The kernel that reads one value into all that a plan wants of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.jit import kernel, step
from device_profiles.quality import Quality
from gateway.southbound.decoding import _layout as layout
from gateway.southbound.decoding._instant import of_text, of_whole
from gateway.southbound.decoding._json import (
    LONG,
    MINUS,
    NEGATIVE,
    NINE,
    QUOTE,
    REAL,
    WHOLE,
    ZERO,
    double,
    literal,
    number,
    string,
)
from gateway.southbound.decoding._values import FAULT, GOOD, WRONG_TYPE, heed, put

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TIME_IMPLAUSIBLE = int(Quality.TIME_IMPLAUSIBLE)
_TRUE = ord("t")
_NULL = ord("n")


@kernel
def note_number(noted: Ints, work: Ints, reading: int, channel: int, begin: int, end: int) -> None:
    """Leave a number to Python, which reads what takes more than exact arithmetic."""
    at = work[layout.NUMBERS]
    noted[at, layout.READING] = reading
    noted[at, layout.CHANNEL] = channel
    noted[at, layout.BEGIN] = begin
    noted[at, layout.END] = end
    work[layout.NUMBERS] = at + 1


@kernel
def time(
    kind: int,
    mantissa: int,
    form: int,
    buffer: Bytes,
    begin: int,
    end: int,
    message: int,
    plan: int,
    ints: Ints,
    time_ns: Ints,
    time_quality: Bytes,
    noted: Ints,
    work: Ints,
) -> None:
    """Write the time that a value tells, or leave it to Python."""
    found = layout.NO_TIME
    unit = ints[plan + layout.TIME_UNIT]
    later = kind == layout.NUMBER and form & REAL != 0
    if kind == layout.STRING:
        if unit == layout.BY_MAGNITUDE or unit == layout.BY_TEXT:
            found = of_text(buffer, begin + 1, end - 1, ints[plan + layout.ZONE])
        later = found == layout.NO_TIME
    elif kind == layout.NUMBER and not later:
        found = of_whole(-mantissa if form & NEGATIVE else mantissa, unit)
    if later:
        work[layout.TIMES] += 1
        at = noted.shape[0] - work[layout.TIMES]
        noted[at, layout.MESSAGE] = message
        noted[at, layout.BEGIN] = begin
        noted[at, layout.END] = end
    time_ns[message] = found
    time_quality[message] = GOOD if found != layout.NO_TIME else _TIME_IMPLAUSIBLE


@step
def leaf(
    buffer: Bytes,
    at: int,
    end: int,
    message: int,
    node: int,
    plan: int,
    shift: int,
    ints: Ints,
    floats: Floats,
    text: Bytes,
    value: Floats,
    quality: Bytes,
    time_ns: Ints,
    time_quality: Bytes,
    noted: Ints,
    work: Ints,
) -> int:
    """Read the value at `at` into all that the node wants of it; return where it ends, or -1.

    In a document a whole number is a Python int: one that no double holds is compared and scaled as
    such, and -0 is 0; both are the judge's. A number written as text is a float to begin with.
    """
    begin = at
    byte = buffer[at]
    mantissa, form, raw, certain = 0, 0, 0.0, True
    if byte == MINUS or ZERO <= byte <= NINE:
        kind = layout.NUMBER
        at, mantissa, exponent, form = number(buffer, at, end)
        raw, certain = double(mantissa, exponent, form)
    elif byte == QUOTE:
        kind = layout.STRING
        at, certain = string(buffer, at + 1, end)
    else:
        kind = layout.NULL if byte == _NULL else layout.BOOLEAN
        raw = 1.0 if byte == _TRUE else 0.0
        at = literal(buffer, at, end)
    if at < 0:
        return -1
    first, last = ints[node + layout.CHANNELS], ints[node + layout.CHANNELS_END]
    if first < last and form & WHOLE and (not certain or (form & NEGATIVE and mantissa == 0)):
        return -1
    for row in range(first, last):
        channel = ints[row]
        reading = channel + shift
        start, stop, sure, found = begin, at, certain, raw
        said = kind
        if kind == layout.STRING and floats[channel * layout.CHANNEL_SIZE + layout.TEXT] != 0.0:
            start += 1
            stop, digits, exponent, shape = number(buffer, start, at)
            if stop != at - 1:
                return -1
            found, sure = double(digits, exponent, shape)
            said = layout.NUMBER
        if said == layout.NUMBER:
            if sure:
                put(found, reading, channel, floats, value, quality)
            else:
                note_number(noted, work, reading, channel, start, stop)
        elif said != layout.NULL and quality[reading] != FAULT:
            quality[reading] = WRONG_TYPE
    role = ints[node + layout.ROLE]
    if ints[node + layout.SAYINGS] < ints[node + layout.SAYINGS_END]:
        if not certain:
            return -1
        quote = 1 if kind == layout.STRING else 0
        start, stop = begin + quote, at - quote
        expected = heed(
            node, shift, kind, raw, buffer, start, stop, ints, floats, text, quality, work
        )
        if role & layout.UNIT and not expected and kind != layout.NULL:
            return -1
    if role & layout.TIME and kind != layout.NULL:
        if (form & WHOLE and form & LONG) or (kind == layout.STRING and not certain):
            return -1
        time(
            kind,
            mantissa,
            form,
            buffer,
            begin,
            at,
            message,
            plan,
            ints,
            time_ns,
            time_quality,
            noted,
            work,
        )
    return at
