"""From the name of a member to the node it leads to.

A device sends its keys in the same order each time, so the one that came next the last time is
tried first. Any other is hashed; how is written once, for the tables in Python and for the kernels
compiled.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import kernel, step
from gateway.southbound.decoding._json import ASCII, BACKSLASH, QUOTE, SPACE, colon, sequence
from gateway.southbound.decoding._layout import (
    BUCKETS,
    FIRST,
    KEY,
    KEY_SIZE,
    MASK,
    NEXT,
    NO_NODE,
)

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

#: FNV-1a in 32 bits; the keys of one object are few.
_BASIS: Final = 2_166_136_261
_PRIME: Final = 16_777_619
_WORD: Final = 0xFFFFFFFF


def mix(state: int, byte: int) -> int:
    """Return the hash of a key whose hash so far is `state`, with one byte more."""
    return ((state ^ byte) * _PRIME) & _WORD


_mix = step(mix)


def hash_key(key: bytes) -> int:
    """Return the hash of a whole key."""
    state = _BASIS
    for byte in key:
        state = mix(state, byte)
    return state


@step
def same(buffer: Bytes, at: int, size: int, text: Bytes, place: int) -> bool:
    """Return whether `size` bytes of the buffer are those of the text."""
    done = 0
    while done < size and buffer[at + done] == text[place + done]:
        done += 1
    return done == size


@step
def name(
    buffer: Bytes, at: int, end: int, node: int, before: int, ints: Ints, text: Bytes
) -> tuple[int, int]:
    """Return where the value of the member at `at` begins, and the child of `node` that it is.

    `before` is the child that came before. A key with an escape is refused: it may be any key.
    """
    if at >= end or buffer[at] != QUOTE:
        return -1, NO_NODE
    at += 1
    expected = node + FIRST if before < 0 else before + NEXT
    child = ints[expected]
    if child >= 0:
        size = ints[child + KEY_SIZE]
        closed = at + size < end and buffer[at + size] == QUOTE
        if closed and same(buffer, at, size, text, ints[child + KEY]):
            return colon(buffer, at + size + 1, end), child
    at, child = _find(buffer, at, end, node, ints, text)
    if child >= 0:
        ints[expected] = child
    return at, child


@kernel
def _find(buffer: Bytes, at: int, end: int, node: int, ints: Ints, text: Bytes) -> tuple[int, int]:
    begin = at
    # Not the literal: numba would compile what takes it once more.
    state: int = int(_BASIS)
    while at < end:
        byte = buffer[at]
        if byte == QUOTE:
            child = _child(buffer, begin, at - begin, state, node, ints, text)
            return colon(buffer, at + 1, end), child
        if byte == BACKSLASH or byte < SPACE:
            break
        stop = at + 1
        if byte >= ASCII:
            size = sequence(buffer, at, end)
            if size < 0:
                break
            stop = at + size
        while at < stop:
            state = _mix(state, int(buffer[at]))
            at += 1
    return -1, NO_NODE


@step
def _child(
    buffer: Bytes, at: int, size: int, state: int, node: int, ints: Ints, text: Bytes
) -> int:
    mask = ints[node + MASK]
    if mask < 0:
        return NO_NODE
    while True:
        child = ints[ints[node + BUCKETS] + (state & mask)]
        if child < 0:
            return NO_NODE
        size_of_key = ints[child + KEY_SIZE]
        if size_of_key == size and same(buffer, at, size, text, ints[child + KEY]):
            return child
        state += 1
