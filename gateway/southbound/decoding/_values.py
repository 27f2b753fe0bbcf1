"""What a number means to a channel, and a value to a fault flag."""

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
        return value, BELOW
    if value > floats[row + layout.HIGH]:
        return value, ABOVE
    return value, GOOD


@step
def put(
    raw: float, reading: int, channel: int, floats: Floats, value: Floats, quality: Bytes
) -> None:
    """Write the reading of a raw number; what its flag said already stands."""
    found, code = scaled(raw, channel, floats)
    value[reading] = found
    if quality[reading] != FAULT:
        quality[reading] = code


@entry
def settle(noted: Ints, raw: Floats, floats: Floats, value: Floats, quality: Bytes) -> None:
    """Write the readings of the noted numbers, which Python has read."""
    for at in range(raw.size):
        reading, channel = noted[at, layout.READING], noted[at, layout.CHANNEL]
        put(raw[at], reading, channel, floats, value, quality)


@kernel
def flag(
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
) -> None:
    """Mark the readings that a flag calls faulty: one of this kind, with its number or its text."""
    for fault in range(
        ints[node + layout.FAULTS], ints[node + layout.FAULTS_END], layout.FAULT_SIZE
    ):
        if ints[fault + layout.FAULT_KIND] != kind:
            continue
        meant = ints[fault + layout.FAULT_VALUE]
        if kind == layout.BOOLEAN:
            means_fault = raw == meant
        elif kind == layout.NUMBER:
            means_fault = raw == floats[meant]
        else:
            size = ints[fault + layout.FAULT_TEXT_SIZE]
            means_fault = end - at == size and same(buffer, at, size, text, meant)
        if means_fault:
            quality[ints[fault + layout.FAULT_CHANNEL] + shift] = FAULT
