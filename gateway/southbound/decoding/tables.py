"""Plans compiled to tables: the keys that lead to something wanted, and what to do with it there.

A plan whose pointers form no trie, or with a number that a double does not hold, is written as one
that is always slow: each of its messages goes to the judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from device_profiles.bindings import Bound
from device_profiles.decode import Plan
from gateway.southbound.decoding import _layout as layout
from gateway.southbound.decoding._keys import hash_key
from gateway.southbound.decoding._trie import Node, SaidOf, UnfitError, grow

_UNITS = {
    "auto": layout.BY_MAGNITUDE,
    "iso8601": layout.BY_TEXT,
    "unix_s": 10**9,
    "unix_ms": 10**6,
    "unix_us": 10**3,
    "unix_ns": 1,
}


@dataclass(frozen=True, slots=True)
class Tables:
    """Plans in arrays, as `_layout` describes them.

    Parameters
    ----------
    ints : ndarray, int64
        The plans, and the nodes of their tries with children, channels and sayings; in part written
        by the kernel.
    floats : ndarray, float64
        Channels, their sentinels and failures, and numbers that say something.
    text : ndarray, uint8
        Keys, and texts that say something.
    plan_of : ndarray, int64
        Where in `ints` the plan of each device stands.
    counts : ndarray, int64
        Channels of each device, and a last 0: device -1 has none.
    """

    ints: npt.NDArray[np.int64]
    floats: npt.NDArray[np.float64]
    text: npt.NDArray[np.uint8]
    plan_of: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


def compile_tables(plans: Sequence[Plan]) -> Tables:
    """Return the tables of devices with these plans; what is equal is compiled once."""
    writer = _Writer()
    known: dict[object, int] = {}
    plan_of = []
    for plan in plans:
        essence = _essence(plan)
        if essence not in known:
            known[essence] = writer.add(plan)
        plan_of.append(known[essence])
    return Tables(
        ints=np.array(writer.ints, np.int64),
        floats=np.array(writer.floats, np.float64),
        text=np.array(writer.text, np.uint8),
        plan_of=np.array(plan_of, np.int64),
        counts=np.array([*(len(plan.bound) for plan in plans), 0], np.int64),
    )


def _essence(plan: Plan) -> object:
    # -0.0 equals 0.0, and as an offset makes another value.
    signs = tuple(math.copysign(1.0, bound.offset) for bound in plan.bound)
    zone = plan.utc_offset_minutes
    return plan.payload, plan.time, plan.time_format, zone, plan.bound, signs


class _Writer:
    def __init__(self) -> None:
        self.ints: list[int] = []
        self.floats: list[float] = []
        self.text = bytearray()

    def add(self, plan: Plan) -> int:
        """Append a plan; return where it stands."""
        row = [0] * layout.PLAN_SIZE
        row[layout.MODE], row[layout.REQUIRED] = layout.ALWAYS_SLOW, layout.NO_NODE
        base = len(self.floats) // layout.CHANNEL_SIZE
        row[layout.BASE], row[layout.COUNT] = base, len(plan.bound)
        row[layout.TIMED], row[layout.TIME_UNIT] = plan.time is not None, _UNITS[plan.time_format]
        zone = plan.utc_offset_minutes
        row[layout.ZONE] = layout.NO_ZONE if zone is None else zone
        # The channels first, since their place tells their number; then the numbers they need.
        self.floats += [0.0] * layout.CHANNEL_SIZE * len(plan.bound)
        try:
            for number, bound in enumerate(plan.bound, base):
                self._channel(number * layout.CHANNEL_SIZE, bound)
            if plan.payload != "number":
                row[layout.ROOT], row[layout.REQUIRED] = self._node(grow(plan), base)
                row[layout.MODE] = layout.DOCUMENT
            elif all(_alone(bound) for bound in plan.bound):
                row[layout.MODE] = layout.BARE
        except (UnfitError, UnicodeEncodeError):
            pass
        self.floats += [0.0] * (-len(self.floats) % layout.CHANNEL_SIZE)
        self.ints += row
        return len(self.ints) - layout.PLAN_SIZE

    def _channel(self, at: int, bound: Bound) -> None:
        self.floats[at + layout.SCALE], self.floats[at + layout.OFFSET] = bound.scale, bound.offset
        self.floats[at + layout.LOW], self.floats[at + layout.HIGH] = bound.low, bound.high
        self.floats[at + layout.TEXT] = bound.text
        self.floats[at + layout.SENTINELS] = len(self.floats)
        self.floats += [_exact(each) for each in bound.sentinels]
        self.floats[at + layout.SENTINELS_END] = self.floats[at + layout.FAILED] = len(self.floats)
        self.floats += [bound.failed_low, bound.failed_high]

    def _node(self, node: Node, base: int) -> tuple[int, int]:
        """Append a node and what is below it; return where it stands, and the OBJECT among it."""
        if node.children and node.role & layout.LEAF:
            raise UnfitError
        row = [0] * layout.NODE_SIZE
        key = node.step[0].encode()
        row[layout.KEY], row[layout.KEY_SIZE] = self._spell(key), len(key)
        row[layout.ROLE] = node.role
        row[layout.MASK] = row[layout.FIRST] = row[layout.NEXT] = layout.NO_NODE
        row[layout.CHANNELS] = len(self.ints)
        self.ints += [base + channel for channel in node.channels]
        row[layout.CHANNELS_END] = row[layout.SAYINGS] = len(self.ints)
        for channel, means, value in node.sayings:
            self.ints += self._saying((base + channel, means, value))
        row[layout.SAYINGS_END] = len(self.ints)
        children, required = {}, layout.NO_NODE
        for child in node.children.values():
            children[child.step], below = self._node(child, base)
            required = max(required, below)
        if children:
            self._link(row, children)
        self.ints += row
        at = len(self.ints) - layout.NODE_SIZE
        return at, at if node.role & layout.OBJECT else required

    def _link(self, row: list[int], children: dict[tuple[str, int], int]) -> None:
        # Until a device is heard, its keys are expected in the order of the channels.
        order = list(children.values())
        row[layout.FIRST] = order[0]
        for before, after in pairwise(order):
            self.ints[before + layout.NEXT] = after
        size = 1 << (2 * len(order)).bit_length()
        buckets = [layout.NO_NODE] * size
        places = [layout.NO_NODE] * (max(index for _, index in children) + 1)
        for (key, index), child in children.items():
            at = hash_key(key.encode())
            while buckets[at & (size - 1)] != layout.NO_NODE:
                at += 1
            buckets[at & (size - 1)] = child
            if index >= 0:
                places[index] = child
        row[layout.BUCKETS], row[layout.MASK] = len(self.ints), size - 1
        self.ints += buckets
        row[layout.PLACES], row[layout.PLACES_SIZE] = len(self.ints), len(places)
        self.ints += places

    def _saying(self, said: SaidOf) -> list[int]:
        row = [0] * layout.SAYING_SIZE
        row[layout.SAYING_CHANNEL], row[layout.SAYING_MEANS], value = said
        if isinstance(value, bool):
            row[layout.SAYING_KIND], row[layout.SAYING_VALUE] = layout.BOOLEAN, value
        elif isinstance(value, str):
            word = value.encode()
            row[layout.SAYING_KIND], row[layout.SAYING_VALUE] = layout.STRING, self._spell(word)
            row[layout.SAYING_TEXT_SIZE] = len(word)
        else:
            row[layout.SAYING_KIND], row[layout.SAYING_VALUE] = layout.NUMBER, len(self.floats)
            self.floats.append(_exact(value))
        return row

    def _spell(self, said: bytes) -> int:
        self.text += said
        return len(self.text) - len(said)


def _alone(bound: Bound) -> bool:
    return bound.fault is None and bound.warming is None and bound.unit is None


def _exact(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise UnfitError from None
    if number != value or not math.isfinite(number):
        raise UnfitError
    return number
