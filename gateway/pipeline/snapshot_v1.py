"""The first form of a snapshot, which a store of that time still holds.

It kept the bytes of every row under the row's alarm id. A row had five integers and six doubles;
which of them a detector used is told by the rule, and the rule by its hash.
"""

from __future__ import annotations

import msgspec
import numpy as np

from detectors.admission import NEVER
from detectors.bank import Bank
from detectors.rules import RATE, STUCK, TREND
from gateway.pipeline.names import Names

# A row's integers; a detector with a memory kept one or two of its own.
ACTIVE, ON_SINCE, OFF_SINCE, OWN = 0, 1, 2, 3
INTS, DOUBLES, TIMES = 5, 6, 5
#: How many doubles each kind used.
USED = {RATE: 2, TREND: 3, STUCK: 1}


class SnapshotV1(msgspec.Struct, frozen=True, kw_only=True):
    """`points` maps tags, `devices` device ids and `rows` alarm ids to the bytes of their state."""

    v: int
    points: dict[str, bytes]
    devices: dict[str, bytes]
    rows: dict[str, tuple[str, bytes]]


def take_up_v1(saved: SnapshotV1, bank: Bank, names: Names, *, node: str) -> None:
    """Fill a bank that has seen nothing; `node` is the id with which the alarm ids begin."""
    state = bank.state
    for index, device in enumerate(names.devices):
        if device in saved.devices:
            integers = np.frombuffer(saved.devices[device], np.int64, 3)
            state.devices[index] = tuple(integers.tolist())
    for index, tag in enumerate(names.tags):
        if tag not in saved.points:
            continue
        times = np.frombuffer(saved.points[tag], np.int64, TIMES).tolist()
        point = state.points[index]
        point["last"], point["heard"], point["quiet"], point["grade"], point["unknown"] = times
        point["value"] = np.frombuffer(saved.points[tag], np.float64, 1, TIMES * 8)[0]
        for place, rule in enumerate(names.sets[names.set_numbers[index]]):
            kept = saved.rows.get(f"{node}/{tag}/{rule.name}")
            if kept is not None and kept[0] == rule.hash:
                _take_row(kept[1], bank, index, place)


def _take_row(body: bytes, bank: Bank, index: int, place: int) -> None:
    integers = np.frombuffer(body, np.int64, INTS).tolist()
    active = integers[ACTIVE]
    since = integers[OFF_SINCE] if active else integers[ON_SINCE]
    bank.state.delays[bank.first[index] + place] = (active, since)
    kind, number = bank.memory_of(index, place)
    used = USED.get(kind, 0)
    if not used:
        return
    memory = bank.state.memory[number]
    memory["kept"][:used] = np.frombuffer(body, np.float64, used, INTS * 8)
    if kind == STUCK:
        memory["since"] = integers[OWN]
        return
    memory["since"] = integers[OWN + 1]
    # One interval now serves all detectors of a point that look at it.
    if integers[OWN] != NEVER:
        bank.state.points[index]["stepped"] = integers[OWN]
