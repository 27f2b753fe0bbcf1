"""The bank's state as bytes, and back: by name, so that it survives a changed site file.

A snapshot is taken each minute on the event loop, so it is little more than a copy of the bank's
arrays. What they belong to (tags, device ids, and of each rule its name and its hash) does not
change while an edge runs: it is encoded once. A site whose names are the same takes the arrays up
whole; another finds each point by its tag, each device by its id, each row by its rule's name, and
takes a row up only for the very same rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec
import numpy as np
import numpy.typing as npt

from detectors._debounce import DELAY
from detectors.admission import DEVICE, NEVER, POINT
from detectors.arrays import Records
from detectors.bank import Bank
from detectors.memory import MEMORY
from gateway.pipeline.deriving import Kept
from gateway.pipeline.names import Names, limits
from gateway.pipeline.snapshot_v1 import SnapshotV1, take_up_v1

VERSION: Final = 2
#: What a detector remembered before a trend kept four numbers.
NARROW: Final = np.dtype([("kept", "f8", (3,)), ("since", "i8")])


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """State of a bank: the bytes of its arrays, and the encoded names they belong to.

    `rows` are the int64 numbers of the rows that are not at rest, `delays` their state; `derived`
    is what derived points remember, and a gateway that knows none reads past it.
    """

    v: int = VERSION
    names: bytes
    points: bytes
    devices: bytes
    memory: bytes
    rows: bytes
    delays: bytes
    derived: list[Kept] = []


class _Versioned(msgspec.Struct):
    """Any snapshot."""

    v: int


def encode(bank: Bank, names: bytes, derived: Sequence[Kept] = ()) -> bytes:
    """Return the whole state of a bank and of the derived points."""
    state = bank.state
    rows = bank.stirred_rows()
    return msgspec.msgpack.encode(
        Snapshot(
            names=names,
            points=_bytes_of(state.points),
            devices=_bytes_of(state.devices),
            memory=_bytes_of(state.memory),
            rows=_bytes_of(rows),
            delays=_bytes_of(state.delays[rows]),
            derived=list(derived),
        )
    )


def restore(body: bytes, bank: Bank, names: bytes, *, node: str) -> list[Kept]:
    """Take up a snapshot; what it does not know, or knows of another rule, starts anew.

    Parameters
    ----------
    bank, names
        A bank that has seen nothing, and its names, encoded.
    node
        Its id, with which a version 1 names its rows.

    Returns
    -------
    list
        What it holds of derived points.

    Raises
    ------
    ValueError
        It is of a version that this gateway does not know, or torn: the bank is as it was.
    """
    version = msgspec.msgpack.decode(body, type=_Versioned).v
    present = Names.decode(names)
    if version not in {1, VERSION}:
        raise ValueError(f"a snapshot of version {version}; this gateway knows 1 to {VERSION}")
    state = bank.state
    arrays = (state.points, state.devices, state.delays, state.memory)
    before = [array.copy() for array in arrays]
    derived: list[Kept] = []
    try:
        if version == 1:
            take_up_v1(msgspec.msgpack.decode(body, type=SnapshotV1), bank, present, node=node)
        else:
            saved = msgspec.msgpack.decode(body, type=Snapshot)
            _take_up(saved, bank, present, same=saved.names == names)
            derived = saved.derived
    except (ValueError, IndexError) as error:
        # Half of a snapshot would judge the spool that is run instead by times that lie behind it.
        for array, was in zip(arrays, before, strict=True):
            array[:] = was
        raise ValueError(f"a snapshot that is not whole: {error}") from error
    bank.stir()
    return derived


def _take_up(saved: Snapshot, bank: Bank, present: Names, *, same: bool) -> None:
    past = present if same else Names.decode(saved.names)
    first, first_memory = past.firsts()
    points = _read(saved.points, POINT, len(past.tags))
    devices = _read(saved.devices, DEVICE, len(past.devices))
    memory = _read_memory(saved.memory, int(first_memory[-1]))
    rows = np.frombuffer(saved.rows, np.int64)
    delays = np.zeros(int(first[-1]), DELAY)
    delays["since"] = NEVER
    delays[rows] = _read(saved.delays, DELAY, rows.size)
    state = bank.state
    if same:
        state.points[:], state.devices[:] = points, devices
        state.memory[:], state.delays[:] = memory, delays
        return
    before, now = _pairs(past.devices, present.devices)
    state.devices[now] = devices[before]
    before, now = _pairs(past.tags, present.tags)
    state.points[now] = points[before]
    sets = np.stack([past.set_numbers[before], present.set_numbers[now]], axis=1)
    kinds, kind = np.unique(sets, axis=0, return_inverse=True)
    for number, (past_set, present_set) in enumerate(kinds.tolist()):
        chosen = kind.reshape(-1) == number
        old, new = before[chosen], now[chosen]
        places = {rule: place for place, rule in enumerate(past.sets[past_set])}
        for place, rule in enumerate(present.sets[present_set]):
            was = places.get(rule)
            if was is None:
                continue
            state.delays[bank.first[new] + place] = delays[first[old] + was]
            if rule.remembers:
                own = place - limits(present.sets[present_set])
                kept = was - limits(past.sets[past_set])
                state.memory[bank.first_memory[new] + own] = memory[first_memory[old] + kept]


def _bytes_of(array: Records) -> bytes:
    """Return an array's bytes without a copy: the encoder makes the only one."""
    return cast("bytes", array.view(np.uint8).data)


def _read(data: bytes, dtype: npt.DTypeLike, count: int) -> Records:
    if len(data) != count * np.dtype(dtype).itemsize:
        raise ValueError(f"a snapshot with {len(data)} bytes for {count} records of {dtype}")
    return np.frombuffer(data, dtype)


def _read_memory(data: bytes, count: int) -> Records:
    """Return memories; of narrow ones the numbers that they lack are 0."""
    if len(data) != count * NARROW.itemsize:
        return _read(data, MEMORY, count)
    narrow, memory = np.frombuffer(data, NARROW), np.zeros(count, MEMORY)
    memory["kept"][:, :3], memory["since"] = narrow["kept"], narrow["since"]
    return memory


def _pairs(past: Sequence[str], present: Sequence[str]) -> tuple[npt.NDArray[np.intp], ...]:
    """Return where the names that are in both stand in each."""
    places = {name: place for place, name in enumerate(past)}
    both = [(places[name], now) for now, name in enumerate(present) if name in places]
    table = np.array(both, np.intp).reshape(-1, 2)
    return table[:, 0], table[:, 1]
