"""Listens in on the line between broker and edge: what the edge was sent, and what it acknowledged.

The PUBACKs are the edge's word. No counter of the edge is believed: what it acknowledged is what
was seen to leave it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.faults.site.proxy import DOWN, UP

CONNECT, PUBLISH, PUBACK, SUBACK = 1, 3, 4, 9
VERSION_5: Final = 5
#: Told of a message that the edge acknowledged: topic, payload, when (ns since 1970).
Acknowledged = Callable[[str, bytes, int], None]


@dataclass(slots=True)
class _Connection:
    version: int = VERSION_5
    held: dict[str, bytearray] = field(default_factory=lambda: {UP: bytearray(), DOWN: bytearray()})
    sent: dict[int, tuple[str, bytes]] = field(default_factory=dict)


class Tap:
    """Reads MQTT as it passes a `Proxy`.

    Parameters
    ----------
    acknowledged
        Told of each message that the edge acknowledged.
    """

    def __init__(self, acknowledged: Acknowledged) -> None:
        #: Subscriptions that the broker has answered.
        self.subscriptions = 0
        #: Messages sent to the edge at QoS 1 and acknowledged by it; with repeats.
        self.sent = 0
        self.acknowledged = 0
        #: The most that the broker had sent and the edge not yet acknowledged.
        self.most_in_flight = 0
        self._tell = acknowledged
        self._connections: dict[int, _Connection] = {}

    def watch(self, number: int, direction: str, data: bytes) -> None:
        """Take what passed on one connection."""
        connection = self._connections.setdefault(number, _Connection())
        held = connection.held[direction]
        held += data
        while (found := frame(held)) is not None:
            head, body, size = found
            self._packet(connection, direction, head, body)
            del held[:size]

    def _packet(self, connection: _Connection, direction: str, head: int, body: bytes) -> None:
        kind = head >> 4
        if direction == UP:
            if kind == CONNECT:
                connection.version = body[2 + int.from_bytes(body[:2], "big")]
            elif kind == PUBACK:
                self._acknowledge(connection, int.from_bytes(body[:2], "big"))
        elif kind == SUBACK:
            self.subscriptions += 1
        elif kind == PUBLISH and head & 0b110:
            topic, identifier, payload = publish(body, version=connection.version)
            connection.sent[identifier] = (topic, payload)
            self.sent += 1
            self.most_in_flight = max(self.most_in_flight, len(connection.sent))

    def _acknowledge(self, connection: _Connection, identifier: int) -> None:
        told = connection.sent.pop(identifier, None)
        if told is not None:
            self.acknowledged += 1
            self._tell(*told, time.time_ns())


def frame(held: bytearray) -> tuple[int, bytes, int] | None:
    """Return (first byte, body, size) of the first packet, or None while it is not whole."""
    length, shift = 0, 0
    for place, byte in enumerate(held[1:5], start=1):
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            size = place + 1 + length
            return (held[0], bytes(held[place + 1 : size]), size) if len(held) >= size else None
    return None


def publish(body: bytes, *, version: int) -> tuple[str, int, bytes]:
    """Return topic, packet identifier and payload of a PUBLISH at QoS 1 or 2."""
    end = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:end].decode()
    identifier = int.from_bytes(body[end : end + 2], "big")
    place = end + 2
    if version >= VERSION_5:
        length, shift = 0, 0
        while True:
            byte = body[place]
            place += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        place += length
    return topic, identifier, body[place:]
