"""The packets of the benches: what is written is found again, however the bytes are cut."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bench.frames import PUBACK_BYTES, publish, scan


@pytest.mark.parametrize("size", [0, 40, 110, 200, 17_000])
def test_frames_are_found_whole_in_any_cut(size: int) -> None:
    """Whatever one read brings, every PUBLISH is counted once and acknowledged in order."""
    chance = random.Random(size)
    numbers = [chance.randrange(1, 65_536) for _ in range(50)]
    stream = b"".join(publish(b"a/b", bytes(size), qos=1, number=number) for number in numbers)
    # Others in between are passed over: a PUBACK, a PINGRESP.
    stream = b"\x40\x02\x00\x01" + stream + b"\xd0\x00"
    buffer = np.zeros(len(stream), np.uint8)
    answers = np.zeros(PUBACK_BYTES * 64, np.uint8)
    held, found, acknowledged = 0, 0, b""
    while stream:
        cut = chance.randrange(1, 2 * size + 10)
        part, stream = stream[:cut], stream[cut:]
        buffer[held : held + len(part)] = np.frombuffer(part, np.uint8)
        held += len(part)
        used, more, written = scan(buffer, held, answers)
        acknowledged += answers[: PUBACK_BYTES * written].tobytes()
        found += more
        buffer[: held - used] = buffer[used:held].copy()
        held -= used
    assert found == len(numbers)
    assert held == 0
    assert acknowledged == b"".join(b"\x40\x02" + n.to_bytes(2, "big") for n in numbers)


def test_messages_at_qos_0_are_counted_and_not_acknowledged() -> None:
    """A message without a packet identifier yields no PUBACK."""
    stream = publish(b"a/b", b"1", qos=0, number=7) * 3
    answers = np.zeros(PUBACK_BYTES * 8, np.uint8)
    found = scan(np.frombuffer(stream, np.uint8).copy(), len(stream), answers)
    assert found == (len(stream), 3, 0)
