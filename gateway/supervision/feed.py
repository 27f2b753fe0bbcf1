"""The feed: what screens are told, in commit order, each item under a position that never repeats.

The writer hands committed items to the `Hub` on the event loop; each subscriber has a bounded
queue. Whoever is too slow for it loses the queue and is told to load everything anew: memory
never grows with a slow reader, and nothing is dropped without the screen knowing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from gateway.db import Database
from gateway.supervision.tiers import Scope

QUEUE_ITEMS = 2_000
QUEUE_BYTES = 32 * 2**20
#: What a screen that comes back may have missed; whoever missed more loads everything anew.
RETAINED = QUEUE_ITEMS
RETAINED_BYTES = 64 * 2**20
PRUNE_EVERY = 256
LARGE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One thing to tell: a position, what it is, whose it is, and its JSON."""

    position: int
    kind: str
    node: str
    hazard: str
    body: bytes


class Subscription:
    """One reader's bounded queue; it is filled and emptied on the event loop only.

    Parameters
    ----------
    scope
        What the reader may see, as read when it subscribed.
    limit
        Items held for a slow reader, within `QUEUE_BYTES`, before it is told to start anew.
    kinds
        Of which it wants to hear; of all when none are named.
    """

    # `seen` is the last position offered, kept or not: after `take`, nothing before it is owed.

    def __init__(
        self, scope: Scope, *, limit: int = QUEUE_ITEMS, kinds: Collection[str] = ()
    ) -> None:
        self.scope = scope
        self.kinds = kinds
        self.limit = limit
        self.outdated = False
        self.overflowed = False
        self.closed = False
        self.seen = 0
        self._items: deque[FeedItem] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def offer(self, items: Sequence[FeedItem]) -> None:
        """Take what was committed; of what this reader may not see nothing is kept or noticed."""
        before = len(self._items)
        for item in items:
            if self.kinds and item.kind not in self.kinds:
                continue
            if self.outdated or self.scope.sees(item.node, item.hazard):
                self._items.append(item)
                self._bytes += len(item.body)
        if items:
            self.seen = items[-1].position
        if len(self._items) > self.limit or self._bytes > QUEUE_BYTES:
            self.overflowed = True
            self._clear()
        # A reader has nothing to do with most of what is committed, and there are hundreds.
        if self.overflowed or len(self._items) > before:
            self._wake.set()

    @property
    def awake(self) -> bool:
        """Whether there is something to look at."""
        return self._wake.is_set()

    def outdate(self) -> None:
        """Say that divisions or accounts changed: read the scope again before the next item."""
        self.outdated = True
        self._wake.set()

    def close(self) -> None:
        """End the stream once the reader looks."""
        self.closed = True
        self._wake.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when there is something to look at, at the latest after `timeout_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()

    def take(self) -> list[FeedItem]:
        """Return what is queued and empty the queue."""
        self._wake.clear()
        taken = list(self._items)
        self._clear()
        return taken

    def _clear(self) -> None:
        self._items.clear()
        self._bytes = 0


class Hub:
    """Hands committed items to every subscriber; lives on the event loop."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def __len__(self) -> int:
        """Return how many readers there are."""
        return len(self._subscriptions)

    @contextmanager
    def subscribe(
        self, scope: Scope, *, limit: int = QUEUE_ITEMS, kinds: Collection[str] = ()
    ) -> Iterator[Subscription]:
        """Register a reader for the duration of a block."""
        subscription = Subscription(scope, limit=limit, kinds=kinds)
        subscription.closed = self._closed
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def publish(self, items: Sequence[FeedItem], *, scopes_changed: bool) -> None:
        """Pass on what one transaction committed, in its order."""
        kinds = {item.kind for item in items}
        for subscription in self._subscriptions:
            if scopes_changed:
                subscription.outdate()
            if not subscription.kinds or not kinds.isdisjoint(subscription.kinds):
                subscription.offer(items)

    def close(self) -> None:
        """End all streams, now and from now on, so that a server can stop."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()


def append(database: Database, kind: str, node: str, body: bytes, *, hazard: str = "") -> FeedItem:
    """Write one item inside the caller's transaction and return it with its position."""
    rows = database.execute(
        "INSERT INTO feed (kind, node, hazard, body) VALUES (?, ?, ?, ?) RETURNING position",
        (kind, node, hazard, body),
    )
    position = int(rows[0][0])
    if position % PRUNE_EVERY == 0 or len(body) > LARGE_BYTES:
        _prune(database, position - RETAINED)
    return FeedItem(position, kind, node, hazard, body)


def _prune(database: Database, position: int) -> None:
    database.execute("DELETE FROM feed WHERE position <= ?", (position,))
    database.execute(
        "DELETE FROM feed WHERE position <= (SELECT MAX(position) FROM (SELECT position, "
        "SUM(LENGTH(body)) OVER (ORDER BY position DESC) AS held FROM feed) AS counted "
        "WHERE held > ?)",
        (RETAINED_BYTES,),
    )


def newest(database: Database) -> int:
    """Return the position of the last item that was committed, 0 before the first."""
    return int(database.execute("SELECT COALESCE(MAX(position), 0) FROM feed")[0][0])


def since(database: Database, position: int, *, limit: int = QUEUE_ITEMS) -> list[FeedItem] | None:
    """Return what followed a position, or None when that can no longer be told without a hole."""
    low, high = database.execute(
        "SELECT COALESCE(MIN(position), 0), COALESCE(MAX(position), 0) FROM feed"
    )[0]
    if position > high or position + 1 < low or high - position > limit:
        return None
    rows = database.execute(
        "SELECT position, kind, node, hazard, body FROM feed WHERE position > ? ORDER BY position",
        (position,),
    )
    return [FeedItem(*row) for row in rows]
