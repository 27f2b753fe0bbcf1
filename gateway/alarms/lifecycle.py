"""The life of an alarm: a table and one pure step. No clock, no I/O; an undeclared move raises.

=========  ============  ======================  ============================
from       cause         to                      to, for an alarm that latches
=========  ============  ======================  ============================
NORM       raise         UNACK                   UNACK
UNACK      acknowledge   ACKED                   ACKED
UNACK      clear         RTNUN                   LUNACK
ACKED      re-alarm      UNACK                   UNACK
ACKED      clear         NORM                    LACKED
RTNUN      acknowledge   NORM                    NORM
RTNUN      raise         UNACK                   UNACK
LUNACK     acknowledge   LACKED                  LACKED
LUNACK     raise         UNACK                   UNACK
LACKED     raise         UNACK                   UNACK
LACKED     reset         NORM                    NORM
=========  ============  ======================  ============================

Only what a clear leads to depends on latching: an alarm keeps every way out of a state that it came
to before its definition began, or ceased, to latch.

Suppression (shelved, by design, out of service) stands beside the state and changes none of these
moves. When it ends with the condition still true, ACKED becomes UNACK. A raise counts an
occurrence; every move counts a revision. Source: ANSI/ISA-18.2-2016 figure 2, IEC 62682:2014 figure
2.
"""

from __future__ import annotations

import msgspec

from gateway.model import Cause, State, Suppression

S, C = State, Cause

COMMON = {
    (S.NORMAL, C.RAISE): S.UNACKNOWLEDGED,
    (S.UNACKNOWLEDGED, C.ACKNOWLEDGE): S.ACKNOWLEDGED,
    (S.ACKNOWLEDGED, C.RE_ALARM): S.UNACKNOWLEDGED,
    # What an alarm already became stays possible when its definition begins or ceases to latch.
    (S.RETURNED_UNACKNOWLEDGED, C.ACKNOWLEDGE): S.NORMAL,
    (S.RETURNED_UNACKNOWLEDGED, C.RAISE): S.UNACKNOWLEDGED,
    (S.LATCHED_UNACKNOWLEDGED, C.ACKNOWLEDGE): S.LATCHED_ACKNOWLEDGED,
    (S.LATCHED_UNACKNOWLEDGED, C.RAISE): S.UNACKNOWLEDGED,
    (S.LATCHED_ACKNOWLEDGED, C.RAISE): S.UNACKNOWLEDGED,
    (S.LATCHED_ACKNOWLEDGED, C.RESET): S.NORMAL,
}
PLAIN = COMMON | {
    (S.UNACKNOWLEDGED, C.CLEAR): S.RETURNED_UNACKNOWLEDGED,
    (S.ACKNOWLEDGED, C.CLEAR): S.NORMAL,
}
LATCHING = COMMON | {
    (S.UNACKNOWLEDGED, C.CLEAR): S.LATCHED_UNACKNOWLEDGED,
    (S.ACKNOWLEDGED, C.CLEAR): S.LATCHED_ACKNOWLEDGED,
}
#: States in which the condition itself is true.
ACTIVE = frozenset({S.UNACKNOWLEDGED, S.ACKNOWLEDGED})
#: Suppression after a cause that concerns it; anything else leaves it.
SUPPRESSION = {
    C.SHELVE: Suppression.SHELVED,
    C.UNSHELVE: Suppression.NONE,
    C.OUT_OF_SERVICE: Suppression.OUT_OF_SERVICE,
    C.IN_SERVICE: Suppression.NONE,
    C.EXPIRE: Suppression.NONE,
}
#: What a suppression must be for the cause that ends it.
ENDS = {C.UNSHELVE: {Suppression.SHELVED}, C.IN_SERVICE: {Suppression.OUT_OF_SERVICE}}
ENDS[C.EXPIRE] = {Suppression.SHELVED, Suppression.OUT_OF_SERVICE}


class IllegalTransitionError(Exception):
    """The alarm is in a state that this cause cannot move."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alarm stands: state, what stands beside it, and its two counters."""

    state: State = State.NORMAL
    suppression: Suppression = Suppression.NONE
    suppressed_until_ns: int = 0
    occurrence: int = 0
    revision: int = 0
    historical: bool = False

    @property
    def active(self) -> bool:
        """Whether the condition is true."""
        return self.state in ACTIVE

    @property
    def standing(self) -> bool:
        """Whether a screen must show it: not normal, or suppressed."""
        return self.state != State.NORMAL or self.suppression != Suppression.NONE


def step(
    status: Status, cause: Cause, *, latch: bool, historical: bool = False, until_ns: int = 0
) -> Status:
    """Return where the alarm stands after `cause`.

    Parameters
    ----------
    status
        Where it stands now.
    cause
        What happens.
    latch
        Whether its definition latches.
    historical
        For a raise: it rests on late data.
    until_ns
        For a shelving or an outage: when it ends, ns since the epoch.

    Raises
    ------
    IllegalTransitionError
        The table has no such move; names the moves it has.
    """
    state, suppression, until = status.state, status.suppression, status.suppressed_until_ns
    if cause in SUPPRESSION:
        if cause in ENDS and suppression not in ENDS[cause]:
            raise IllegalTransitionError(
                f"{cause}: the alarm is not suppressed that way (it is {suppression})"
            )
        suppression = SUPPRESSION[cause]
        until = until_ns if suppression != Suppression.NONE else 0
        if suppression == Suppression.NONE and state == State.ACKNOWLEDGED:
            state = State.UNACKNOWLEDGED
    elif cause == Cause.CONFIRM:
        if not (status.historical and status.active):
            raise IllegalTransitionError("confirm: the alarm does not stand on late data")
        historical = False
    else:
        table = LATCHING if latch else PLAIN
        try:
            state = table[state, cause]
        except KeyError:
            moves = ", ".join(sorted(c for (s, c) in table if s == status.state))
            raise IllegalTransitionError(
                f"{cause}: not possible in state {status.state}; possible: {moves}"
            ) from None
    raised = cause == Cause.RAISE
    return Status(
        state=state,
        suppression=suppression,
        suppressed_until_ns=until,
        occurrence=status.occurrence + (1 if raised else 0),
        revision=status.revision + 1,
        historical=historical if raised or cause == Cause.CONFIRM else status.historical,
    )
