"""Run: so many values in a row beyond a limit begin it, and so many within end it.

For values that come rarely and are wild now and then, as the ratio of a statistic to its limit: an
on-delay would count time, and with one value missing begin on fewer. What is not known breaks no
run, but a run does not outlast a gap. At the limit is within, as `detectors.process` has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import step
from detectors.memory import BEGINS, ENDS, NEITHER

LIMIT, COUNT, GAP = 0, 1, 2
OVER, CALM = 0, 1  # kept: how many in a row are beyond, and within; `since` is when they began
#: Readings that may be asked for in a row: far fewer than a double counts.
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class RunParams:
    """A limit that must be passed several times in a row.

    Parameters
    ----------
    limit
        In the point's unit; a value above it is beyond.
    count
        Values in a row that begin it, and that end it.
    gap_s
        After longer than this without a value the runs begin anew, s, > 0.
    """

    limit: float
    count: int
    gap_s: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.limit):
            raise ValueError(f"run limit={self.limit}: must be a finite number")
        if not 1 <= self.count <= MOST:
            raise ValueError(f"run count={self.count}: need 1 to {MOST} values in a row")
        if not 0 < self.gap_s < np.inf:
            raise ValueError(f"run gap={self.gap_s} s: must be positive and finite")

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (self.limit, float(self.count), self.gap_s * SECOND)


@step
def run_step(rule: Records, memory: Records, elapsed: int, time: int, value: float) -> int:
    """Take one value, `elapsed` ns after the one before; return BEGINS, ENDS or neither."""
    params = rule.params
    kept = memory.kept
    if memory.since == NEVER or elapsed > params[GAP]:
        memory.since = time
        kept[OVER] = 0.0
        kept[CALM] = 0.0
    if value > params[LIMIT]:
        kept[CALM] = 0.0
        kept[OVER] = min(kept[OVER] + 1.0, params[COUNT])
        return BEGINS if kept[OVER] >= params[COUNT] else NEITHER
    kept[OVER] = 0.0
    kept[CALM] = min(kept[CALM] + 1.0, params[COUNT])
    return ENDS if kept[CALM] >= params[COUNT] else NEITHER
