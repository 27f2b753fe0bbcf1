"""Loop currents: what 4 to 20 mA stand for, and where a current is no measurement any more.

================== =======================================================
current            what it says (NAMUR NE 43, edition of 2003-02-03)
================== =======================================================
<= 3.6 mA          failure: a broken wire, or a transmitter that reports itself
3.6 to 3.8 mA      nothing: no measurement, and not yet a failure
3.8 to 20.5 mA     measurement, a little beyond both ends of the range too
20.5 to 21.0 mA    nothing
>= 21.0 mA         failure
================== =======================================================

The recommendation is sold, not published: its numbers are those that vendors' manuals agree on
(Azbil GTX: failure "<= 3.6 mA or >= 21.0 mA"; measurement 3.8 to 20.5 mA). The edition of
2021-07-26 adds a margin for the side that receives, which was not found in print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Signal = Literal["4-20mA"]
#: mA at the lower end of the range, and how many more at the upper one.
ZERO: Final = 4.0
SPAN: Final = 16.0
#: Lowest and highest current that carries a measurement, mA.
MEASURED: Final = (3.8, 20.5)
#: From here on, down and up, a current says that the device failed, mA.
FAILED: Final = (3.6, 21.0)


@dataclass(frozen=True, slots=True)
class Loop:
    """A current as values in the unit of its range: ``mA * scale + offset``.

    Parameters
    ----------
    scale, offset
        mA to the unit.
    """

    scale: float
    offset: float

    def value(self, current: float) -> float:
        """Return what a current in mA stands for, computed as decoding does, to the last bit."""
        return current * self.scale + self.offset

    @property
    def measured(self) -> tuple[float, float]:
        """Lowest and highest value that is a measurement; both are."""
        return self.value(MEASURED[0]), self.value(MEASURED[1])

    @property
    def failed(self) -> tuple[float, float]:
        """Values at which, and beyond which, the device failed."""
        return self.value(FAILED[0]), self.value(FAILED[1])

    @property
    def blurred(self) -> bool:
        """Whether a double cannot tell these currents apart in the unit: the range is too fine."""
        low, high = self.measured
        failed_low, failed_high = self.failed
        return not failed_low < low < high < failed_high


def over(low: float, high: float) -> Loop:
    """Return the loop whose 4 mA stand for `low` and whose 20 mA for `high`."""
    scale = (high - low) / SPAN
    return Loop(scale, low - ZERO * scale)
