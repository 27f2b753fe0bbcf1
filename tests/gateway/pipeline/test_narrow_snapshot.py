"""A snapshot of a gateway whose detectors remembered less is taken up by one that knows more."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from detectors.bank import Bank
from detectors.memory import MEMORY
from detectors.rate import RateParams
from detectors.rules import Rule
from detectors.stuck import StuckParams
from gateway.pipeline.names import Names, name_rules
from gateway.pipeline.snapshot import NARROW, Snapshot, encode, restore
from tests.detectors.twins import LATE, SECOND, START, feed

RULES = (Rule(RateParams(2.0)), Rule(StuckParams(0.1, 60.0)))


def new_bank() -> Bank:
    return Bank([0, 1], [LATE] * 2, [RULES], [0, 0])


def names(*tags: str) -> bytes:
    """What the bank's arrays belong to."""
    rules = name_rules(("rate", "stuck"), RULES)
    point_sets = np.zeros(2, np.int32).tobytes()
    return Names(tags=tags, devices=("d1", "d2"), sets=(rules,), point_sets=point_sets).encode()


def narrowed(body: bytes) -> bytes:
    """The snapshot as a gateway wrote it whose memories held three numbers."""
    saved = msgspec.msgpack.decode(body, type=Snapshot)
    memory = np.frombuffer(saved.memory, MEMORY)
    narrow = np.zeros(memory.size, NARROW)
    narrow["kept"], narrow["since"] = memory["kept"][:, :3], memory["since"]
    return msgspec.msgpack.encode(msgspec.structs.replace(saved, memory=narrow.tobytes()))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["same site", "another order"])
def test_narrow_memories_are_taken_up(order: tuple[int, int]) -> None:
    """Every number and every instant of each detector is where it was."""
    bank, other, tags = new_bank(), new_bank(), ("A", "B")
    feed(bank, [(n % 2, START + n * SECOND, START + n * SECOND, 3.7 * n, 0) for n in range(40)])
    restore(narrowed(encode(bank, names(*tags))), other, names(*(tags[n] for n in order)), node="g")
    was = bank.state.memory.reshape(2, 2)[list(order)]
    assert was["kept"].any()
    assert other.state.memory.reshape(2, 2).tobytes() == was.tobytes()


def test_a_torn_memory_is_refused() -> None:
    """Bytes that are neither narrow nor wide are no snapshot; the bank has seen nothing."""
    bank, other = new_bank(), new_bank()
    saved = msgspec.msgpack.decode(encode(bank, names("A", "B")), type=Snapshot)
    torn = msgspec.structs.replace(saved, memory=bytes(saved.memory)[:-8])
    with pytest.raises(ValueError, match="not whole"):
        restore(msgspec.msgpack.encode(torn), other, names("A", "B"), node="g")
