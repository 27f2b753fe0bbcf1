"""The kernel that reads payloads into arrays, guided by the tables of their plans.

It decides only what it is certain about. A message with anything else in it (an escape in a key on
the way, a key met twice, a whole number that a double does not hold, whatever JSON refuses) is
listed as slow, and whatever was written for it is written again by the judge. A number or time that
takes more than exact arithmetic is noted with its bytes, and Python reads it alone.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.jit import entry, kernel
from device_profiles.decode import MAX_PAYLOAD
from device_profiles.quality import Quality
from gateway.southbound.decoding import _layout as layout
from gateway.southbound.decoding._json import (
    COMMA,
    OPEN_LIST,
    OPEN_OBJECT,
    TO_CLOSE,
    blank,
    double,
    number,
    skip,
)
from gateway.southbound.decoding._keys import name
from gateway.southbound.decoding._leaf import leaf, note_number
from gateway.southbound.decoding._values import GOOD, MISSING, put

Bytes = npt.NDArray[np.uint8]
Devices = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TIME_MISSING = int(Quality.TIME_MISSING)


@kernel
def document(
    buffer: Bytes,
    at: int,
    end: int,
    message: int,
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
) -> bool:
    """Read one object or list; return False where only the judge may."""
    stamp = work[layout.STAMP]
    required = ints[plan + layout.REQUIRED]
    at = blank(buffer, at, end)
    if at >= end:
        return False
    byte = buffer[at]
    if byte != OPEN_OBJECT and (byte != OPEN_LIST or required >= 0):
        return False
    inside = byte == OPEN_OBJECT
    at = blank(buffer, at + 1, end)
    if at < end and buffer[at] == byte + TO_CLOSE:
        return required < 0 and blank(buffer, at + 1, end) == end
    node, before, place = ints[plan + layout.ROOT], layout.NO_NODE, 0
    # Brackets open within the outermost one.
    depth, frame = 0, layout.FRAMES
    while True:
        # Which node the next member or item is, if any.
        if inside:
            at, child = name(buffer, at, end, node, before, ints, text)
            before = child if child >= 0 else before
        else:
            child = layout.NO_NODE
            if place < ints[node + layout.PLACES_SIZE]:
                child = ints[ints[node + layout.PLACES] + place]
            place += 1
        if at < 0 or at >= end:
            return False
        # Its value: read, entered or skipped.
        role = layout.INNER
        entered = False
        if child >= 0:
            if ints[child + layout.SEEN] == stamp:
                return False
            ints[child + layout.SEEN] = stamp
            role = ints[child + layout.ROLE]
            byte = buffer[at]
            entered = byte == OPEN_OBJECT or (byte == OPEN_LIST and not role & layout.OBJECT)
            if role & layout.OBJECT and not entered:
                return False
        if role & layout.LEAF:
            at = leaf(
                buffer,
                at,
                end,
                message,
                child,
                plan,
                shift,
                ints,
                floats,
                text,
                value,
                quality,
                time_ns,
                time_quality,
                noted,
                work,
            )
        elif entered:
            at = blank(buffer, at + 1, end)
            if at >= end or buffer[at] != byte + TO_CLOSE:
                work[frame + layout.NODE] = node
                work[frame + layout.INSIDE] = inside
                work[frame + layout.PLACE] = place
                work[frame + layout.BEFORE] = before
                frame += layout.FRAME_SIZE
                depth += 1
                node, before, place = child, layout.NO_NODE, 0
                inside = byte == OPEN_OBJECT
                continue
            at += 1
        else:
            at = skip(buffer, at, end, depth + 1)
        if at < 0:
            return False
        # To the next one, out of as many brackets as close here.
        while True:
            at = blank(buffer, at, end)
            if at >= end:
                return False
            byte = buffer[at]
            if byte == COMMA:
                at = blank(buffer, at + 1, end)
                break
            if byte != (OPEN_OBJECT if inside else OPEN_LIST) + TO_CLOSE:
                return False
            at += 1
            if depth == 0:
                met = required < 0 or ints[required + layout.SEEN] == stamp
                return met and blank(buffer, at, end) == end
            depth -= 1
            frame -= layout.FRAME_SIZE
            node = work[frame + layout.NODE]
            inside = work[frame + layout.INSIDE] != 0
            place = work[frame + layout.PLACE]
            before = work[frame + layout.BEFORE]


@kernel
def bare(
    buffer: Bytes,
    at: int,
    end: int,
    plan: int,
    shift: int,
    ints: Ints,
    floats: Floats,
    value: Floats,
    quality: Bytes,
    noted: Ints,
    work: Ints,
) -> bool:
    """Read a payload that is one number; return False where only the judge may."""
    begin = blank(buffer, at, end)
    at, mantissa, exponent, form = number(buffer, begin, end)
    if at < 0 or blank(buffer, at, end) != end:
        return False
    raw, certain = double(mantissa, exponent, form)
    channel = ints[plan + layout.BASE]
    for reading in range(channel + shift, channel + shift + ints[plan + layout.COUNT]):
        if certain:
            put(raw, reading, reading - shift, floats, value, quality)
        else:
            note_number(noted, work, reading, reading - shift, begin, at)
    return True


@entry
def read(
    buffer: Bytes,
    begin: Ints,
    end: Ints,
    device: Devices,
    ints: Ints,
    floats: Floats,
    text: Bytes,
    plan_of: Ints,
    first: Ints,
    value: Floats,
    quality: Bytes,
    time_ns: Ints,
    time_quality: Bytes,
    noted: Ints,
    work: Ints,
) -> bool:
    """Read every payload; `work` then tells how many numbers, times and messages are left.

    Returns False, with nothing read, where a payload lies outside the buffer or is of no device.
    """
    for message in range(device.size):
        if begin[message] < 0 or end[message] > buffer.size or begin[message] > end[message]:
            return False
        if device[message] < -1 or device[message] >= plan_of.size:
            return False
    for message in range(device.size):
        time_ns[message] = layout.NO_TIME
        time_quality[message] = GOOD
        if device[message] < 0:
            continue
        plan = plan_of[device[message]]
        if ints[plan + layout.TIMED]:
            time_quality[message] = _TIME_MISSING
        for reading in range(first[message], first[message + 1]):
            value[reading] = math.nan
            quality[reading] = MISSING
        at, stop = begin[message], end[message]
        mode = ints[plan + layout.MODE]
        shift = first[message] - ints[plan + layout.BASE]
        numbers, times = work[layout.NUMBERS], work[layout.TIMES]
        certain = False
        if mode == layout.DOCUMENT and stop - at <= MAX_PAYLOAD:
            work[layout.STAMP] += 1
            certain = document(
                buffer,
                at,
                stop,
                message,
                plan,
                shift,
                ints,
                floats,
                text,
                value,
                quality,
                time_ns,
                time_quality,
                noted,
                work,
            )
        elif mode == layout.BARE and stop - at <= MAX_PAYLOAD:
            certain = bare(buffer, at, stop, plan, shift, ints, floats, value, quality, noted, work)
        if not certain:
            work[layout.NUMBERS], work[layout.TIMES] = numbers, times
            work[layout.SLOW_MESSAGES + work[layout.SLOW]] = message
            work[layout.SLOW] += 1
    return True
