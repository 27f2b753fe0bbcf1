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
from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.limit import LimitParams, calm_band
from detectors.noise import NoiseParams
from detectors.rate import RateParams
from detectors.reason import ReasonParams
from detectors.run import RunParams
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

Params = (
    LimitParams
    | RateParams
    | TrendParams
    | StuckParams
    | ReasonParams
    | SpikeParams
    | NoiseParams
    | FallParams
    | RunParams
    | DriftParams
)

# Kinds of detector. A limit and a reason have no memory; all others have.
LIMIT, RATE, TREND, STUCK, REASON, SPIKE, NOISE, FALL, RUN, DRIFT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
KIND: Final[dict[type, int]] = {
    LimitParams: LIMIT,
    RateParams: RATE,
    TrendParams: TREND,
    StuckParams: STUCK,
    ReasonParams: REASON,
    SpikeParams: SPIKE,
    NoiseParams: NOISE,
    FallParams: FALL,
    RunParams: RUN,
    DriftParams: DRIFT,
}
WIDTH: Final = 7  # parameters a rule may have
#: Rules whose state has a bit of its own in `detectors.admission.POINT`; the last is shared.
BITS: Final = 64

RULE: Final = np.dtype(
    [("on_delay", "i8"), ("off_delay", "i8"), ("kind", "i8"), ("params", "f8", (WIDTH,))]
)
#: A set: its rules stand at ``begin`` to ``end``, those on reasons from ``reasons``, those with a
#: memory from ``watching`` on. A value strictly between ``calm_low`` and ``calm_high`` begins no
#: fixed limit; `limits` has their bits, `doubts` those of the rules on reasons.
RULE_SET: Final = np.dtype(
    [
        ("begin", "i4"),
        ("reasons", "i4"),
        ("watching", "i4"),
        ("end", "i4"),
        ("limits", "u8"),
        ("doubts", "u8"),
        ("calm_low", "f8"),
        ("calm_high", "f8"),
    ],
    align=True,
)


#: A time of this century and a delay up to this add up to what an int64 holds.
LONGEST: Final = 1 << 61


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


def has_memory(rule: Rule) -> bool:
    """Return whether a rule remembers more than its delays."""
    return not isinstance(rule.params, LimitParams | ReasonParams)


def rule_table(sets: Sequence[Sequence[Rule]]) -> RuleTable:
    """Pack rule sets for the kernels.

    Raises
    ------
    ValueError
        A set's rules are out of order, or a delay is negative or endless.
    """
    table = new_records(len(sets), RULE_SET)
    rules = new_records(sum(map(len, sets)), RULE)
    begin = 0
    for number, each in enumerate(sets):
        parts = [_part(rule) for rule in each]
        for place, rule in enumerate(each):
            if place and parts[place] < parts[place - 1]:
                raise ValueError(
                    f"rule set {number}: rule {place} is {rule.params}; a set lists its "
                    "fixed limits first, then its rules on reasons, then those with a memory"
                )
            if not (0 <= rule.on_delay <= LONGEST and 0 <= rule.off_delay <= LONGEST):
                raise ValueError(
                    f"rule set {number}: rule {place} has on_delay={rule.on_delay}, "
                    f"off_delay={rule.off_delay}; need 0 to {LONGEST} ns: a longer one and a time "
                    "overflow, and the rule would begin at once"
                )
            packed = rules[begin + place]
            packed["on_delay"], packed["off_delay"] = rule.on_delay, rule.off_delay
            packed["kind"] = KIND[type(rule.params)]
            numbers = rule.params.pack()
            packed["params"][: len(numbers)] = numbers
        limits = parts.count(0)
        watching = limits + parts.count(1)
        table[number] = (
            begin,
            begin + limits,
            begin + watching,
            begin + len(each),
            _bits(0, limits),
            _bits(limits, watching),
            *calm_band(rule.params for rule in each if isinstance(rule.params, LimitParams)),
        )
        begin += len(each)
    return RuleTable(table, rules)


def _part(rule: Rule) -> int:
    """Return which part of a set a rule belongs to, in the order of the parts."""
    return 2 if has_memory(rule) else int(isinstance(rule.params, ReasonParams))


def _bits(first: int, end: int) -> int:
    """Return the bits of `stirred` for the rules at these places."""
    bits = 0
    for place in range(first, end):
        bits |= 1 << min(place, BITS - 1)
    return bits
