"""Derived points: values computed from the readings of several points, for rules like any other.

Each reading of a member that says something new makes one reading of every point derived from it,
by the newest readings of all its members. A member is

======== =======================================================================================
usable   its newest reading is no older than its `stale_after`, and not BAD; one beyond its range
         can vote all the same (`detectors.vote`)
lost     its newest reading is BAD; or it is stale though others have spoken for as long
awaited  stale or never heard, but the derived point has not spoken for that long: after a start,
         or when a whole site comes back, one member speaks before the others
======== =======================================================================================

What is computed is GOOD when every usable member is GOOD and none is awaited; otherwise UNCERTAIN,
which raises and never clears. Where there is nothing to compute it is BAD; with a member awaited
nothing is said. A lost member does not make it UNCERTAIN (`detectors.vote` says why): a counter
tells it, a second derived point whose value is how many members are not lost. With every member
silent a derived point is silent too.

Its time is the source time of the reading that made it, or a nanosecond more than its last one: it
only increases, and a delay on the way to us does not move it. Members that speak at one instant are
taken one after another; a rule that must not see the new value of one beside the old one of another
has an on-delay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors._derive import DEVIATION, LINK, SPEECH, SPREAD, TABLE, VOTE, derive, find
from detectors._members import SEAT, new_members
from detectors._sweep import Floats, Ints
from detectors.admission import NEVER
from detectors.arrays import Records, new_records
from detectors.deviation import BEGIN, END, KNOT, DeviationParams
from detectors.spread import SpreadParams
from detectors.vote import MOST, VoteParams

Function = VoteParams | SpreadParams | DeviationParams

KIND: Final[dict[type, int]] = {VoteParams: VOTE, SpreadParams: SPREAD, DeviationParams: DEVIATION}


class Member(NamedTuple):
    """A base point that others are derived from, and the age at which its value is stale, ns."""

    point: int
    stale_after: int


@dataclass(frozen=True, slots=True)
class Derivation:
    """What a derived point is computed from, and how.

    Parameters
    ----------
    point
        Its dense index, behind those of the base points.
    function
        How it is computed.
    members
        As many as the function has; of a deviation the point, then the other.
    counter
        Dense index of the point that says how many members are not lost, None for none.
    """

    point: int
    function: Function
    members: tuple[Member, ...]
    counter: int | None = None

    def __post_init__(self) -> None:
        points = [each.point for each in self.members]
        if len(points) != self.function.of:
            raise ValueError(
                f"derived point {self.point}: {self.function} has {self.function.of} members, "
                f"{len(points)} are given: {points}"
            )
        if len(set(points)) < len(points):
            raise ValueError(
                f"derived point {self.point}: members {points}; each stands once, "
                "a sensor does not confirm itself"
            )
        for member in self.members:
            if not 0 < member.stale_after < -NEVER:
                raise ValueError(
                    f"derived point {self.point}: {member}; stale_after is above 0 ns, "
                    "or no value would ever be new enough"
                )


class Derived(NamedTuple):
    """Readings of derived points, in order; all arrays have shape (n,).

    Parameters
    ----------
    origin
        Index, in its batch, of the reading that made this one.
    point, time, received, value, grade
        As `detectors.bank.Bank.take` reads them; the value is NaN where the grade is BAD.
    """

    origin: Ints
    point: npt.NDArray[np.int32]
    time: Ints
    received: Ints
    value: Floats
    grade: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DerivedState:
    """All that readings change, as arrays of records that may be copied whole.

    Parameters
    ----------
    members
        A `detectors._members.MEMBER` for each of `Derivations.members`.
    speech
        A `detectors._derive.SPEECH` for each of `Derivations.points`.
    """

    members: Records
    speech: Records


class Derivations:
    """The derived points of a site and their state.

    Parameters
    ----------
    count
        How many base points there are; derived points stand behind them.
    derivations
        The derived points.

    Raises
    ------
    ValueError
        A member is no base point, or a derived point is one, or is given twice.
    """

    def __init__(self, count: int, derivations: Sequence[Derivation]) -> None:
        _check(count, derivations)
        seats = [member for each in derivations for member in each.members]
        #: The base point of each member, those of one derived point beside each other.
        self.members = np.array(list(dict.fromkeys(seat.point for seat in seats)), np.int32)
        #: The derived points, without their counters.
        self.points = np.array([each.point for each in derivations], np.int32)
        self._slots = np.full(count, -1, np.int32)
        self._slots[self.members] = np.arange(self.members.size, dtype=np.int32)
        self._seats = new_records(len(seats), SEAT)
        for packed, seat in zip(self._seats, seats, strict=True):
            packed["member"], packed["stale_after"] = self._slots[seat.point], seat.stale_after
        self._table, self._knots = _pack(derivations)
        fed: list[list[int]] = [[] for _ in self.members]
        for number, each in enumerate(derivations):
            for member in each.members:
                fed[self._slots[member.point]].append(number)
        self._fed = np.array([number for numbers in fed for number in numbers], np.int32)
        counted = self._table["counter"] >= 0
        self._links = new_records(self.members.size, LINK)
        end = 0
        for link, numbers in zip(self._links, fed, strict=True):
            link["begin"], link["end"] = end, end + len(numbers)
            link["made"] = len(numbers) + int(counted[numbers].sum())
            end += len(numbers)
        self._values = np.zeros(MOST)
        self.state = DerivedState(
            members=new_members(self.members.size),
            speech=new_records(len(derivations), SPEECH),
        )
        for field in SPEECH.names or ():
            self.state.speech[field] = NEVER

    def take(
        self,
        point: npt.NDArray[np.int32],
        time: Ints,
        received: Ints,
        value: Floats,
        grade: npt.NDArray[np.uint8],
    ) -> Derived:
        """Run readings of base points, in order; return those of derived points.

        Parameters
        ----------
        point, time, received, value, grade
            As `detectors.bank.Bank.take` reads them.
        """
        found = np.empty(point.size, np.int64)
        count, most = find(point, self._slots, self._links, found)
        made = Derived(
            origin=np.empty(most, np.int64),
            point=np.empty(most, np.int32),
            time=np.empty(most, np.int64),
            received=np.empty(most, np.int64),
            value=np.empty(most, np.float64),
            grade=np.empty(most, np.uint8),
        )
        if most == 0:
            return made
        written = derive(
            found[:count],
            point,
            time,
            received,
            value,
            grade,
            self._slots,
            self._links,
            self._fed,
            self._table,
            self._seats,
            self._knots,
            self._values,
            self.state.members,
            self.state.speech,
            *made,
        )
        return Derived._make(array[:written] for array in made)

    def warm_up(self) -> None:
        """Compile every kernel on points of its own, so that the first reading does not wait."""
        own = Derivations(
            1, [Derivation(1, VoteParams(1, 1, high=True, beyond=1.0), (Member(0, 1),))]
        )
        one = np.ones(1, np.int64)
        own.take(np.zeros(1, np.int32), one, one, np.ones(1), np.zeros(1, np.uint8))


def _check(count: int, derivations: Sequence[Derivation]) -> None:
    outputs = [each.point for each in derivations]
    outputs += [each.counter for each in derivations if each.counter is not None]
    taken: set[int] = set()
    for output in outputs:
        if output < count or output in taken:
            raise ValueError(
                f"derived point {output}: each has an index of its own, from {count} on"
            )
        taken.add(output)
    for each in derivations:
        for member in each.members:
            if not 0 <= member.point < count:
                raise ValueError(
                    f"derived point {each.point}: member {member.point} is no base point (0 to "
                    f"{count - 1}); name what that one is derived from"
                )


def _pack(derivations: Sequence[Derivation]) -> tuple[Records, Records]:
    """Return a `TABLE` for each derived point, and the knots of all their curves."""
    table = new_records(len(derivations), TABLE)
    curves: list[tuple[float, float]] = []
    begin = 0
    for packed, each in zip(table, derivations, strict=True):
        packed["point"] = each.point
        packed["counter"] = -1 if each.counter is None else each.counter
        packed["begin"], packed["end"] = begin, begin + len(each.members)
        begin += len(each.members)
        # With its slowest member alone left, the point speaks as rarely as that one.
        packed["gap"] = max(member.stale_after for member in each.members)
        packed["kind"] = KIND[type(each.function)]
        numbers = each.function.pack()
        packed["params"][: len(numbers)] = numbers
        if isinstance(each.function, DeviationParams):
            packed["params"][BEGIN] = len(curves)
            curves += each.function.curve
            packed["params"][END] = len(curves)
    knots = new_records(len(curves), KNOT)
    knots[:] = curves
    return table, knots
