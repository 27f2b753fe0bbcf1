"""What no broker may send: the connection ends, the session is made again and goes on."""

from __future__ import annotations

import pytest

from tests.gateway.southbound.contract.frames import (
    PUBACK,
    Publish,
    packet,
    publish,
    text,
    variable,
)
from tests.gateway.southbound.contract.scripted import Scripted
from tests.gateway.southbound.session import session, until

TOPIC = text(b"plant/a/v")
ALIAS = b"\x23\x00\x01"
BOTH = {
    "both QoS bits": packet(0x36, TOPIC + b"\x00\x01\x00x"),
    "both QoS bits and DUP": packet(0x3E, TOPIC + b"\x00\x01\x00x"),
    "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "no body": b"\x30\x00",
    "half a topic length": b"\x30\x01\x00",
    "a topic beyond the end": packet(0x30, b"\x00\x20plant"),
    "no identifier": packet(0x32, TOPIC),
    "half an identifier": packet(0x32, TOPIC + b"\x00"),
    "type 0": b"\x00\x00",
    "CONNECT": packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x1e" + text(b"x")),
    "SUBSCRIBE": packet(0x82, b"\x00\x01\x00\x00\x01x\x00"),
    "UNSUBSCRIBE": packet(0xA2, b"\x00\x01\x00\x00\x01x"),
    "AUTH": packet(0xF0, b"\x18\x00"),
    "PINGRESP with a body": b"\xd0\x01\x00",
    "PUBACK of one byte": b"\x40\x01\x00",
    "SUBACK of one byte": b"\x90\x01\x00",
    "PUBREL of one byte": b"\x62\x01\x00",
}
OLD = {
    "an empty topic": packet(0x30, b"\x00\x00x"),
    "DISCONNECT": b"\xe0\x00",
}
FIVE = {
    "no properties": packet(0x30, TOPIC),
    "properties beyond the end": packet(0x30, TOPIC + b"\x09\x01"),
    "a property length of five bytes": packet(0x30, TOPIC + b"\xff\xff\xff\xff\x01x"),
    "a property length that is torn": packet(0x30, TOPIC + b"\x80"),
    "DISCONNECT with an unknown reason": packet(0xE0, b"\x33"),
}
WRONG = [
    *(pytest.param(version, each, id=f"{name}, {version}") for version in ("3.1.1", "5")
      for name, each in BOTH.items()),
    *(pytest.param("3.1.1", each, id=f"{name}, 3.1.1") for name, each in OLD.items()),
    *(pytest.param("5", each, id=f"{name}, 5") for name, each in FIVE.items()),
]  # fmt: skip


@pytest.mark.parametrize(("version", "wrong"), WRONG)
async def test_a_violation_ends_the_connection_and_nothing_else(version: str, wrong: bytes) -> None:
    """What came before it counts, nothing of it or after it does; the next connection works."""
    async with (
        Scripted(version) as broker,
        session(broker.port, version=version) as (link, heard),
    ):
        five = broker.five
        line = await broker.line()
        await until(lambda: link.connected)
        good = publish(Publish(b"plant/a/v", b"good", 1, identifier=1), five=five)
        line.send(good + wrong + good)
        await line.gone()
        await broker.line(2)
        await until(lambda: link.connected)
        assert heard.bodies == [b"good"]
        assert "connection lost" in str(heard.changes[1])
        broker.lines[1].send(good)
        await heard.took(2)
        link.acknowledge(heard.receipts[-1:])
        await broker.lines[1].took(PUBACK)


@pytest.mark.parametrize("topic", [b"plant/\xff/v", b"plant/\xed\xa0\x80/v", b"plant/\xc0\xaf/v"])
async def test_a_topic_that_is_no_utf8_is_no_devices(scripted: Scripted, topic: bytes) -> None:
    """It is handed over under a name no device has: ending the connection would never end."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        line.publish(
            Publish(topic, b"1", 1, identifier=1), Publish(b"plant/a/v", b"2", 1, identifier=2)
        )
        await heard.took(2)
        assert "\ufffd" in heard.messages[0].topic
        assert heard.messages[1].topic == "plant/a/v"
        link.acknowledge(heard.receipts)
        await line.took(PUBACK, 2)
        assert line.identifiers() == [1, 2]
        assert heard.changes == [None]


async def test_properties_that_mean_nothing_here_are_passed_over() -> None:
    """MQTT 5: expiry, content type, correlation and the like neither show nor disturb."""
    properties = (
        b"\x01\x01\x02\x00\x00\x00\x3c"
         b"\x03" + text(b"application/json")
        + b"\x08" + text(b"answer/here")
        + b"\x09" + text(b"\x00\x01")
        + b"\x0b" + variable(300)
        + b"\x26" + text(b"name") + text(b"value" * 40)
    )  # fmt: skip
    async with (
        Scripted("5") as broker,
        session(broker.port, version="5") as (_, heard),
    ):
        line = await broker.line()
        line.publish(Publish(b"plant/a/v", b"x", 1, identifier=1, properties=properties))
        line.publish(Publish(b"plant/a/v", b"y"))
        await heard.took(2)
        assert heard.bodies == [b"x", b"y"]
