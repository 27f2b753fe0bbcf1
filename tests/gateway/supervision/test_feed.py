"""The feed and its readers are bounded by bytes too: a few large items are many small ones."""

from __future__ import annotations

import pytest

from gateway.db import Database
from gateway.supervision import feed
from gateway.supervision.feed import FeedItem, Hub
from gateway.supervision.tiers import Scope

EVERYTHING = Scope(frozenset({"gw1"}), frozenset())


def test_feed_keeps_its_newest_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large items push out the oldest; a screen that missed one of these loads anew."""
    monkeypatch.setattr(feed, "RETAINED_BYTES", 4 * 2**20)
    database = Database(None, "centre")
    feed.append(database, "x", "gw1", b"{}")
    for _ in range(6):
        feed.append(database, "x", "gw1", b"y" * (feed.LARGE_BYTES + 1))
        (held,) = database.execute("SELECT SUM(LENGTH(body)) FROM feed")[0]
        assert held <= feed.RETAINED_BYTES
    assert feed.newest(database) == 7
    assert feed.since(database, 3) is None
    assert [item.position for item in feed.since(database, 4) or []] == [5, 6, 7]
    database.close()


def test_slow_reader_holds_no_more_than_its_bytes() -> None:
    """A reader that does not read is told to start anew once it holds too many bytes."""
    hub = Hub()
    body = b"y" * (feed.QUEUE_BYTES // 4)
    with hub.subscribe(EVERYTHING) as slow, hub.subscribe(EVERYTHING) as quick:
        for position in range(1, 6):
            hub.publish([FeedItem(position, "x", "gw1", "", body)], scopes_changed=False)
            assert [item.position for item in quick.take()] == [position]
        assert (slow.overflowed, quick.overflowed) == (True, False)
        assert (slow.take(), slow.seen) == ([], 5)


async def test_nobody_is_woken_by_what_is_not_theirs() -> None:
    """Of what others commit a reader sleeps on: hundreds of streams of orders cost nothing."""
    hub = Hub()
    with hub.subscribe(EVERYTHING, kinds=("order",)) as orders, hub.subscribe(EVERYTHING) as screen:
        hub.publish([FeedItem(1, "alarm", "gw2", "", b"{}")], scopes_changed=False)
        assert (orders.awake, screen.awake) == (False, False)
        hub.publish([FeedItem(2, "alarm", "gw1", "", b"{}")], scopes_changed=False)
        assert (orders.awake, screen.awake) == (False, True)
        hub.publish([FeedItem(3, "order", "gw1", "", b"{}")], scopes_changed=False)
        assert [item.position for item in orders.take()] == [3]
        hub.publish([], scopes_changed=True)
        assert orders.awake
