"""What the arrays of a bank belong to: a snapshot goes by names, not by one site file's numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.rules import Rule, has_memory


class RuleName(msgspec.Struct, frozen=True, array_like=True):
    """A rule of a set: its name, the hash of what it is, and whether it has a memory."""

    name: str
    hash: str
    remembers: bool


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Tags and device ids in the arrays' order, the rule sets, and which of them each point has.

    `point_sets` are the bytes of int32, one a point.
    """

    tags: tuple[str, ...]
    devices: tuple[str, ...]
    sets: tuple[tuple[RuleName, ...], ...]
    point_sets: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what `encode` made."""
        return msgspec.msgpack.decode(body, type=cls)

    def encode(self) -> bytes:
        """Return the names as bytes: the same for the same names."""
        return msgspec.msgpack.encode(self)

    @property
    def set_numbers(self) -> npt.NDArray[np.int32]:
        """The set of each point."""
        return np.frombuffer(self.point_sets, np.int32)

    def firsts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the first row and the first memory of each point, and behind them the counts."""
        rows = np.array([len(each) for each in self.sets], np.int64)
        memories = rows - np.array([limits(each) for each in self.sets], np.int64)
        return _starts(rows[self.set_numbers]), _starts(memories[self.set_numbers])


def name_rules(names: Sequence[str], rules: Sequence[Rule]) -> tuple[RuleName, ...]:
    """Name the rules of a set; the hash tells a rule from every other."""
    return tuple(
        RuleName(name, hashlib.sha256(repr(tuple(rule)).encode()).hexdigest(), has_memory(rule))
        for name, rule in zip(names, rules, strict=True)
    )


def limits(rules: Sequence[RuleName]) -> int:
    """Return how many of a set's rules have no memory: they stand before all others."""
    return sum(not rule.remembers for rule in rules)


def _starts(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
