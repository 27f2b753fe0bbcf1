"""Fall: a value below what is usual for it, by a stated amount.

Oxygen in air is 20.9 %vol everywhere; a gas that nobody measures shows as what it pushes away. One
%vol of oxygen less is about 4.8 %vol of another gas (``1 / 0.209``), long before any limit on
oxygen. The usual value is a mean over `tau` (the plain mean of what was seen until it has watched
for so long). It stands still while a value is away from it by half the amount or more, up or down,
so that a fall does not teach itself. A value that stays away for `hold` is the new usual one: a
sensor was adjusted, or was off while it was first watched. What has begun then ends, for an alarm
that no value could end would be shelved for ever; where it must not end by itself it is latched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.admission import NEVER, SECOND
from detectors.arrays import Records
from detectors.jit import kernel, step
from detectors.memory import BEGINS, ENDS, NANO, NEITHER

AMOUNT, DEADBAND, TAU, HOLD, WATCH = 0, 1, 2, 3, 4
USUAL, AWAY = 0, 1  # kept; `since` is when watching started
#: `AWAY` is for how long (ns) it has been away from the usual value, or this while it is near.
NEAR = -1.0


@dataclass(frozen=True, slots=True)
class FallParams:
    """How far a value may fall below its usual one. No default: it depends on the place.

    Parameters
    ----------
    amount
        Below the usual value, in the point's unit, > 0.
    tau_s
        Time constant of the usual value, s, > 0; nothing is judged before it was watched so long.
    hold_s
        After how long a value away from the usual one is the usual one, s, > 0: longer than a fall
        may go without an answer.
    deadband
        In the point's unit, below `amount`.
    """

    amount: float
    tau_s: float
    hold_s: float
    deadband: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.amount < np.inf and 0 <= self.deadband < self.amount):
            raise ValueError(
                f"fall amount={self.amount}, deadband={self.deadband}: "
                "need 0 <= deadband < amount, or a fall that began would never end"
            )
        if not (0 < self.tau_s < np.inf and 0 < self.hold_s < np.inf):
            raise ValueError(
                f"fall tau={self.tau_s} s, hold={self.hold_s} s: both must be positive and finite"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        hold, watch = self.hold_s * SECOND, self.tau_s * SECOND
        return (self.amount, self.deadband, self.tau_s, hold, watch)


@step
def fall_step(rule: Records, memory: Records, elapsed: int, time: int, value: float) -> int:
    """Take one value, `elapsed` ns after the one before; return BEGINS, ENDS or neither."""
    params = rule.params
    kept = memory.kept
    if memory.since == NEVER:
        usual_from(memory, time, value)
        return NEITHER
    usual = kept[USUAL]
    fallen = usual - value
    watched = time - memory.since
    if watched < params[WATCH]:
        kept[USUAL] = usual - fallen * (elapsed / watched)
        return NEITHER
    if abs(fallen) < 0.5 * params[AMOUNT]:
        dt = elapsed * NANO
        kept[USUAL] = usual - fallen * (dt / (params[TAU] + dt))
        kept[AWAY] = NEAR
    elif kept[AWAY] == NEAR:
        kept[AWAY] = 0.0
    else:
        kept[AWAY] += elapsed
        if kept[AWAY] >= params[HOLD]:
            usual_from(memory, time, value)
            return NEITHER
    if fallen >= params[AMOUNT]:
        return BEGINS
    return ENDS if fallen < params[AMOUNT] - params[DEADBAND] else NEITHER


@kernel
def usual_from(memory: Records, time: int, value: float) -> None:
    """Begin with this value as the usual one."""
    memory.since = time
    memory.kept[USUAL] = value
    memory.kept[AWAY] = NEAR
