"""Topics of many packets to devices at once: a hash table that compiled code looks into."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import entry
from gateway.southbound.packets import FLAGS, OWN, TOPIC, TOPIC_END, Bytes, Spans, same

#: What stands in place of a device's number: nobody's topic, and the gateway's own.
NOBODY: Final = -1
OURS: Final = -2
EMPTY = -3
# Columns of a slot: hash, where the topic lies in the pool, where it ends, the device.
HASH, AT, END, DEVICE = 0, 1, 2, 3
# FNV-1a, 64 bits, in signed arithmetic that wraps.
BASIS = -3750763034362895579
PRIME = 1099511628211

Slots = npt.NDArray[np.int64]


@entry
def fnv(buffer: Bytes, begin: int, end: int) -> int:
    """Return a hash of the bytes from `begin` to `end`."""
    value = np.int64(BASIS)
    for index in range(begin, end):
        value = (value ^ np.int64(buffer[index])) * np.int64(PRIME)
    return int(value)


@entry
def slot_of(buffer: Bytes, begin: int, end: int, slots: Slots, pool: Bytes) -> int:
    """Return the slot that holds a topic, or the empty one where it belongs."""
    wanted = fnv(buffer, begin, end)
    mask = slots.shape[0] - 1
    place = wanted & mask
    while slots[place, DEVICE] != EMPTY:
        at, until = slots[place, AT], slots[place, END]
        if slots[place, HASH] == wanted and same(buffer, begin, end, pool, at, until):
            break
        place = (place + 1) & mask
    return place


@entry
def route(
    buffer: Bytes, spans: Spans, slots: Slots, pool: Bytes, found: npt.NDArray[np.int32]
) -> int:
    """Write each packet's device; return how many belong to nobody."""
    strange = 0
    for row in range(spans.shape[0]):
        if spans[row, FLAGS] & OWN:
            found[row] = OURS
            continue
        place = slot_of(buffer, spans[row, TOPIC], spans[row, TOPIC_END], slots, pool)
        device = slots[place, DEVICE]
        found[row] = NOBODY if device == EMPTY else device
        strange += device == EMPTY
    return strange


class TopicTable:
    """Exact topics and the devices that own them; grows as topics are added."""

    def __init__(self) -> None:
        self._count = 0
        self._filled = 0
        self._slots = _empty(16)
        self._pool: Bytes = np.zeros(1024, np.uint8)

    def __len__(self) -> int:
        return self._count

    def add(self, topic: bytes, device: int) -> None:
        """Add a topic, or give it to another device."""
        if 2 * (self._count + 1) > len(self._slots):
            self._grow()
        said = np.frombuffer(bytearray(topic), np.uint8)
        place = slot_of(said, 0, said.size, self._slots, self._pool)
        if self._slots[place, DEVICE] == EMPTY:
            begin, end = self._filled, self._filled + said.size
            if end > self._pool.size:
                self._pool = np.concatenate((self._pool, np.zeros(end + self._pool.size, np.uint8)))
            self._pool[begin:end] = said
            self._slots[place, :DEVICE] = fnv(said, 0, said.size), begin, end
            self._filled = end
            self._count += 1
        self._slots[place, DEVICE] = device

    def route(self, buffer: Bytes, spans: Spans) -> tuple[npt.NDArray[np.int32], int]:
        """Return the device of each packet, and how many belong to nobody known here."""
        found = np.empty(spans.shape[0], np.int32)
        return found, int(route(buffer, spans, self._slots, self._pool, found))

    def _grow(self) -> None:
        old, self._slots = self._slots, _empty(2 * len(self._slots))
        for slot in old[old[:, DEVICE] != EMPTY]:
            place = slot_of(self._pool, slot[AT], slot[END], self._slots, self._pool)
            self._slots[place] = slot


def _empty(size: int) -> Slots:
    slots = np.zeros((size, 4), np.int64)
    slots[:, DEVICE] = EMPTY
    return slots
