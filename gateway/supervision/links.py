"""The state of a link, judged by the centre's clock from the last heartbeat that came over it.

A clock that was set back makes the last heartbeat lie ahead; that link counts as lost until the
next one: what cannot be shown to be fresh is not shown as fresh.
"""

from __future__ import annotations

from gateway.model import NANOSECONDS

UP_NS = 45 * NANOSECONDS
LOST_NS = 60 * NANOSECONDS
AHEAD_NS = 5 * NANOSECONDS


def state(heard_ns: int | None, now_ns: int) -> str:
    """Return "up", "late", "lost" or, before the first heartbeat, "never"."""
    if heard_ns is None:
        return "never"
    age_ns = now_ns - heard_ns
    if age_ns < -AHEAD_NS or age_ns >= LOST_NS:
        return "lost"
    return "up" if age_ns < UP_NS else "late"
