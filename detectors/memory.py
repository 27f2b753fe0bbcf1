"""What a detector remembers of a point, and what it answers.

Every detector but the fixed limit has a memory: up to five numbers and an instant, so that four of
them fill three cache lines. Each detector names the numbers it keeps.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from detectors.admission import NEVER
from detectors.arrays import Records, new_records
from detectors.jit import kernel

#: Answers of a detector: its condition begins, its end condition holds, or neither (a deadband).
BEGINS: Final = 1
ENDS: Final = -1
NEITHER: Final = 0
#: Seconds in a nanosecond: a product where a quotient would cost four times as much.
NANO: Final = 1e-9

#: Numbers of a detector's own, and since when it watches, ns; NEVER before its first value.
MEMORY: Final = np.dtype([("kept", "f8", (5,)), ("since", "i8")])


def new_memory(count: int) -> Records:
    """Return `count` memories that have seen nothing, a `MEMORY` each."""
    memory = new_records(count, MEMORY)
    memory["since"] = NEVER
    return memory


@kernel
def empty(memory: Records) -> None:
    """Let a detector begin anew."""
    memory.kept[0] = 0.0
    memory.kept[1] = 0.0
    memory.kept[2] = 0.0
    memory.kept[3] = 0.0
    memory.kept[4] = 0.0
    memory.since = NEVER
