"""paho's client with the two things that come in masses done in bulk: PUBLISH in, PUBACK out.

paho asks the kernel for single bytes, builds a dozen objects a message and sends each
acknowledgement in a system call of its own. Here the socket is read in large pieces, whole PUBLISH
packets are taken straight from them, and acknowledgements leave together. Whatever else comes (and
any PUBLISH that is malformed, of QoS 2, without a topic, or larger than the buffer) is paho's, in
the order it came.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.southbound.arrivals import QOS_2
from gateway.southbound.packets import COLUMNS, NOTHING, TORN, Bytes, Spans, find
from gateway.southbound.settings import BrokerSettings

#: Taken from the kernel at once: what it holds is decoded and judged before the loop goes on.
READ_BYTES: Final = 256 * 1024
#: A torn packet waits here for its rest; a larger one is put together by the library.
ROOM_BYTES: Final = 1024 * 1024
#: Packets found at once.
FOUND: Final = 4096
CONNECT_S: Final = 10.0
#: A broker keeps larger packets from us (MQTT 5); the decoder takes 256 KiB.
PACKET_BYTES: Final = 2 * 1024 * 1024
#: MQTT 3.1.1 has no word for that: what it allows, 256 MiB, would be put together in our memory.
UNSTATED_PACKET_BYTES: Final = 16 * 1024 * 1024
#: First bytes of the packets that a server may send us. Any other is a violation (MQTT 3.1.1,
#: 2.2.2; MQTT 5, 2.1.3), and paho takes type 0 for no packet at all: it would lose its place.
FIRST_BYTES: Final = frozenset(
    bytes.fromhex("20 30 31 32 33 34 35 3a 3b 3c 3d 40 50 62 70 90 b0 d0 e0")
)
#: paho publishes no type for this constructor.
PROPERTIES: Callable[[int], Properties] = Properties
#: First two bytes of a PUBACK that says nothing but success: the type, and two bytes to follow.
PUBACK_HEAD: Final = 0x4002


class BufferedClient(Client):
    """paho's client, reading the socket in large pieces."""

    #: What the broker did, where the library has no words for it.
    fault = ""
    most_bytes = UNSTATED_PACKET_BYTES
    _room = memoryview(b"")
    _bytes: Bytes = np.zeros(0, np.uint8)
    _spans: Spans = np.zeros((0, COLUMNS), np.int32)
    _begin = 0
    _end = 0
    _ended: OSError | bytes | None = None

    def receive(self) -> bool:
        """Read once what has come, and return whether anything did.

        At most `READ_BYTES` are read: no flood holds the event loop for ever.
        """
        sock = cast("socket.socket | None", self._sock)
        if sock is None:
            return False
        if not self._room:
            held = bytearray(ROOM_BYTES)
            self._room, self._bytes = memoryview(held), np.frombuffer(held, np.uint8)
            self._spans = np.zeros((FOUND, COLUMNS), np.int32)
        held_back = self._end - self._begin
        if self._begin:
            self._room[:held_back] = self._room[self._begin : self._end]
        self._begin, self._end = 0, held_back
        end = min(ROOM_BYTES, self._end + READ_BYTES)
        try:
            came = sock.recv_into(self._room[self._end : end])
            self._end += came
            # TLS gives one record at a time, and no readiness of the socket announces the next.
            while came and self._end < end and isinstance(sock, ssl.SSLSocket) and sock.pending():
                came = sock.recv_into(self._room[self._end : end])
                self._end += came
            if not came:
                self._ended = b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self._ended = error
        if self._end > held_back:
            # Any bytes prove that the other end lives, whatever came after them.
            self._last_bytes_received = time.monotonic()
            return True
        if self._ended is None:
            return False
        # The rest of a torn packet will not come: the library is told the end, not its beginning.
        self._begin = self._end
        return True

    def published(self, own: Bytes, *, five: bool) -> tuple[Bytes, Spans, bool]:
        """Return the buffer, the PUBLISH packets at hand, and whether something else comes next."""
        if self._in_packet["command"]:
            return self._bytes, self._spans[:0], self.has_more  # the library has begun a packet
        begin, count, why = find(self._bytes, self._begin, self._end, five, own, self._spans)
        self._begin = begin
        more = self._ended is not None or why not in {NOTHING, TORN}
        return self._bytes, self._spans[:count], more

    def acknowledge(self, identifiers: npt.NDArray[np.int32]) -> None:
        """Send PUBACK for each of these packet identifiers, in order, in one piece.

        Those of QoS 2 (see `gateway.southbound.arrivals`) are completed by the library.
        """
        once = identifiers[identifiers < QOS_2]
        if once.size:
            words = np.full((once.size, 2), PUBACK_HEAD, ">u2")
            words[:, 1] = once
            self._packet_queue(PacketTypes.PUBACK << 4, words.tobytes(), 0, 0)
        if once.size < identifiers.size:
            for identifier in identifiers[identifiers >= QOS_2].tolist():
                self.ack(identifier - QOS_2, 2)

    @property
    def has_more(self) -> bool:
        """Whether bytes that were read are left, or the library must be told that no more come."""
        return self._begin < self._end or self._ended is not None

    @property
    def unannounced(self) -> bool:
        """Whether TLS holds decrypted bytes that no readiness of the socket will announce."""
        sock = self._sock
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def loop_write(self) -> MQTTErrorCode:
        """Send what is held, but not from a callback: whoever flushes after it sends it.

        The library holds a lock while it calls back. A send that fails would close the connection,
        call back, and wait for that lock for ever.
        """
        if self._in_callback_mutex.locked():
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super().loop_write()

    def ping(self) -> None:
        """Send PINGREQ where nothing was sent for half the keep-alive.

        The library sends it when the keep-alive has passed, and that is too late.
        """
        now = time.monotonic()
        quiet = self.is_connected() and now - self._last_msg_out >= self._keepalive / 2
        if quiet and self._keepalive and not self._ping_t:
            self._send_pingreq()
            self._last_bytes_received = now  # the answer has the whole keep-alive, as the library's

    def excuse(self) -> None:
        """Miss no answer to PINGREQ: nothing is being read, so none can come."""
        self._ping_t = 0

    def _packet_read(self) -> MQTTErrorCode:
        inside = self._in_packet["command"] or self._begin == self._end
        if not inside and self._room[self._begin] not in FIRST_BYTES:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        code = super()._packet_read()
        # Judged by its head: no such packet is whole after one read, the room is smaller.
        begun = self._in_packet
        size = 1 + len(begun["remaining_count"]) + begun["remaining_length"]
        if begun["have_remaining"] and size > self.most_bytes:
            self.fault = f"a packet of {size} bytes, at most {self.most_bytes} are taken"
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return code

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._begin == self._end:
            if self._sock is None:
                raise ConnectionError("no connection")
            if self._ended is None:
                raise BlockingIOError
            if isinstance(self._ended, OSError):
                raise self._ended
            return self._ended
        piece = bytes(self._room[self._begin : min(self._begin + bufsize, self._end)])
        self._begin += len(piece)
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
        client_id=settings.client_of(node),
        clean_session=None if five else False,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        manual_ack=True,
        reconnect_on_failure=False,  # nor let it fall back to MQTT 3.1 behind our back
    )
    client.connect_timeout = CONNECT_S
    if five:
        client.most_bytes = PACKET_BYTES
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


def violation(message: MQTTMessage) -> str:
    """Return which rule of MQTT a message that the library passed breaks, or nothing."""
    if message.qos and not message.mid:
        return "a message at QoS 1 or 2 without a packet identifier"
    if hasattr(message.properties, "TopicAlias"):
        return "a topic alias, though we allow none"
    if not message._topic:  # noqa: SLF001 - what is no UTF-8 has no `topic`
        return "a message without a topic"
    return ""


def connect_properties(settings: BrokerSettings) -> Properties | None:
    """Return what MQTT 5 states at CONNECT: how long the session lives and what we take at most."""
    if settings.version != "5":
        return None
    properties: Properties = PROPERTIES(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.ReceiveMaximum = settings.receive_maximum
    properties.MaximumPacketSize = PACKET_BYTES
    return properties
