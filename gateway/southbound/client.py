"""paho's client with the two things that come in masses done in bulk: PUBLISH in, PUBACK out.

paho asks the kernel for single bytes, builds a dozen objects a message and sends each
acknowledgement in a system call of its own. Here the socket is read in large pieces, whole PUBLISH
packets are taken straight from them, and acknowledgements leave together. Whatever else comes (and
any PUBLISH that is torn, malformed, of QoS 2 or without a topic) is paho's, in the order it came.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.southbound.settings import BrokerSettings

#: Taken from the kernel at once: what it holds is decoded and judged before the loop goes on.
READ_BYTES: Final = 65_536
PUBLISH: Final = 0x30
DUP: Final = 0x08
RETAIN: Final = 0x01
MOST_LENGTH_BYTES: Final = 4
CONTINUES: Final = 0x80
CONNECT_S: Final = 10.0
#: A broker keeps larger messages from us (MQTT 5); the decoder takes 256 KiB.
PACKET_BYTES: Final = 2 * 1024 * 1024
#: paho publishes no type for this constructor.
PROPERTIES: Callable[[int], Properties] = Properties
#: First two bytes of a PUBACK that says nothing but success: the type, and two bytes to follow.
PUBACK_HEAD: Final = 0x4002


class Published(NamedTuple):
    """One PUBLISH packet of QoS 0 or 1."""

    topic: bytes
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int


def length_at(buffer: bytes, at: int) -> tuple[int, int] | None:
    """Return a variable byte integer and the index after it; None where it is torn or too long."""
    value = shift = 0
    for index in range(at, min(at + MOST_LENGTH_BYTES, len(buffer))):
        byte = buffer[index]
        value |= (byte & 0x7F) << shift
        if byte < CONTINUES:
            return value, index + 1
        shift += 7
    return None


def take_published(buffer: bytes, at: int, *, five: bool) -> tuple[list[Published], int]:
    """Return the whole PUBLISH packets that stand at `at`, and the index after the last of them.

    Parameters
    ----------
    buffer, at
        Bytes of the stream, and where a packet begins.
    five
        Whether the protocol is MQTT 5, whose packets carry properties; none of them matters here
        (we announce no topic aliases).

    Notes
    -----
    Stops before anything that is not a whole, well-formed PUBLISH of QoS 0 or 1.
    """
    found: list[Published] = []
    while at < len(buffer):
        first = buffer[at]
        qos = (first >> 1) & 3
        head = length_at(buffer, at + 1)
        if first & 0xF0 != PUBLISH or qos > 1 or head is None:
            break
        length, begin = head
        end = begin + length
        if end > len(buffer) or length < 2 + 2 * qos:
            break
        body = begin + 2 + (buffer[begin] << 8 | buffer[begin + 1])
        topic = buffer[begin + 2 : body]
        mid = 0
        if qos:
            if body + 2 > end:
                break
            mid = buffer[body] << 8 | buffer[body + 1]
            body += 2
        if five:
            properties = length_at(buffer[:end], body) if body < end else None
            if properties is None:
                break
            body = properties[0] + properties[1]
        if body > end or not topic or (qos and not mid):
            break
        found.append(
            Published(topic, buffer[body:end], qos, bool(first & RETAIN), bool(first & DUP), mid)
        )
        at = end
    return found, at


class BufferedClient(Client):
    """paho's client, reading the socket in large pieces."""

    _buffer = b""
    _read_at = 0
    _may_read = True

    def begin_turn(self) -> None:
        """Allow one more read of the socket: in one turn no flood holds the event loop for ever."""
        self._may_read = True

    def published(self, *, five: bool) -> list[Published]:
        """Return the whole PUBLISH packets at hand; the library does what comes after them."""
        if self._in_packet["command"]:
            return []  # the library has begun a packet
        found, self._read_at = take_published(self._buffer, self._read_at, five=five)
        return found

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send PUBACK for each of these packet identifiers, in one piece."""
        if mids:
            words = [PUBACK_HEAD] * (2 * len(mids))
            words[1::2] = mids
            packet = struct.pack(f">{len(words)}H", *words)
            self._packet_queue(PacketTypes.PUBACK << 4, packet, 0, 0)

    @property
    def has_more(self) -> bool:
        """Whether bytes of this turn's read are left."""
        return self._read_at < len(self._buffer)

    @property
    def unannounced(self) -> bool:
        """Whether TLS holds decrypted bytes that no readiness of the socket will announce."""
        sock = self._sock
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._read_at >= len(self._buffer):
            sock = self._sock
            if sock is None:
                raise ConnectionError("no connection")
            if not self._may_read:
                raise BlockingIOError
            self._may_read = False
            try:
                self._buffer = sock.recv(READ_BYTES)
            except ssl.SSLWantReadError as error:
                raise BlockingIOError from error
            self._read_at = 0
            if not self._buffer:
                return b""
        piece = self._buffer[self._read_at : self._read_at + bufsize]
        self._read_at += len(piece)
        return piece


def new_client(settings: BrokerSettings, node: str) -> BufferedClient:
    """Return a client as a site file describes it, not yet connected.

    Raises
    ------
    OSError, ValueError
        A password, certificate or key cannot be read.
    """
    five = settings.version == "5"
    client = BufferedClient(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id or f"hazgate-{node}",
        clean_session=None if five else False,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        manual_ack=True,
    )
    client.connect_timeout = CONNECT_S
    if settings.username:
        password = None
        if settings.password_file:
            password = Path(settings.password_file).read_text(encoding="utf-8").strip()
        client.username_pw_set(settings.username, password)
    if settings.tls:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        client.tls_set_context(context)
    return client


def connect_properties(settings: BrokerSettings) -> Properties | None:
    """Return what MQTT 5 states at CONNECT: how long the session lives and what we take at most."""
    if settings.version != "5":
        return None
    properties: Properties = PROPERTIES(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.ReceiveMaximum = settings.receive_maximum
    properties.MaximumPacketSize = PACKET_BYTES
    return properties
