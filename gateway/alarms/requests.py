"""What an operator may ask of an alarm, and what is refused whatever its state."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

from gateway.alarms.definitions import AlarmDefinition
from gateway.alarms.lifecycle import IllegalTransitionError, Status, step
from gateway.model import Cause

HOUR_NS = 3600 * 1_000_000_000
MAX_SHELVE_NS = 8 * HOUR_NS
#: Causes an order may ask for; everything else comes from the plant.
ORDERS = frozenset(
    {
        Cause.ACKNOWLEDGE,
        Cause.RESET,
        Cause.SHELVE,
        Cause.UNSHELVE,
        Cause.OUT_OF_SERVICE,
        Cause.IN_SERVICE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an operator asks of one alarm; `order` and its maker `origin` where it came as one."""

    alarm: str
    revision: int
    cause: Cause
    operator: str
    comment: str = ""
    until_ns: int = 0
    order: str = ""
    origin: str = ""


def possible(definition: AlarmDefinition, status: Status) -> list[str]:
    """Return what an operator may do with an alarm as it stands: no move of the plant's."""
    found = []
    for cause in sorted(ORDERS):
        if cause == Cause.SHELVE and not definition.shelvable:
            continue
        with suppress(IllegalTransitionError):
            step(status, cause, latch=definition.latch)
            found.append(cause.value)
    return found


class RefusedError(Exception):
    """An order cannot be carried out; `reason` is a word for machines, the text is for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def check_suppression(definition: AlarmDefinition, request: Request, *, now_ns: int) -> None:
    """Check that an alarm may be set aside as asked.

    Raises
    ------
    RefusedError
        Its rule is statutory, the end is past or too far, or no reason is given.
    """
    if request.cause == Cause.SHELVE and not definition.shelvable:
        raise RefusedError(
            "not_shelvable",
            f"{definition.alarm}: {definition.standard} {definition.clause} is statutory and "
            "cannot be shelved; declare an outage with its substitute measure",
        )
    length_ns = request.until_ns - now_ns
    if length_ns <= 0:
        raise RefusedError("bad_end", f"{definition.alarm}: the end must lie ahead")
    if request.cause == Cause.SHELVE and length_ns > MAX_SHELVE_NS:
        hours, most = math.ceil(length_ns * 100 / HOUR_NS) / 100, MAX_SHELVE_NS // HOUR_NS
        raise RefusedError(
            "bad_end", f"{definition.alarm}: {hours:g} h is too long; shelve within {most} h"
        )
    if not request.comment.strip():
        raise RefusedError("no_reason", f"{definition.alarm}: a reason is required")
