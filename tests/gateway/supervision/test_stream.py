"""The live stream: exactly what was missed, then what happens, and never silently less."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.supervision import feed
from gateway.supervision.api import stream as stream_module
from gateway.supervision.api.stream import STREAMS_AT_MOST, STREAMS_KEPT
from gateway.supervision.feed import FeedItem, Hub
from gateway.supervision.tiers import Role, Scope
from tests.gateway.supervision.stream import Stream
from tests.gateway.supervision.world import World


async def alarms_until(stream: Stream, revision: int) -> list[tuple[str, int]]:
    found = []
    while not found or found[-1][1] != revision:
        frame = await stream.next("alarm")
        found.append((frame.id, frame.data["revision"]))
    return found


async def test_resume_gives_exactly_what_was_missed(world: World) -> None:
    """A screen that names its last event gets what followed, each once, in order, then the live."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    person = await world.person("li", Role.VIEWER, "330106")
    async with world.stream(person) as stream:
        await stream.next("ping")
        await child.events(child.event())
        last = (await stream.next("alarm")).id
    for _ in range(5):
        await child.events(child.event())
    async with world.stream(person, Last_Event_ID=last) as stream:
        missed = await alarms_until(stream, 6)
        await child.events(child.event())
        live = await alarms_until(stream, 7)
    assert [revision for _, revision in missed + live] == [2, 3, 4, 5, 6, 7]
    positions = [int(identity) for identity, _ in missed + live]
    assert positions == sorted(set(positions))
    assert positions[0] > int(last)


async def test_loaded_position_leaves_no_hole(world: World) -> None:
    """What is committed between loading the list and following the stream is told."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    person = await world.person("li", Role.VIEWER, "330106")
    position = (await person.get("/api/v1/alarms")).json()["position"]
    await child.events(child.event())
    async with world.stream(person, f"/api/v1/events?after={position}") as stream:
        assert (await stream.next("alarm")).data["revision"] == 1


async def test_unknown_position_resets(world: World) -> None:
    """A position of another store, or one the feed no longer holds, asks for a reload."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    person = await world.person("li", Role.VIEWER, "330106")
    async with world.stream(person, Last_Event_ID="999999") as stream:
        assert (await stream.next()).event == "reset"
    await world.centre.store.write(
        lambda write: write.execute("DELETE FROM feed WHERE position < 3")
    )
    async with world.stream(person, Last_Event_ID="1") as stream:
        assert (await stream.next()).event == "reset"


async def test_no_position_is_no_error(world: World) -> None:
    """A last event that no store can have counts as none; a great one asks for a reload."""
    person = await world.person("li", Role.VIEWER, "330106")
    for last, first in (
        ("9" * 5000, "ping"),
        ("\u00b2", "ping"),
        ("-1", "ping"),
        ("9" * 19, "reset"),
    ):
        headers = {"Last-Event-ID": last.encode("latin-1")}
        async with person.stream("GET", "/api/v1/events", headers=headers) as answer:
            assert answer.status_code == 200
            assert (await Stream(answer).next()).event == first


async def test_feed_is_bounded(world: World) -> None:
    """The feed keeps its last positions and forgets the older ones."""
    kept = feed.RETAINED

    await world.centre.store.write(
        lambda write: write.execute(
            "INSERT INTO feed (position, kind, node, hazard, body) VALUES (1, 'x', '', '', '')"
        )
    )
    high = (kept // feed.PRUNE_EVERY + 2) * feed.PRUNE_EVERY
    await world.centre.store.write(
        lambda write: write.execute(
            "INSERT INTO feed (position, kind, node, hazard, body) VALUES (?, 'x', '', '', '')",
            (high - 1,),
        )
    )
    await world.centre.store.write(lambda write: write.publish("x", "", b"{}"))
    assert await world.rows("SELECT MIN(position) FROM feed") == [(high - 1,)]


async def test_slow_reader_is_told(clock: object) -> None:
    """A reader that lags beyond its queue loses the queue and learns it; others lose nothing."""
    assert clock is not None
    hub = Hub()
    scope = Scope(frozenset({"gw1"}), frozenset())
    with hub.subscribe(scope, limit=10) as slow, hub.subscribe(scope, limit=100) as quick:
        for position in range(1, 21):
            hub.publish([FeedItem(position, "alarm", "gw1", "", b"{}")], scopes_changed=False)
        assert slow.overflowed
        assert len(slow.take()) <= 10
        assert [item.position for item in quick.take()] == list(range(1, 21))
        assert not quick.overflowed


async def test_commit_reaches_the_stream_at_once(world: World) -> None:
    """A commit is told by notice, not by looking: well within a tenth of a second."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    person = await world.person("li", Role.VIEWER, "330106")
    loop = asyncio.get_running_loop()
    delays = []
    async with world.stream(person) as stream:
        await stream.next("ping")
        for _ in range(20):
            await child.events(child.event())
            committed = loop.time()
            await stream.next("alarm")
            delays.append(loop.time() - committed)
    assert sorted(delays)[10] < 0.1


async def test_newest_streams_of_a_session_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stream too many of a session ends its oldest; other sessions lose nothing."""
    monkeypatch.setattr(stream_module, "PING_S", 0.05)
    person = await world.person("li", Role.VIEWER, "330106")
    other = await world.person("wu", Role.VIEWER, "330106")
    async with asyncio.timeout(20), AsyncExitStack() as stack:
        kept = await stack.enter_async_context(world.stream(other))
        streams = [
            await stack.enter_async_context(world.stream(person)) for _ in range(STREAMS_KEPT + 1)
        ]
        with pytest.raises(EOFError):
            await streams[0].until("ping", lambda _: False)
        for stream in (*streams[1:], kept):
            await stream.next("ping")
            await stream.next("ping")
        assert len(world.centre.hub) == STREAMS_KEPT + 1


async def test_streams_of_a_session_are_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the old streams do not leave, the next is refused; one that ends makes room."""
    monkeypatch.setattr(stream_module, "PING_S", 60.0)
    person = await world.person("li", Role.VIEWER, "330106")
    path = "/api/v1/events"
    async with AsyncExitStack() as stack:
        async with world.stream(person):
            for _ in range(STREAMS_AT_MOST - 1):
                await stack.enter_async_context(world.stream(person))
            refused = await person.get(path)
            assert (refused.status_code, refused.json()["detail"]["code"]) == (429, "streams")
        async with asyncio.timeout(10):
            while True:
                answer = await stack.enter_async_context(person.stream("GET", path))
                if answer.status_code != 429:
                    break
        assert answer.status_code == 200
        assert (await person.get(path)).status_code == 429


async def test_stop_ends_streams(open_world: object, world: World) -> None:
    """A centre that stops ends its streams instead of waiting for them."""
    assert open_world is not None
    person = await world.admin()
    async with world.stream(person) as stream:
        await stream.next("ping")
        world.centre.hub.close()
        ended = False
        try:
            await stream.next()
        except EOFError:
            ended = True
    assert ended
