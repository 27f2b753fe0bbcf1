"""Vote: an alarm that M of N members must agree on, degraded towards action.

At least M of N values are at or above a limit exactly when the M-th highest value is. So a voted
value is an order statistic (1oo2 the higher, 2oo2 the lower, 2oo3 the median) and its alarms are
ordinary limits of it, with their deadband and delays; for low limits it is the M-th lowest. It is
values that vote, not members' alarms: a member inside its deadband votes no more. A member beyond
its range on the side of the limits has no value but votes; when the vote comes to rest on it, its
value is the end of the range.

A lost member counts as a vote for action: of the others ``M - lost`` must agree, at least one. 2oo3
becomes 1oo2, then 1oo1; 2oo2 and 1oo2 become 1oo1. Gas controllers count a fault like this ("Fault
as Alarm", Sensitron MULTISCAN++S1 manual MT3401E, 4.5.6), analogue voters a bypass (Emerson DeltaV,
block AVTR, A_NUM_TO_TRIP); behaviour on a detected fault: IEC 61511-1:2016, 11.3. With all lost
there is no vote: it is BAD and holds what stands. Where a site states ``on_bad = "trip"``, that
counter's limit at none left sounds, and so does its silence.

While fewer than M are lost, the degraded vote is beyond a limit whenever the full one would be,
whatever the lost members said: of M values beyond it at most ``lost`` are missing. That it is calm
thus proves that the full vote is, and it clears as a full vote does. Otherwise (one left of a 1oo2)
it clears on what is left: an alarm that never cleared while a sensor waits for repair would be
switched off. How many are left is told by a counter beside the vote (`detectors.derived`), with a
limit of its own: `fewer_than`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors._sweep import Floats
from detectors.jit import step
from detectors.limit import LimitParams

NEEDED, SIGN, BEYOND = 0, 1, 2
#: A vote of more is a zone, not a redundant measurement.
MOST: Final = 8


@dataclass(frozen=True, slots=True)
class VoteParams:
    """M of N: `needed` of `of` members.

    Parameters
    ----------
    needed
        How many must agree, 1 to `of`.
    of
        How many members there are, 1 to `MOST`.
    high
        True for H and HH limits, False for L and LL. While every member is usable the median of an
        odd number serves both; degraded it does not, so a point votes for one side.
    beyond
        The upper end of the members' range, or for low limits the lower: no limit lies beyond it.
    """

    needed: int
    of: int
    high: bool
    beyond: float

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.of <= MOST:
            raise ValueError(
                f"vote {self.needed} out of {self.of}: need 1 <= needed <= members <= {MOST}; "
                "more than all can never agree"
            )
        if not np.isfinite(self.beyond):
            raise ValueError(
                f"vote beyond={self.beyond}: state the finite end of the members' range; "
                "it is what the vote reads when they are beyond it"
            )

    def pack(self) -> tuple[float, ...]:
        """Return the parameters as the kernel reads them."""
        return (float(self.needed), 1.0 if self.high else -1.0, self.beyond)


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What a member measures, as the site's author wrote it.

    Parameters
    ----------
    tag, quantity, unit
        Of the point.
    low, high
        Its range in its unit, None where none is stated.
    hazard
        Of the place where it stands, as its area names it.
    basis
        What a unit rests on that means something only with it: the gas whose lower explosive limit
        is 100 %LEL, and the standard that lists it.
    """

    tag: str
    quantity: str
    unit: str
    low: float | None
    high: float | None
    hazard: str = ""
    basis: str = ""


def fewer_than(members: int) -> LimitParams:
    """Return the rule of a counter that begins when fewer members are left.

    With the number of all members it says that the vote, or the spread, is degraded.
    """
    return LimitParams(float(members), high=False, strict=True)


def vote_problems(members: Sequence[MemberFacts]) -> list[str]:
    """Return why these members cannot vote with each other, one text a reason.

    Ranges must agree as well: a member whose range ends lower is lost first, just when the hazard
    grows.
    """
    problems = unlike(members, "a vote")
    if members:
        first = members[0]
        problems += [
            f"{each.tag} measures {_span(each)}, {first.tag} {_span(first)}; "
            "members of a vote have one range: the shorter is lost first, as the hazard grows"
            for each in members[1:]
            if (each.low, each.high) != (first.low, first.high)
        ]
    return problems


def unlike(members: Sequence[MemberFacts], what: str) -> list[str]:
    """Return why these members are no measurements of the same thing, in number and kind.

    Parameters
    ----------
    members
        In the order they are written; each is compared with the first.
    what
        What they are members of, as in "a vote".
    """
    problems = []
    if not 2 <= len(members) <= MOST:
        problems.append(f"{what} has 2 to {MOST} members, not {len(members)}; name that many tags")
    tags = [each.tag for each in members]
    problems += [
        f"{tag} is named twice; one sensor is one member"
        for tag in dict.fromkeys(tags)
        if tags.count(tag) > 1
    ]
    for each in members[1:]:
        for fact in ("quantity", "unit", "basis", "hazard"):
            mine, other = getattr(each, fact), getattr(members[0], fact)
            if mine != other:
                problems.append(
                    f"{each.tag} has {fact} {mine!r}, {members[0].tag} {other!r}; "
                    f"{what} compares like with like: name members with one {fact}"
                )
    return problems


def _span(facts: MemberFacts) -> str:
    low, high = ("?" if end is None else f"{end:g}" for end in (facts.low, facts.high))
    return f"{low} to {high} {facts.unit}"


@step
def vote_step(params: Floats, values: Floats, usable: int, lost: int) -> float:
    """Return the value that as many as are needed have reached, NaN with too few to tell.

    Infinite when that is one beyond its range.

    Parameters
    ----------
    params
        As packed.
    values
        Shape (MOST,): those of the `usable` members come first, none NaN; changed.
    lost
        How many members are lost. One that is still awaited is neither usable nor lost.
    """
    needed = max(1, int(params[NEEDED]) - lost)
    if usable < needed:
        return np.nan
    for end in range(1, usable):
        value = values[end]
        place = end
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
    return values[usable - needed] if params[SIGN] > 0 else values[needed - 1]
