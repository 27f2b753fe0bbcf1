"""A packet that is too large: the session gives the connection up before it holds it."""

from __future__ import annotations

import pytest

from gateway.southbound.client import PACKET_BYTES, UNSTATED_PACKET_BYTES
from tests.gateway.southbound.contract.frames import (
    PUBLISH,
    SUBACK,
    Publish,
    packet,
    text,
    variable,
)
from tests.gateway.southbound.contract.scripted import Scripted
from tests.gateway.southbound.session import session, until

TOPIC = b"plant/a/v"


def most(version: str) -> int:
    """The size of the largest packet that is taken, its head with it."""
    return PACKET_BYTES if version == "5" else UNSTATED_PACKET_BYTES


def length_in(size: int) -> int:
    """The length that stands in the head of a packet of so many bytes."""
    return next(
        length for length in range(size - 5, size) if 1 + len(variable(length)) + length == size
    )


async def test_the_largest_packet_is_taken(scripted: Scripted) -> None:
    """As large as it may be, byte for byte, it is a message like any other."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        await until(lambda: link.connected)
        lead = text(TOPIC) + b"\x00" * scripted.five
        body = bytes(length_in(most(scripted.version)) - len(lead))
        whole = packet(PUBLISH << 4, lead + body)
        assert len(whole) == most(scripted.version)
        line.send(whole)
        line.publish(Publish(TOPIC, b"after"))
        await heard.took(2)
        assert heard.bodies == [body, b"after"]
        assert heard.changes == [None]


@pytest.mark.parametrize("kind", [PUBLISH, SUBACK])
async def test_a_larger_packet_ends_the_connection(scripted: Scripted, kind: int) -> None:
    """Its head is enough, whatever its kind: the reason is told, and the next connection works."""
    size = most(scripted.version) + 1
    head = bytes([kind << 4]) + variable(length_in(size))
    async with session(scripted.port, version=scripted.version) as (link, heard):
        line = await scripted.line()
        await until(lambda: link.connected)
        line.publish(Publish(TOPIC, b"before"))
        line.send(head + text(TOPIC) + bytes(5000))
        await line.gone()
        assert f"a packet of {size} bytes, at most {size - 1} are taken" in str(heard.changes[1])
        line = await scripted.line(2)
        await until(lambda: link.connected)
        line.publish(Publish(TOPIC, b"again"))
        await heard.took(2)
        assert heard.bodies == [b"before", b"again"]
