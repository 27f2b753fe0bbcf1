"""The state of a link: when each child was last heard, by a clock that nobody sets.

Silence is counted by the monotonic clock, from the last heartbeat or, for who has not spoken since,
from when the centre began to listen. So the wall clock may jump: it makes no link lost and none
whole. What is shown is never better than the times beside it can prove: after a jump a screen may
show a link as lost until the next heartbeat, and the alarm does not. A node that speaks through a
child is judged by that child's word, and by how old that word is.
"""

from __future__ import annotations

from gateway.model import NANOSECONDS

LATE_NS = 30 * NANOSECONDS
LOST_NS = 45 * NANOSECONDS
#: From here on what the store holds is not believed: the watch itself may have stopped.
UNBELIEVED_NS = 60 * NANOSECONDS
AHEAD_NS = 5 * NANOSECONDS
#: What a child tells of the nodes below it comes each 10 to 15 s.
TOLD_LATE_NS = 45 * NANOSECONDS


def state(silence_ns: int, *, lost_ns: int = LOST_NS) -> str:
    """Return "up", "late" or "lost" after so much silence."""
    if silence_ns >= lost_ns:
        return "lost"
    return "up" if silence_ns < LATE_NS else "late"


def shown(stored: str | None, heard_ns: int | None, now_ns: int, *, told: str = "") -> str:
    """Return the state as a screen shows it; "never" before the first heartbeat.

    Parameters
    ----------
    stored
        What the watch, or the last heartbeat, has left in the store.
    heard_ns
        When the node, or the child that speaks for it, was last heard, by the wall clock.
    told
        The link as that child sees it; empty for a node that is heard here itself. When the child
        falls silent nobody knows of it: "unknown".
    """
    if stored is None or heard_ns is None:
        return "unknown" if told else "never"
    age_ns = now_ns - heard_ns
    believed = -AHEAD_NS <= age_ns < UNBELIEVED_NS
    if not told:
        return stored if believed else "lost"
    if not believed:
        return "unknown"
    return "late" if told == "up" and age_ns >= TOLD_LATE_NS else told


class Pulses:
    """When each child was last heard, by the monotonic clock; in memory, for this start alone.

    Parameters
    ----------
    begun_ns
        When the centre began to listen.
    """

    def __init__(self, begun_ns: int) -> None:
        self.begun_ns = begun_ns
        self._heard: dict[str, int] = {}
        self._awaited: dict[str, int] = {}

    def beat(self, node: str, now_ns: int) -> None:
        """Note that a child has spoken."""
        self._heard[node] = now_ns

    def expect(self, node: str) -> None:
        """Count the silence of a child that was there when the listening began."""
        self._awaited.setdefault(node, self.begun_ns)

    def heard(self, node: str) -> bool:
        """Whether it has spoken since the listening began."""
        return node in self._heard

    def silence(self, node: str, now_ns: int) -> int:
        """Return how long it has been silent, ns; for a new one, since this was first asked."""
        since = self._heard.get(node)
        if since is None:
            since = self._awaited.setdefault(node, now_ns)
        return now_ns - since

    def pause(self, length_ns: int) -> None:
        """Leave out a time in which the centre itself stood still and could hear nobody."""
        self.begun_ns += length_ns
        for times in (self._heard, self._awaited):
            for node in list(times):
                times[node] += length_ns


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
