"""How often something may be tried, how often it is worth writing down; bounded in memory."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv4Address, IPv6Network, ip_address

from gateway.model import NANOSECONDS, Clock

KEYS = 10_000
WINDOW_NS = 15 * 60 * NANOSECONDS
DAMPED_NS = 60 * NANOSECONDS
PREFIX = 64


def source(address: str) -> str:
    """Return what an address counts as: an IPv6 one as its /64, since a whole one is one client."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), PREFIX), strict=False))


class Throttle:
    """Counts failures per key within a window, forgetting the least used keys beyond `KEYS`.

    Parameters
    ----------
    clock
        Its monotonic time: setting the machine's clock opens nothing.
    allowed
        Failures within the window before `blocked` says yes.
    """

    def __init__(self, clock: Clock, *, allowed: int, window_ns: int = WINDOW_NS) -> None:
        self._clock = clock
        self._allowed = allowed
        self._window_ns = window_ns
        self._failures: OrderedDict[str, list[int]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._failures)

    def blocked(self, key: str) -> bool:
        """Return whether this key has failed too often of late."""
        return len(self._recent(key)) >= self._allowed

    def failed(self, key: str) -> None:
        """Count a failure."""
        recent = self._recent(key)
        recent.append(self._clock.monotonic_ns())
        self._failures[key] = recent[-self._allowed :]
        self._failures.move_to_end(key)
        while len(self._failures) > KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    def _recent(self, key: str) -> list[int]:
        since_ns = self._clock.monotonic_ns() - self._window_ns
        return [at_ns for at_ns in self._failures.get(key, ()) if at_ns > since_ns]


class Damper:
    """Says yes to a thing once a minute, so that its repetition does not fill the journal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: OrderedDict[str, int] = OrderedDict()

    def first(self, key: str) -> bool:
        """Return whether this was not seen within the last minute."""
        now_ns = self._clock.monotonic_ns()
        last_ns = self._last.get(key)
        if last_ns is not None and now_ns - last_ns < DAMPED_NS:
            return False
        self._last[key] = now_ns
        self._last.move_to_end(key)
        while len(self._last) > KEYS:
            self._last.popitem(last=False)
        return True
