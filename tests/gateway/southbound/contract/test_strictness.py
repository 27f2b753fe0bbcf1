"""Violations that the library lets pass: the client is stricter, and the connection ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.southbound.contract.frames import (
    PINGREQ,
    PUBACK,
    PUBREC,
    Publish,
    connack,
    packet,
    publish,
    suback,
    text,
)
from tests.gateway.southbound.contract.scripted import Scripted
from tests.gateway.southbound.session import session, until

TOPIC = text(b"plant/a/v")
OF_BOTH = {
    "DUP at QoS 0": 0x38,
    "DUP and RETAIN at QoS 0": 0x39,
    "PUBACK with a reserved bit": 0x41,
    "PUBREC with a reserved bit": 0x52,
    "PUBREL without its reserved bit": 0x60,
    "PUBCOMP with a reserved bit": 0x78,
    "SUBACK with a reserved bit": 0x91,
    "UNSUBACK with a reserved bit": 0xB2,
    "PINGREQ": 0xC0,
    "PINGRESP with a reserved bit": 0xD1,
    "type 0": 0x00,
}
OF_FIVE = {
    "a topic alias beside the topic": packet(0x30, TOPIC + b"\x03\x23\x00\x01x"),
    "a topic alias beside other properties": packet(
        0x30, TOPIC + b"\x08\x02\x00\x00\x00\x3c\x23\x00\x01x"
    ),
    "a topic alias instead of the topic": packet(0x32, b"\x00\x00\x00\x07\x03\x23\x00\x01x"),
    "a topic alias of 0": packet(0x30, TOPIC + b"\x03\x23\x00\x00x"),
    "neither topic nor alias": packet(0x30, b"\x00\x00\x00x"),
    "an unknown property": packet(0x30, TOPIC + b"\x02\x7f\x00x"),
    "a property of another packet": packet(0x30, TOPIC + b"\x05\x11\x00\x00\x00\x3cx"),
    "a torn property": packet(0x30, TOPIC + b"\x02\x02\x00x"),
    "a string beyond the properties": packet(0x30, TOPIC + b"\x04\x03\x00\x09jx"),
    "DISCONNECT with a reserved bit": packet(0xE1, b"\x8b\x00"),
}


def of_both(first: int) -> bytes:
    """A packet that is well-formed but for its first byte."""
    if first in {0x38, 0x39}:
        return packet(first, TOPIC + b"\x00x")
    return packet(first, b"" if first in {0xC0, 0xD1} else b"\x00\x01")


def zero(version: str, qos: int) -> bytes:
    """A message whose packet identifier is 0."""
    return publish(Publish(b"plant/a/v", b"x", qos), five=version == "5")


WRONG = [
    *(pytest.param(version, of_both(first), id=f"{name}, {version}")
      for version in ("3.1.1", "5") for name, first in OF_BOTH.items()),
    *(pytest.param(version, zero(version, 1), id=f"identifier 0, {version}")
      for version in ("3.1.1", "5")),
    *(pytest.param("5", each, id=f"{name}, 5") for name, each in OF_FIVE.items()),
]  # fmt: skip


@pytest.mark.parametrize("apart", [False, True], ids=["", "byte by byte"])
@pytest.mark.parametrize(("version", "wrong"), WRONG)
async def test_what_the_library_lets_pass_ends_the_connection(
    version: str, wrong: bytes, *, apart: bool
) -> None:
    """What came before counts; nothing of it and nothing after; the next connection works."""
    async with (
        Scripted(version) as broker,
        session(broker.port, version=version) as (link, heard),
    ):
        line = await broker.line()
        await until(lambda: link.connected)
        good = publish(Publish(b"plant/a/v", b"good", 1, identifier=1), five=broker.five)
        line.send(good + wrong[:1] if apart else good + wrong + good)
        await heard.took(1)
        for byte in (wrong[1:] + good) if apart else b"":
            line.send(bytes([byte]))
            await asyncio.sleep(0)
        await line.gone()
        await broker.line(2)
        await until(lambda: link.connected)
        assert heard.bodies == [b"good"]
        assert heard.changes[1] is not None
        assert line.of(PUBACK) == line.of(PUBREC) == []
        broker.lines[1].send(good)
        await heard.took(2)


@pytest.mark.parametrize("early", ["a message", "SUBACK"])
async def test_nothing_counts_before_connack(scripted: Scripted, early: str) -> None:
    """A message before CONNACK ends the connection; a SUBACK that answers nothing is nothing."""
    message = publish(Publish(b"plant/a/v", b"early", 1, identifier=1), five=scripted.five)
    unasked = suback(9, b"\x01", five=scripted.five)
    scripted.connack = message if early == "a message" else unasked
    async with session(scripted.port, version=scripted.version) as (link, heard):
        await until(lambda: bool(scripted.lines))
        if early == "a message":
            await scripted.lines[0].gone()
            assert "before CONNACK" in str(heard.changes[0])
            scripted.connack = connack(five=scripted.five)
        else:
            scripted.lines[0].send(connack(five=scripted.five))
            await scripted.line()
        await until(lambda: link.connected)
        assert heard.bodies == []
        assert heard.changes.count(None) == 1


async def test_a_broker_of_another_version_is_told() -> None:
    """MQTT 3.1.1 refused as too new or too old: no older version is tried behind our back."""
    async with Scripted("3.1.1") as broker:
        broker.connack = connack(five=False, code=1)
        async with session(broker.port, version="3.1.1") as (link, heard):
            await until(lambda: len(heard.changes) >= 2)
            assert "does the broker speak MQTT 3.1.1?" in str(heard.changes[0])
            # The last may have come this moment, and have said nothing yet.
            said = {line.said[0].body[:7] for line in broker.lines if line.said}
            assert said == {b"\x00\x04MQTT\x04"}
            broker.connack = connack(five=False)
            await until(lambda: link.connected)


@pytest.mark.parametrize("scripted", ["5"], indirect=True)
async def test_a_pause_longer_than_the_keep_alive_breaks_nothing(scripted: Scripted) -> None:
    """While we read nothing no answer can come: PINGREQ still leaves, none is missed."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        link.settings = link.settings.model_copy(update={"keep_alive_s": 1})
        line = await scripted.line()
        await until(lambda: link.connected)
        link.pause()
        line.publish(Publish(b"plant/a/v", b"waits", 1, identifier=1))
        await line.took(PINGREQ, 3)
        assert heard.bodies == []
        link.resume()
        await heard.took(1)
        await line.took(PINGREQ, 4)
        assert heard.changes == [None]
        assert len(scripted.lines) == 1
