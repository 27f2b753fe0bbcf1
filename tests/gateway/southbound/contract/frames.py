"""Packets as a broker writes them, byte by byte, and what a client sent taken apart."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 8, 9, 11, 12, 13, 14, 15
PINGRESP_BYTES = b"\xd0\x00"


class Packet(NamedTuple):
    """A control packet: its first byte, and what follows the remaining length."""

    first: int
    body: bytes

    @property
    def kind(self) -> int:
        return self.first >> 4

    @property
    def identifier(self) -> int:
        """The packet identifier of an acknowledgement."""
        return int.from_bytes(self.body[:2], "big")


class Publish(NamedTuple):
    """A PUBLISH as whoever receives it understands it."""

    topic: bytes
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    identifier: int = 0
    properties: bytes = b""


def variable(value: int) -> bytes:
    """A variable byte integer."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def text(value: bytes) -> bytes:
    """A string or binary data with its length before it."""
    return struct.pack(">H", len(value)) + value


def packet(first: int, body: bytes) -> bytes:
    """Any packet."""
    return bytes([first]) + variable(len(body)) + body


def publish(said: Publish, *, five: bool) -> bytes:
    """A PUBLISH."""
    body = text(said.topic)
    body += struct.pack(">H", said.identifier) if said.qos else b""
    body += variable(len(said.properties)) + said.properties if five else b""
    first = PUBLISH << 4 | said.dup << 3 | said.qos << 1 | said.retain
    return packet(first, body + said.payload)


def connack(*, five: bool, present: bool = False, code: int = 0, properties: bytes = b"") -> bytes:
    """A CONNACK."""
    body = bytes([present, code])
    return packet(CONNACK << 4, body + variable(len(properties)) + properties if five else body)


def suback(identifier: int, codes: bytes, *, five: bool) -> bytes:
    """A SUBACK."""
    properties = b"\x00" if five else b""
    return packet(SUBACK << 4, struct.pack(">H", identifier) + properties + codes)


def answer(kind: int, identifier: int) -> bytes:
    """A PUBACK, PUBREC, PUBREL or PUBCOMP that says success."""
    return packet(kind << 4 | (2 if kind == PUBREL else 0), struct.pack(">H", identifier))


def frames(stream: bytes) -> Iterator[Packet]:
    """Yield the whole packets of a stream, up to a length that is none."""
    at = 0
    while at + 1 < len(stream):
        length = shift = 0
        here = at + 1
        while True:
            if here == len(stream) or shift > 21:
                return
            byte = stream[here]
            length |= (byte & 0x7F) << shift
            shift += 7
            here += 1
            if byte < 0x80:
                break
        if here + length > len(stream):
            return
        yield Packet(stream[at], stream[here : here + length])
        at = here + length


def length_of(each: Packet) -> int:
    """How many bytes a packet takes, its length written as short as can be."""
    return 1 + len(variable(len(each.body))) + len(each.body)


def filters(body: bytes, *, five: bool) -> list[tuple[bytes, int]]:
    """The topic filters of a SUBSCRIBE, each with its options."""
    at = 2
    if five:
        assert body[at] < 0x80
        at += 1 + body[at]
    found = []
    while at < len(body):
        length = int.from_bytes(body[at : at + 2], "big")
        at += 2 + length
        found.append((body[at - length : at], body[at]))
        at += 1
    return found


def published(each: Packet, *, five: bool) -> Publish | None:
    """What a PUBLISH says, or None where it is not whole."""
    body, qos = each.body, each.first >> 1 & 3
    topic_end = 2 + int.from_bytes(body[:2], "big")
    at = topic_end + (2 if qos else 0)
    if len(body) < max(at, 2):
        return None
    properties = b""
    if five:
        length = shift = 0
        while True:
            if at == len(body) or shift > 21:
                return None
            byte = body[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        if at + length > len(body):
            return None
        properties = body[at : at + length]
        at += length
    identifier = int.from_bytes(body[topic_end : topic_end + 2], "big") if qos else 0
    first = each.first
    return Publish(
        body[2:topic_end], body[at:], qos, bool(first & 1), bool(first & 8), identifier, properties
    )
