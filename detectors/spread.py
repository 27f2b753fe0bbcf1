"""Spread: how far members that measure the same thing are apart, highest minus lowest.

Two sensors of one place that disagree are a sensor fault before either is beyond a limit. The same
comparison stands in analogue voters as "Deviation Limit Exceeded" (Emerson DeltaV, block AVTR). It
speaks of the members that can be used: a lost one is told by its own faults, and by the counter
beside the spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors._sweep import Floats
from detectors.jit import step
from detectors.vote import MOST, MemberFacts, unlike


@dataclass(frozen=True, slots=True)
class SpreadParams:
    """The spread of a number of members.

    Parameters
    ----------
    of
        How many members there are, 2 to `detectors.vote.MOST`.
    """

    of: int

    def __post_init__(self) -> None:
        if not 2 <= self.of <= MOST:
            raise ValueError(
                f"spread of {self.of} members: 2 to {MOST}; one alone disagrees with nobody"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return ()


def spread_problems(members: Sequence[MemberFacts]) -> list[str]:
    """Return why these members have no spread, one text a reason; their ranges may differ."""
    return unlike(members, "a spread")


@step
def spread_step(values: Floats, usable: int) -> float:
    """Return highest minus lowest of the first `usable` values, NaN of fewer than two.

    Infinite where no double holds the difference.
    """
    if usable < 2:
        return np.nan
    lowest = values[0]
    highest = values[0]
    for place in range(1, usable):
        lowest = min(lowest, values[place])
        highest = max(highest, values[place])
    return highest - lowest
