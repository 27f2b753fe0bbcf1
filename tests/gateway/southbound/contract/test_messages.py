"""Messages at the edges of what MQTT allows, through Mosquitto: each comes as it was sent."""

from __future__ import annotations

import pytest

from gateway.simulation.broker import mosquitto
from gateway.southbound.client import PACKET_BYTES, ROOM_BYTES
from tests.gateway.southbound.contract.conftest import Site
from tests.gateway.southbound.session import session, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]


async def test_a_packet_larger_than_the_room_comes_whole(site: Site) -> None:
    """A message that no buffer of the client's holds is put together, in its place in the order."""
    large = bytes(range(256)) * (ROOM_BYTES // 256 + 100)
    assert ROOM_BYTES < len(large) < PACKET_BYTES
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        await site.say("plant/a/v", b"before", large, b"after")
        await heard.took(3)
        assert heard.bodies == [b"before", large, b"after"]
        link.acknowledge(heard.receipts)


@pytest.mark.parametrize("site", ["5", "5 over TLS"], indirect=True)
async def test_a_packet_larger_than_we_state_stays_with_the_broker(site: Site) -> None:
    """MQTT 5: what exceeds our Maximum Packet Size is kept from us, and disturbs nothing."""
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        await site.say("plant/a/v", b"before", bytes(PACKET_BYTES), b"after")
        await heard.took(2)
        assert heard.bodies == [b"before", b"after"]
        assert heard.changes == [None]


async def test_messages_without_a_payload_are_messages(site: Site) -> None:
    """A payload of no bytes comes as one, at both QoS, and is acknowledged like any other."""
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        await site.say("plant/a/v", b"", b"", b"end", qos=0)
        await site.say("plant/a/v", b"", b"end")
        await heard.took(5)
        assert heard.bodies == [b"", b"", b"end", b"", b"end"]
        assert [message.qos for message in heard.messages] == [0, 0, 0, 1, 1]


async def test_a_topic_of_65535_bytes_is_whole(site: Site) -> None:
    """The longest topic that MQTT can write is handed over whole."""
    topic = "plant/" + "t" * (65_535 - 8) + "/v"
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        for qos in (0, 1):
            await site.say(topic, b"%d" % qos, qos=qos)
        await heard.took(2)
        assert [message.topic for message in heard.messages] == [topic, topic]
        assert heard.bodies == [b"0", b"1"]


async def test_a_topic_in_any_script_is_handed_over_as_written(site: Site) -> None:
    """No character is skipped, stripped or put in another form, a byte order mark neither."""
    names = ["氨气", "\ufeffmark", "é\u0301", "🜛", "a b", " "]
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        for name in names:
            await site.say(f"plant/{name}/v", b"1")
        await heard.took(len(names))
        assert [message.topic for message in heard.messages] == [
            f"plant/{name}/v" for name in names
        ]


async def test_what_is_published_at_qos_2_comes_at_qos_1(site: Site) -> None:
    """We ask for QoS 1, so the broker brings QoS 2 down: one PUBACK settles it."""
    async with session(0, **site.settings()) as (link, heard):
        await until(lambda: link.connected)
        await site.say("plant/a/v", b"twice as sure", b"again", qos=2)
        await heard.took(2)
        assert [message.qos for message in heard.messages] == [1, 1]
        link.acknowledge(heard.receipts)


async def test_a_retained_message_says_so(site: Site) -> None:
    """What the broker kept for new subscribers is marked; the same message live is not."""
    await site.say("plant/a/v", b"kept", retain=True)
    async with session(0, **site.settings()) as (_, heard):
        await heard.took(1)
        await site.say("plant/a/v", b"live", retain=True)
        await heard.took(2)
        assert [(m.payload, m.retain) for m in heard.messages] == [
            (b"kept", True),
            (b"live", False),
        ]
