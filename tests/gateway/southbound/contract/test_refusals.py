"""A broker that says no: to the session, to a subscription, or to going on. It is told why."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.gateway.southbound.contract.frames import DISCONNECT, SUBSCRIBE, Publish, connack, packet
from tests.gateway.southbound.contract.scripted import Scripted
from tests.gateway.southbound.session import session, until

REFUSED = [
    ("3.1.1", 2, "Client identifier not valid"),
    ("3.1.1", 3, "Server unavailable"),
    ("3.1.1", 4, "Bad user name or password"),
    ("3.1.1", 5, "Not authorized"),
    ("5", 0x84, "Unsupported protocol version"),
    ("5", 0x85, "Client identifier not valid"),
    ("5", 0x86, "Bad user name or password"),
    ("5", 0x87, "Not authorized"),
    ("5", 0x88, "Server unavailable"),
    ("5", 0x89, "Server busy"),
    ("5", 0x8A, "Banned"),
    ("5", 0x97, "Quota exceeded"),
    ("5", 0x9F, "Connection rate exceeded"),
]


@pytest.mark.parametrize(("version", "code", "reason"), REFUSED)
async def test_a_refused_session_is_told_and_tried_again(
    version: str, code: int, reason: str
) -> None:
    """The reason of CONNACK is told in words; nothing is sent after it; a later try may succeed."""
    async with Scripted(version) as broker:
        broker.connack = connack(five=broker.five, code=code)
        async with session(broker.port, version=version) as (link, heard):
            await until(lambda: bool(heard.changes))
            assert "the broker refused the session" in str(heard.changes[0])
            assert reason in str(heard.changes[0])
            assert not link.connected
            broker.connack = connack(five=broker.five)
            await until(lambda: link.connected)
            assert all(line.of(SUBSCRIBE) == [] for line in broker.lines if not line.stood)


@pytest.mark.parametrize("code", [0x80, 0x87, 0x8F, 0x97])
async def test_a_refused_subscription_is_told_and_the_others_stand(
    scripted: Scripted, code: int
) -> None:
    """Each refusal in SUBACK is counted in the log; what was granted is received."""
    code = code if scripted.five else 0x80
    scripted.grants = lambda count: bytes([code]) + b"\x01" * (count - 1)
    with capture_logs() as logs:
        async with session(scripted.port, "secret/v", "open/v", version=scripted.version) as (
            link,
            heard,
        ):
            line = await scripted.line()
            await until(lambda: link.connected)
            line.publish(Publish(b"open/v", b"1"))
            await heard.took(1)
    told = [entry for entry in logs if "refused subscriptions" in entry["event"]]
    assert [(entry["refused"], entry["of"]) for entry in told] == [(1, 3)]


async def test_a_broker_that_refuses_our_own_topic_leaves_no_fence(scripted: Scripted) -> None:
    """A fence that cannot come back is not waited for: what comes is live."""
    scripted.connack = connack(five=scripted.five, present=True)
    scripted.grants = lambda count: b"\x01" * (count - 1) + b"\x80"
    async with session(scripted.port, "open/v", version=scripted.version) as (link, heard):
        line = await scripted.line()
        await until(lambda: link.connected)
        assert not link.fenced
        line.publish(Publish(b"open/v", b"1"))
        (message,) = await heard.took(1)
        assert not message.fenced


async def test_a_subscription_granted_at_less_is_no_refusal(scripted: Scripted) -> None:
    """QoS 0 instead of 1 is what the broker can do: the session stands and receives."""
    scripted.grants = lambda count: b"\x00" * count
    with capture_logs() as logs:
        async with session(scripted.port, version=scripted.version) as (link, heard):
            line = await scripted.line()
            await until(lambda: link.connected)
            line.publish(Publish(b"plant/a/v", b"1"))
            await heard.took(1)
    assert [entry for entry in logs if "refused" in entry["event"]] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x8b\x00", "Server shutting down"),
        (b"\x8e", "Session taken over"),
        (b"\x98\x00", "Administrative action"),
        (b"\x95\x00", "Packet too large"),
        (b"\x87\x0a\x1f\x00\x07by hand", "Not authorized"),
        (b"", "Normal disconnection"),
    ],
)
async def test_a_disconnect_with_a_reason_is_told(body: bytes, reason: str) -> None:
    """MQTT 5: the broker's reason is told in words, and the session is made again."""
    async with (
        Scripted("5") as broker,
        session(broker.port, version="5") as (link, heard),
    ):
        line = await broker.line()
        await until(lambda: link.connected)
        line.publish(Publish(b"plant/a/v", b"last word", 1, identifier=1))
        line.send(packet(DISCONNECT << 4, body))
        await line.gone()
        await until(lambda: len(heard.changes) >= 2)
        assert heard.bodies == [b"last word"]
        assert reason in str(heard.changes[1])
        await broker.line(2)
        await until(lambda: link.connected)


async def test_a_connection_that_ends_without_a_word_is_made_again(scripted: Scripted) -> None:
    """Closed after whole packets and a torn one: the whole ones count, the torn one is nobody's."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        await until(lambda: link.connected)
        line.publish(Publish(b"plant/a/v", b"whole"))
        line.send(b"\x30\x64\x00\x09plant/a/v")
        line.close()
        await scripted.line(2)
        await until(lambda: link.connected)
        assert heard.bodies == [b"whole"]
        assert "connection lost" in str(heard.changes[1])


async def test_our_own_end_is_said(scripted: Scripted) -> None:
    """Leaving sends DISCONNECT, the last packet, and closes: the broker keeps the session."""
    async with session(scripted.port, version=scripted.version) as (link, _):
        line = await scripted.line()
        await until(lambda: link.connected)
    await line.gone()
    assert line.said[-1].first == DISCONNECT << 4
    assert len(line.of(DISCONNECT)) == 1
    # No reason but a normal end, and no other session expiry than CONNECT stated.
    assert line.said[-1].body in {b"", b"\x00", b"\x00\x00"}


async def test_connect_states_a_session_that_outlives_the_connection(scripted: Scripted) -> None:
    """Clean session off, a name of our own, no will; MQTT 5: how long, how many, how large."""
    async with session(
        scripted.port, version=scripted.version, receive_maximum=321, session_expiry_s=3600
    ):
        line = await scripted.line()
        connect = line.said[0]
        assert connect.first == 0x10
        assert connect.body[:6] == b"\x00\x04MQTT"
        assert connect.body[6] == (5 if scripted.five else 4)
        assert connect.body[7] == 0
        assert connect.body.endswith(b"\x00\x0ahazgate-gw")
        if scripted.five:
            assert b"\x11\x00\x00\x0e\x10" in connect.body
            assert b"\x21\x01\x41" in connect.body
            assert b"\x27\x00\x20\x00\x00" in connect.body
            # No topic alias, no enhanced authentication.
            length = connect.body[10]
            properties = connect.body[11 : 11 + length]
            assert len(properties) == 5 + 3 + 5
