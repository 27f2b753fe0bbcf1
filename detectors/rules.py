"""Rules, shared: a point has a set of them, and many points have the same set.

What stands still while readings pass (kinds, delays, parameters) exists once for each rule of a
set, not once for each point: it stays in the processor's cache however large the site is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from detectors.arrays import Records, new_records
from detectors.limit import LimitParams, calm_band
from detectors.rate import RateParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

Params = LimitParams | RateParams | TrendParams | StuckParams

# Kinds of detector. A limit has no memory; all others have.
LIMIT, RATE, TREND, STUCK = 0, 1, 2, 3
KIND: Final[dict[type, int]] = {
    LimitParams: LIMIT,
    RateParams: RATE,
    TrendParams: TREND,
    StuckParams: STUCK,
}
WIDTH: Final = 7  # parameters a rule may have
#: Rules whose state has a bit of its own in `detectors.admission.POINT`; the last is shared.
BITS: Final = 64

RULE: Final = np.dtype(
    [("on_delay", "i8"), ("off_delay", "i8"), ("kind", "i8"), ("params", "f8", (WIDTH,))]
)
#: A set: its rules stand at ``begin`` to ``end``, those with a memory from ``watching`` on. A value
#: strictly between ``calm_low`` and ``calm_high`` begins no fixed limit; `limits` has their bits.
RULE_SET: Final = np.dtype(
    [
        ("begin", "i4"),
        ("watching", "i4"),
        ("end", "i4"),
        ("limits", "u8"),
        ("calm_low", "f8"),
        ("calm_high", "f8"),
    ],
    align=True,
)


class Rule(NamedTuple):
    """Which detector with what, and its delays (ns)."""

    params: Params
    on_delay: int = 0
    off_delay: int = 0


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The sets of a bank as its kernels read them: a `RULE_SET` each, and all their `RULE`."""

    sets: Records
    rules: Records


def is_limit(rule: Rule) -> bool:
    """Return whether a rule is a fixed limit: one that needs no memory."""
    return isinstance(rule.params, LimitParams)


def rule_table(sets: Sequence[Sequence[Rule]]) -> RuleTable:
    """Pack rule sets for the kernels.

    Raises
    ------
    ValueError
        A set has a fixed limit behind a rule of another kind.
    """
    table = new_records(len(sets), RULE_SET)
    rules = new_records(sum(map(len, sets)), RULE)
    begin = 0
    for number, each in enumerate(sets):
        limits = [rule.params for rule in each if isinstance(rule.params, LimitParams)]
        for place, rule in enumerate(each):
            if is_limit(rule) != (place < len(limits)):
                raise ValueError(
                    f"rule set {number}: rule {place} is {rule.params}; "
                    "a set lists its fixed limits first, then the others"
                )
            packed = rules[begin + place]
            packed["on_delay"], packed["off_delay"] = rule.on_delay, rule.off_delay
            packed["kind"] = KIND[type(rule.params)]
            numbers = rule.params.pack()
            packed["params"][: len(numbers)] = numbers
        low, high = calm_band(limits)
        bits = (1 << min(len(limits), BITS)) - 1
        end = begin + len(each)
        table[number] = (begin, begin + len(limits), end, bits, low, high)
        begin = end
    return RuleTable(table, rules)
