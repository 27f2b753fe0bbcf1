"""The session on a real Mosquitto: what outlives a connection, and what it may cost."""

from __future__ import annotations

import asyncio

import aiomqtt
import pytest

from gateway.simulation.broker import mosquitto
from tests.gateway.southbound.contract.conftest import Site
from tests.gateway.southbound.session import Listener, Tap, owed, session, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]


def numbered(count: int, begin: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(begin, begin + count)]


async def again(heard: Listener, changes: int) -> None:
    """Wait until the session was told so many changes, the last of them that it stands."""
    await until(lambda: len(heard.changes) >= changes and heard.changes[-1] is None)


async def test_a_session_is_resumed_with_what_came_meanwhile(site: Site) -> None:
    """What is published while nobody is connected comes on the next connection, in order, once."""
    settings = site.settings()
    async with session(0, **settings) as (link, _):
        await until(lambda: link.connected)
    await site.say("plant/a/v", *numbered(120))
    async with session(0, **settings) as (link, heard):
        await heard.took(120)
        link.acknowledge(heard.receipts)
        await until(lambda: not link.fenced)
        await site.say("plant/a/v", b"live")
        await heard.took(121)
        link.acknowledge(heard.receipts[-1:])
    assert heard.bodies == [*numbered(120), b"live"]
    assert not any(message.dup for message in heard.messages)


async def test_only_what_was_not_acknowledged_comes_again_marked_dup(site: Site) -> None:
    """After a cut the broker repeats, as DUP and in order, what it has no PUBACK for."""
    async with (
        Tap(site.port) as tap,
        session(0, **site.settings(tap.port)) as (link, heard),
    ):
        await until(lambda: link.connected)
        await site.say("plant/a/v", *numbered(40))
        first = list(await heard.took(40))
        link.acknowledge(owed(first[:25]))
        # The broker reads in order: the message that comes back shows that it has read the rest.
        assert link.publish("plant/mark/v", b"mark", qos=0)
        await heard.took(41)
        heard.messages.clear()
        tap.cut()
        await again(heard, 3)
        repeated = list(await heard.took(15))
        assert [message.payload for message in repeated] == numbered(15, 25)
        assert all(message.dup and message.fenced for message in repeated)
        assert {message.connection for message in repeated} == {link.connection}
        link.acknowledge(owed(repeated))
        link.mark()
        await until(lambda: heard.markers == 1 and not link.fenced)
        heard.messages.clear()
        tap.cut()
        await again(heard, 5)
        await until(lambda: not link.fenced)
        assert heard.bodies == []


async def test_acknowledgements_of_a_lost_connection_are_kept_back(site: Site) -> None:
    """What came on a connection that is gone is not acknowledged on the next: it comes again."""
    async with (
        Tap(site.port) as tap,
        session(0, **site.settings(tap.port)) as (link, heard),
    ):
        await until(lambda: link.connected)
        await site.say("plant/a/v", *numbered(10))
        first = list(await heard.took(10))
        for turn in (1, 2):
            heard.messages.clear()
            tap.cut()
            await again(heard, 1 + 2 * turn)
            repeated = await heard.took(10)
            assert [message.mid for message in repeated] == [message.mid for message in first]
            link.acknowledge(owed(first))
            await until(lambda: not link.fenced)
        assert heard.bodies == numbered(10)


async def test_a_broker_that_restarts_is_found_again(site: Site) -> None:
    """After a restart of the broker the session stands again and has lost nothing it was owed."""
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        await site.say("plant/a/v", *numbered(30))
        link.acknowledge(owed((await heard.took(30))[:20]))
        assert link.publish("plant/mark/v", b"mark", qos=0)
        await heard.took(31)
        heard.messages.clear()
        site.broker.stop()
        await until(lambda: heard.changes[-1] is not None)
        assert not link.connected
        site.broker.start()
        await again(heard, 3)
        repeated = await heard.took(10)
        assert [message.payload for message in repeated] == numbered(10, 20)
        await site.say("plant/a/v", b"after")
        await heard.took(11)
        assert heard.bodies[-1] == b"after"


async def test_another_client_of_the_same_name_takes_the_session(site: Site) -> None:
    """A second client with our identifier ends the connection; the session is taken back."""
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        before = link.connection
        old = site.version == "3.1.1"
        async with aiomqtt.Client(
            "127.0.0.1",
            site.broker.port,
            identifier="hazgate-gw",
            protocol=aiomqtt.ProtocolVersion.V311 if old else aiomqtt.ProtocolVersion.V5,
            clean_session=False if old else None,
        ):
            await until(lambda: len(heard.changes) >= 2)
            # The reason, where a broker gives one, is told: see test_refusals.
            assert "connection lost" in str(heard.changes[1])
        await until(lambda: link.connected and link.connection > before)
        await site.say("plant/a/v", b"ours")
        await heard.took(1)


async def test_pausing_and_resuming_under_load_loses_nothing(site: Site) -> None:
    """However often reading stops and goes on, every message comes once, in the order it went."""
    bodies = numbered(1500)
    async with session(0, receive_maximum=200, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        saying = asyncio.create_task(site.say("plant/a/v", *bodies))
        taken = 0
        pauses = 0
        while len(heard.messages) < len(bodies):
            await until(lambda before=taken: len(heard.receipts) > before)
            link.pause()
            pauses += 1
            reached = len(heard.messages)
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(heard.messages) == reached
            link.acknowledge(heard.receipts[taken:])
            taken = len(heard.receipts)
            link.resume()
        await saying
    assert heard.bodies == bodies
    assert pauses > 3


async def test_fence_and_markers_pass_in_their_order(site: Site) -> None:
    """What waited is fenced, the fence is the last of it; a marker is known as one."""
    settings = site.settings()
    async with session(0, **settings) as (link, _):
        await until(lambda: link.connected)
    await site.say("plant/a/v", *numbered(50))
    async with session(0, **settings) as (link, heard):
        await until(lambda: link.connected)
        await until(lambda: not link.fenced)
        assert [message.fenced for message in heard.messages] == [True] * 50
        assert heard.markers == 0
        link.mark()
        await until(lambda: heard.markers == 1)
        await site.say("plant/a/v", b"live")
        (*_, live) = await heard.took(51)
        assert not live.fenced


@pytest.mark.parametrize("site", ["5", "5 over TLS"], indirect=True)
async def test_no_more_than_the_receive_maximum_are_under_way(site: Site) -> None:
    """MQTT 5: with that many unacknowledged the broker sends no more at QoS 1, others it does."""
    async with session(0, receive_maximum=7, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        await site.say("plant/a/v", *numbered(30))
        await heard.took(7)
        link.mark()
        await until(lambda: heard.markers == 1)
        assert heard.bodies == numbered(7)
        done = 0
        while len(heard.messages) < 30:
            await until(lambda before=done: len(heard.receipts) > before)
            receipts, done = heard.receipts[done:], len(heard.receipts)
            link.acknowledge(receipts)
        assert heard.bodies == numbered(30)
