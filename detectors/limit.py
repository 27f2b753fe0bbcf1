"""Fixed limit: a level HH, H, L or LL with a deadband.

A high level begins at value >= limit and ends below limit - deadband; a low level begins at value
<= limit and ends above limit + deadband. A rule whose clause says "more than" or "less than" states
a strict comparison. Deadband and delays: ISA-18.2 / IEC 62682:2014, 10.3 (basic alarm design).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detectors.arrays import Records
from detectors.jit import step

LIMIT, SIGN, DEADBAND, STRICT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class LimitParams:
    """One level of a point.

    Parameters
    ----------
    limit
        In the point's unit; finite.
    high
        True for H and HH, False for L and LL.
    deadband
        In the point's unit, >= 0.
    strict
        The limit itself is still inside ("more than", "less than").
    """

    limit: float
    high: bool
    deadband: float = 0.0
    strict: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.limit) and np.isfinite(self.deadband) and self.deadband >= 0):
            raise ValueError(
                f"limit={self.limit}, deadband={self.deadband}: "
                "a limit is finite and a deadband finite and not negative"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (self.limit, 1.0 if self.high else -1.0, self.deadband, float(self.strict))


def calm_band(limits: Iterable[LimitParams]) -> tuple[float, float]:
    """Return the bounds strictly between which none of these limits begins."""
    levels = list(limits)
    low = max((level.limit for level in levels if not level.high), default=-np.inf)
    high = min((level.limit for level in levels if level.high), default=np.inf)
    return low, high


@step
def limit_step(rule: Records, value: float) -> tuple[bool, bool]:
    """Judge one value; a rule without state of its own. Return (begins, ends)."""
    params = rule.params
    # For a low level both sides change sign, so that one comparison serves.
    signed = value * params[SIGN]
    edge = params[LIMIT] * params[SIGN]
    begins = signed > edge if params[STRICT] == 1.0 else signed >= edge
    if params[SIGN] > 0:
        ends = value < params[LIMIT] - params[DEADBAND]
    else:
        ends = value > params[LIMIT] + params[DEADBAND]
    # With no deadband, a strict rule ends at the limit itself.
    if params[DEADBAND] == 0.0:
        ends = not begins
    return begins, ends
