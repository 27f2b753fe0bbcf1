"""The state of a link, judged by the centre's clock from the last heartbeat that came over it.

A clock that was set back makes the last heartbeat lie ahead; that link counts as lost until the
next one: what cannot be shown to be fresh is not shown as fresh. A node that speaks through a child
is judged by that child's word, and by how old that word is.
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


def shown(heard_ns: int | None, now_ns: int, *, told: str = "") -> str:
    """Return how a link stands here; never better than what the relaying child has told of it.

    Parameters
    ----------
    heard_ns
        When the node, or the child that speaks for it, was last heard.
    told
        The link as that child sees it; empty for a node that is heard here itself. When the child
        falls silent nobody knows of it: "unknown".
    """
    here = state(heard_ns, now_ns)
    if not told:
        return here
    if here in {"lost", "never"}:
        return "unknown"
    return here if told == "up" else told


def behind(via: str, link: str, *, told: str, named: str) -> str:
    """Return behind which centre a node is unknown; empty where that is known.

    Parameters
    ----------
    via, told
        The child that relays it, and its link as that child sees it.
    named
        Whom that child names, when it is itself cut off from the node.
    """
    if link != "unknown":
        return ""
    return named if told == "unknown" and named else via
