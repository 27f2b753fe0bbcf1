"""On-delay and off-delay, the same for every detector, on source time.

A rule becomes active when its condition has held for the on-delay, and inactive when its end
condition has held for the off-delay. An on-delay may run out between two readings: it then fires at
the first whole second at or after its end, either when a later reading shows that this second has
passed, or by the clock (`detectors.bank.tick`); both name the same second, so live and replay
agree. An off-delay is judged on readings alone: no data never clears.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.admission import FIXED, FULL, NEVER, SECOND
from detectors.jit import kernel

NOTHING: Final = 0
BEGAN: Final = 1
ENDED: Final = -1

# Columns of a row's integer state; a detector's own start at OWN.
ACTIVE, ON_SINCE, OFF_SINCE, OWN = 0, 1, 2, 3


@kernel
def deadline(state: npt.NDArray[np.int64], on_delay: int) -> int:
    """Return the whole second (ns) at which a pending on-delay fires, or NEVER for none."""
    if state[ACTIVE] == 1 or state[ON_SINCE] == NEVER:
        return NEVER
    return (state[ON_SINCE] + on_delay + SECOND - 1) // SECOND * SECOND


@kernel
def fire(state: npt.NDArray[np.int64]) -> None:
    """Make a pending rule active."""
    state[ACTIVE] = 1
    state[ON_SINCE] = NEVER
    state[OFF_SINCE] = NEVER


@kernel
def restart(state: npt.NDArray[np.int64], memory: npt.NDArray[np.float64]) -> None:
    """Let delays and detector begin anew; a rule that is active stays so."""
    state[ON_SINCE:] = NEVER
    memory[:] = 0.0


@kernel
def settle(
    state: npt.NDArray[np.int64],
    on_delay: int,
    off_delay: int,
    time: int,
    effect: int,
    begins: bool,
    ends: bool,
) -> int:
    """Take one verdict of a detector; return BEGAN, ENDED or NOTHING.

    Parameters
    ----------
    state
        The row's integers; changed.
    on_delay, off_delay
        In ns of source time.
    time, effect
        Of the reading, as admitted.
    begins, ends
        The detector's verdict; neither holds inside a deadband.
    """
    if state[ACTIVE] == 1:
        if not ends:
            if effect != FIXED:
                state[OFF_SINCE] = NEVER
            return NOTHING
        if effect != FULL:
            return NOTHING
        if state[OFF_SINCE] == NEVER:
            state[OFF_SINCE] = time
        if time - state[OFF_SINCE] < off_delay:
            return NOTHING
        state[ACTIVE] = 0
        state[OFF_SINCE] = NEVER
        return ENDED
    if begins:
        # A reading out of order proves an instant, not a duration.
        if effect == FIXED and on_delay > 0:
            return NOTHING
        if state[ON_SINCE] == NEVER:
            state[ON_SINCE] = time
        if time - state[ON_SINCE] < on_delay:
            return NOTHING
        fire(state)
        return BEGAN
    if effect == FULL:
        state[ON_SINCE] = NEVER
    return NOTHING
