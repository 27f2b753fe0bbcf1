"""Thousands of broken streams: nothing is invented, nothing whole is lost, nothing is thrown."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.southbound import client as module
from tests.gateway.southbound.contract.frames import (
    CONNACK,
    DISCONNECT,
    PINGRESP_BYTES,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    UNSUBACK,
    Packet,
    Publish,
    answer,
    connack,
    frames,
    packet,
    publish,
    published,
    suback,
    text,
)
from tests.gateway.southbound.contract.scripted import Scripted
from tests.gateway.southbound.contract.test_cuts import Reader
from tests.gateway.southbound.session import session, until

SEED = 31_415
#: Properties that MQTT 5 allows in PUBLISH, each a byte string of its own.
PROPERTIES = [
    b"", b"\x01\x01", b"\x02\x00\x00\x00\x3c", b"\x03" + text(b"json"), b"\x08" + text(b"r/t"),
    b"\x09" + text(b"\x00"), b"\x0b\x05", b"\x26" + text(b"k") + text(b"v"),
]  # fmt: skip


def whole(chance: random.Random, *, five: bool) -> bytes:
    """One well-formed packet of any kind that a broker may send to a subscribed client."""
    kind = chance.choice([PUBLISH] * 8 + [0, PUBACK, PUBREC, PUBREL, PUBCOMP, 9, UNSUBACK])
    identifier = chance.randint(1, 65_535)
    if kind == PUBLISH:
        qos = chance.choice([0, 1, 1])
        said = Publish(
            chance.choice([b"a", b"plant/a/v", "氨/v".encode(), b"t" * 200]),
            chance.choice([b"", b"x", bytes(130), b"\x30\x03\x00\x01a", chance.randbytes(20)]),
            qos,
            chance.random() < 0.2,
            bool(qos) and chance.random() < 0.2,
            identifier if qos else 0,
            b"".join(chance.sample(PROPERTIES, 2)) if five else b"",
        )
        return publish(said, five=five)
    if kind == 9:
        return suback(identifier, b"\x01\x80", five=five)
    if kind == UNSUBACK:
        return packet(0xB0, identifier.to_bytes(2, "big") + (b"\x00\x00" if five else b""))
    return answer(kind, identifier) if kind else PINGRESP_BYTES


def mutated(chance: random.Random, *, five: bool) -> bytes:
    """A stream of whole packets, then cut, flipped, doubled or mixed with what is none."""
    pieces = [whole(chance, five=five) for _ in range(chance.randint(1, 12))]
    if chance.random() < 0.2:
        odd = [connack(five=five), packet(DISCONNECT << 4, b""), chance.randbytes(8), b"\xff" * 6]
        pieces.insert(chance.randint(0, len(pieces)), chance.choice(odd))
    stream = bytearray(b"".join(pieces))
    for _ in range(chance.choice([0, 1, 1, 1, 2, 5])):
        at = chance.randrange(len(stream))
        act = chance.choice(["cut", "flip", "set", "drop", "insert", "double"])
        if act == "cut":
            del stream[at + 1 :]
        elif act == "flip":
            stream[at] ^= 1 << chance.randrange(8)
        elif act == "set":
            stream[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        elif act == "drop":
            del stream[at : at + chance.randint(1, 4)]
            stream = stream or bytearray(b"\x30")
        elif act == "insert":
            stream[at:at] = chance.randbytes(chance.randint(1, 4))
        else:
            stream[at:at] = stream[at : at + chance.randint(1, 20)]
    return bytes(stream)


def plain(each: Packet, *, five: bool) -> Publish | None:
    """A PUBLISH that nobody can object to, or None."""
    said = published(each, five=five) if each.kind == PUBLISH else None
    if said is None or not said.topic or said.qos > 1 or (said.dup and not said.qos):
        return None
    if said.qos and not said.identifier:
        return None
    return said


def harmless(each: Packet, *, five: bool) -> bool:
    """Whether a packet that is no message leaves the connection as it is, beyond doubt."""
    if each == (0xD0, b""):
        return True
    return (
        (each.first in {0x40, 0x50, 0x62, 0x70} and len(each.body) == 2)
        or (each.first == 0x90 and each.body[2:] == (b"\x00\x01\x80" if five else b"\x01\x80"))
        or (each.first == 0xB0 and each.body[2:] == (b"\x00\x00" if five else b""))
    )


def certain(stream: bytes, *, five: bool) -> list[Publish]:
    """What must come: the messages before the first packet that anyone could object to."""
    found = []
    for each in frames(stream):
        said = plain(each, five=five)
        if said is not None and said.properties in known():
            found.append(said._replace(properties=b""))
        elif said is not None or not harmless(each, five=five):
            break
    return found


def known() -> set[bytes]:
    """Every two properties that `whole` puts together."""
    return {one + two for one in PROPERTIES for two in PROPERTIES} | {b""}


def possible(stream: bytes, *, five: bool) -> Iterator[Publish]:
    """What may come: every PUBLISH that stands in the stream as a packet of its own."""
    for each in frames(stream):
        said = published(each, five=five) if each.kind == PUBLISH else None
        if said is not None:
            yield said._replace(properties=b"")


def assert_only_what_stands(found: list[Publish], stream: bytes, *, five: bool) -> None:
    """Everything certain came first; everything that came stands in the stream, in its order."""
    must = certain(stream, five=five)
    assert found[: len(must)] == must, (stream, found)
    may = list(possible(stream, five=five))
    rest = iter([each for each in may if each.qos != 2])
    for each in found:
        assert each in may if each.qos == 2 else each in rest, (stream, found)


def fed(reader: Reader, stream: bytes, chance: random.Random) -> None:
    """Let a reader have a stream in pieces, then its end."""
    size = chance.choice([1, 3, 50, 10_000, 10_000])
    for begin in range(0, len(stream), size):
        if reader.lost:
            return
        reader.broker.sendall(stream[begin : begin + size])
        reader.turn()
    if not reader.lost:
        reader.broker.shutdown(socket.SHUT_WR)
        for _ in range(2):
            reader.turn()


@pytest.mark.parametrize("five", [False, True])
def test_no_broken_stream_is_misread(monkeypatch: pytest.MonkeyPatch, *, five: bool) -> None:
    """2,500 streams, cut and mutated, in pieces: nothing is thrown, invented, lost or reordered."""
    monkeypatch.setattr(module, "ROOM_BYTES", 8192)
    chance = random.Random(SEED + five)
    ended = messages = 0
    for _ in range(2500):
        stream = mutated(chance, five=five)
        reader = Reader(five=five)
        fed(reader, stream, chance)
        assert reader.lost == 1, stream
        assert_only_what_stands(reader.found, stream, five=five)
        ended += reader.client.socket() is None
        messages += len(reader.found)
        reader.close()
    # The streams are broken, but not so much that nothing would be seen.
    assert ended == 2500
    assert messages > 2500


async def fuzzed(version: str, streams: int, seed: int) -> None:
    """Send broken streams to a session, each on a connection of its own."""
    chance = random.Random(seed)
    thrown: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: thrown.append(context))
    async with (
        Scripted(version) as broker,
        session(broker.port, "#", version=version) as (link, heard),
    ):
        for number in range(1, streams + 1):
            line = await broker.line(number)
            await until(lambda: link.connected)
            heard.messages.clear()
            heard.receipts.clear()
            stream = mutated(chance, five=broker.five)
            line.send(stream)
            line.close()
            await until(lambda number=number: len(broker.lines) > number)
            found = [
                Publish(m.topic.encode(), m.payload, m.qos, m.retain, m.dup, m.mid)
                for m in heard.messages
            ]
            if b"\xef\xbf\xbd" not in b"".join(each.topic for each in found):
                assert_only_what_stands(found, stream, five=broker.five)
            assert {message.connection for message in heard.messages} <= {number}
        line = await broker.line(streams + 1)
        await until(lambda: link.connected)
        line.publish(Publish(b"plant/a/v", b"still here", 1, identifier=1))
        await until(lambda: bool(heard.bodies) and heard.bodies[-1] == b"still here")
        link.acknowledge(heard.receipts[-1:])
        await line.took(PUBACK)
        assert not link.task.done()
    assert thrown == []


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_session_survives_every_broken_stream(version: str) -> None:
    """After each broken stream the session comes back on a new connection and goes on."""
    await fuzzed(version, 200, SEED)


@pytest.mark.more
@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_session_survives_thousands_of_broken_streams(version: str) -> None:
    """The same for as long as it takes, with another seed."""
    await fuzzed(version, 2000, SEED + 1)


def test_an_invented_message_would_be_seen() -> None:
    """Negative control: a message more, one less, and two changed round are all found."""
    said = [Publish(b"a", b"1"), Publish(b"a", b"2")]
    stream = b"".join(publish(each, five=False) for each in said)
    assert_only_what_stands(said, stream, five=False)
    for wrong in ([*said, said[0]], said[:1], said[::-1]):
        with pytest.raises(AssertionError):
            assert_only_what_stands(wrong, stream, five=False)
    assert CONNACK not in {each.kind for each in frames(stream)}
