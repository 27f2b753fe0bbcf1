"""What people do about an alarm of the centre's own: it is done here and now, no node is asked."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alarms.requests import RefusedError, Request
from gateway.model import NANOSECONDS, Cause
from gateway.supervision import child_alarms
from gateway.supervision.api.deps import Asking, problem
from gateway.supervision.centre import Centre
from gateway.supervision.tiers import scope_of
from gateway.supervision.write import Write

MINUTE_NS = 60 * NANOSECONDS
#: What was asked rests on a picture that is old; anything else cannot be asked like that.
CONFLICTS = {"stale_revision", "not_possible"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an operator asks of an alarm, and the revision that the screen showed."""

    alarm: str
    revision: int
    action: str
    comment: str
    minutes: int


async def act(centre: Centre, asking: Asking, node: str, wish: Wish) -> None:
    """Move one of the centre's own alarms about a child."""
    try:
        await centre.store.write(lambda write: _move(write, centre, asking, node, wish=wish))
    except RefusedError as error:
        status = 409 if error.reason in CONFLICTS else 422
        raise problem(status, error.reason, str(error)) from error


def _move(write: Write, centre: Centre, asking: Asking, node: str, *, wish: Wish) -> None:
    scope = scope_of(write.database, asking.subject, at_ns=write.now_ns)
    if not scope.sees(node):
        raise problem(404, "alarm", f"alarm {wish.alarm}: there is none of this name")
    request = Request(
        alarm=wish.alarm,
        revision=wish.revision,
        cause=Cause(wish.action),
        operator=asking.subject.name,
        comment=wish.comment,
        until_ns=write.now_ns + wish.minutes * MINUTE_NS,
    )
    child_alarms.order(write, node, request, limits=centre.watch.limits)
