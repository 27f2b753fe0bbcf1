"""Deviation: a point minus what another point says it should be.

``point - other``, as a temperature difference or the flow that a cooling circuit loses; or ``point
- curve(other)`` with a set-point curve, as the pressure difference over a collector at the present
air flow. In percent it is of the set-point: AQ 4273-2016, 5.1.4 b) limits the change of the
pressure difference to 20 % of its allowed value.

A curve is a table, straight between its knots. Outside it there is no set-point and the deviation
is BAD: it raises nothing, and holds the alarm it finds. An end value held further would be a number
that nobody measured, and could clear an alarm. Who wants it held writes one more knot.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from detectors._sweep import Floats
from detectors.arrays import Records
from detectors.jit import step
from detectors.vote import MemberFacts

PERCENT, BEGIN, END = 0, 1, 2  # the curve's knots are `BEGIN` to `END` of all curves'
#: A knot of a curve: the other point's value, and what the point should be there.
KNOT: Final = np.dtype([("x", "f8"), ("y", "f8")])


@dataclass(frozen=True, slots=True)
class DeviationParams:
    """What a point is compared with; its members are the point, then the other.

    Parameters
    ----------
    curve
        Knots (other point's value, set-point in the point's unit): none, where the other point is
        itself the set-point, or two and more, the first numbers increasing.
    percent
        Of the set-point, which must be above zero, rather than in the point's unit.
    """

    curve: tuple[tuple[float, float], ...] = ()
    percent: bool = False

    def __post_init__(self) -> None:
        if not self.curve:
            return
        if len(self.curve) < 2:
            raise ValueError(
                f"curve {self.curve}: a curve has two knots or more; add its other end"
            )
        xs, ys = zip(*self.curve, strict=True)
        # Between ends whose distance no double holds there is no straight line.
        if not all(np.isfinite(n) for n in (*xs, *ys, max(xs) - min(xs), max(ys) - min(ys))):
            raise ValueError(
                f"curve {self.curve}: its numbers are finite, and so is the distance of any two"
            )
        for before, after in pairwise(xs):
            if not before < after:
                raise ValueError(
                    f"curve {self.curve}: {after:g} follows {before:g}; "
                    "the first numbers increase, so that each value has one set-point"
                )
        if self.percent and min(ys) <= 0:
            raise ValueError(
                f"curve {self.curve}: in percent every set-point is above zero; "
                "there is no percentage of nothing"
            )

    @property
    def of(self) -> int:
        """How many members there are."""
        return 2

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them, but for where its knots stand."""
        return (float(self.percent),)


def deviation_problems(
    params: DeviationParams, point: MemberFacts, other: MemberFacts
) -> list[str]:
    """Return why one point does not say what the other should be, one text a reason."""
    problems = []
    if point.tag == other.tag:
        problems.append(f"{point.tag} cannot be compared with itself; name another tag")
    if not params.curve:
        if point.unit != other.unit:
            problems.append(
                f"{point.tag} is in {point.unit}, {other.tag} in {other.unit}; "
                "a difference needs one unit, or a curve from one to the other"
            )
        return problems
    first, last = params.curve[0][0], params.curve[-1][0]
    if other.low is None or other.high is None:
        problems.append(f"{other.tag} states no range; give it, the curve must cover it")
    elif not (first <= other.low and other.high <= last):
        problems.append(
            f"the curve covers {first:g} to {last:g}, {other.tag} measures {other.low:g} to "
            f"{other.high:g} {other.unit}; outside it nothing is judged: add knots up to both ends"
        )
    return problems


@step
def set_point(params: Floats, knots: Records, value: float) -> float:
    """Return what the curve says at the other point's value, NaN outside it."""
    low = int(params[BEGIN])
    high = int(params[END]) - 1
    if high < low:
        return value
    if not knots[low].x <= value <= knots[high].x:
        return np.nan
    if value == knots[high].x:
        return knots[high].y
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle].x <= value:
            low = middle
        else:
            high = middle
    left, right = knots[low], knots[high]
    return left.y + (right.y - left.y) * ((value - left.x) / (right.x - left.x))


@step
def deviation_step(params: Floats, knots: Records, values: Floats, usable: int) -> float:
    """Return the deviation of ``values[0]``, NaN unless both can be used and there is a set-point.

    Infinite where no double holds it.
    """
    if usable < 2:
        return np.nan
    aim = set_point(params, knots, values[1])
    off = values[0] - aim
    if params[PERCENT] == 0.0:
        return off
    return off / aim * 100.0 if aim > 0.0 else np.nan
