"""What a number means to a channel, and a value to what its device says of it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.jit import entry, kernel, step
from device_profiles.quality import Quality
from gateway.southbound.decoding import _layout as layout
from gateway.southbound.decoding._keys import same

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Plain ints: a kernel knows no enumeration.
GOOD = int(Quality.GOOD)
MISSING = int(Quality.MISSING)
WRONG_TYPE = int(Quality.WRONG_TYPE)
NOT_FINITE = int(Quality.NOT_FINITE)
SENTINEL = int(Quality.SENTINEL)
BELOW = int(Quality.BELOW_RANGE)
ABOVE = int(Quality.ABOVE_RANGE)
FAULT = int(Quality.DEVICE_FAULT)
WARMING = int(Quality.WARMING_UP)


@step
def scaled(raw: float, channel: int, floats: Floats) -> tuple[float, int]:
    """Return value and quality of a raw number, exactly as the judge gives them."""
    row = channel * layout.CHANNEL_SIZE
    stop = int(floats[row + layout.SENTINELS_END])
    for at in range(int(floats[row + layout.SENTINELS]), stop):
        if raw == floats[at]:
            return math.nan, SENTINEL
    value = raw * floats[row + layout.SCALE] + floats[row + layout.OFFSET]
    if not math.isfinite(value):
        return math.nan, NOT_FINITE
    if value < floats[row + layout.LOW]:
        failed = value <= floats[int(floats[row + layout.FAILED])]
        return value, FAULT if failed else BELOW
    if value > floats[row + layout.HIGH]:
        failed = value >= floats[int(floats[row + layout.FAILED]) + 1]
        return value, FAULT if failed else ABOVE
    return value, GOOD


@step
def put(
    raw: float, reading: int, channel: int, floats: Floats, value: Floats, quality: Bytes
) -> None:
    """Write the reading of a raw number; what its device said of it already stands.

    A fault stays whatever the number, a warm-up where the number is GOOD.
    """
    found, code = scaled(raw, channel, floats)
    value[reading] = found
    said = quality[reading]
    if said != FAULT and (said != WARMING or code != GOOD):
        quality[reading] = code


@entry
def settle(noted: Ints, raw: Floats, floats: Floats, value: Floats, quality: Bytes) -> None:
    """Write the readings of the noted numbers, which Python has read."""
    for at in range(raw.size):
        reading, channel = noted[at, layout.READING], noted[at, layout.CHANNEL]
        put(raw[at], reading, channel, floats, value, quality)


@kernel
def heed(
    node: int,
    shift: int,
    kind: int,
    raw: float,
    buffer: Bytes,
    at: int,
    end: int,
    ints: Ints,
    floats: Floats,
    text: Bytes,
    quality: Bytes,
    work: Ints,
) -> bool:
    """Mark the readings of which a value says something: one of a kind, with its number or text.

    Returns whether the value is a unit that was expected. A warm-up told of a reading that has no
    number yet is marked all the same, and counted: the number may not come.
    """
    expected = False
    for row in range(
        ints[node + layout.SAYINGS], ints[node + layout.SAYINGS_END], layout.SAYING_SIZE
    ):
        if ints[row + layout.SAYING_KIND] != kind:
            continue
        meant = ints[row + layout.SAYING_VALUE]
        if kind == layout.BOOLEAN:
            said = raw == meant
        elif kind == layout.NUMBER:
            said = raw == floats[meant]
        else:
            size = ints[row + layout.SAYING_TEXT_SIZE]
            said = end - at == size and same(buffer, at, size, text, meant)
        if not said:
            continue
        means = ints[row + layout.SAYING_MEANS]
        reading = ints[row + layout.SAYING_CHANNEL] + shift
        if means == GOOD:
            expected = True
        elif means == FAULT:
            quality[reading] = FAULT
        elif quality[reading] == GOOD:
            quality[reading] = WARMING
        elif quality[reading] == MISSING:
            quality[reading] = WARMING
            work[layout.EARLY] += 1
    return expected
