"""PUBLISH in bulk: the same messages as the library reads, whatever the stream is cut into."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.southbound import client as module
from gateway.southbound.client import BufferedClient, Published, length_at, take_published

topics = st.text(
    st.characters(codec="utf-8", exclude_characters="+#\x00", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
).map(str.encode)
messages = st.builds(
    lambda topic, payload, qos, retain, dup, mid: Published(
        topic, payload, qos, retain, dup and qos == 1, mid if qos else 0
    ),
    topics,
    st.binary(max_size=300),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(1, 65_535),
)


def length(value: int) -> bytes:
    """A variable byte integer."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def packet(message: Published, *, five: bool, properties: bytes = b"") -> bytes:
    """A message as a broker writes it."""
    body = struct.pack(">H", len(message.topic)) + message.topic
    body += struct.pack(">H", message.mid) if message.qos else b""
    body += length(len(properties)) + properties if five else b""
    body += message.payload
    first = 0x30 | message.dup << 3 | message.qos << 1 | message.retain
    return bytes([first]) + length(len(body)) + body


@given(said=st.lists(messages, max_size=8), five=st.booleans(), data=st.data())
def test_whole_packets_are_taken_and_a_torn_one_is_left(
    said: list[Published], *, five: bool, data: st.DataObject
) -> None:
    """Cut anywhere, the stream yields the packets before the cut, and where the next begins."""
    properties = b"\x02\x00\x00\x00\x3c" if five else b""  # message expiry, 60 s
    packets = [packet(message, five=five, properties=properties) for message in said]
    stream = b"".join(packets)
    cut = data.draw(st.integers(0, len(stream)))
    found, end = take_published(stream[:cut], 0, five=five)
    assert found == said[: len(found)]
    assert end == sum(map(len, packets[: len(found)]))
    assert len(found) == len(said) or cut < end + len(packets[len(found)])


@given(stream=st.binary(max_size=200), five=st.booleans())
def test_no_bytes_break_the_scan(*, stream: bytes, five: bool) -> None:
    """Whatever comes, what is taken is well-formed and nothing is read beyond the end."""
    found, end = take_published(stream, 0, five=five)
    assert 0 <= end <= len(stream)
    for message in found:
        assert message.topic
        assert bool(message.mid) == bool(message.qos)
        assert len(message.topic) + len(message.payload) < len(stream)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x40\x02\x00\x01",  # PUBACK
        b"\x34\x07\x00\x01a\x00\x01\x00x",  # QoS 2
        b"\x32\x06\x00\x01a\x00\x00\x00",  # packet identifier 0
        b"\x30\x04\x00\x00\x00x",  # no topic: an alias
        b"\x30\x03\x00\x09a",  # a topic beyond the end
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x80",  # a torn length
        b"\x32\x03\x00\x01a",  # no room for the identifier
        b"\x30\x03\x00\x01a",  # MQTT 5 without properties
        b"\x30\x04\x00\x01a\x05",  # properties beyond the end
    ],
)
def test_what_is_not_a_plain_publish_is_the_librarys(stream: bytes) -> None:
    """The scan stops before it and takes nothing of it."""
    good = packet(Published(b"t", b"x", 1, retain=False, dup=False, mid=7), five=True)
    found, end = take_published(good + stream + good, 0, five=True)
    assert (len(found), end) == (1, len(good))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 268_435_455])
def test_lengths_of_every_width(value: int) -> None:
    """One to four bytes."""
    assert length_at(b"?" + length(value), 1) == (value, 1 + len(length(value)))


class Heard:
    """A client on one end of a pair of sockets, and what it was told."""

    def __init__(self, *, five: bool) -> None:
        self.ours, self.broker = socket.socketpair()
        self.ours.setblocking(False)
        self.five = five
        self.found: list[Published] = []
        protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        self.client = BufferedClient(
            CallbackAPIVersion.VERSION2, client_id="c", protocol=protocol, manual_ack=True
        )
        self.client._sock = self.ours
        self.client.on_message = self._on_message

    def _on_message(self, _client: object, _userdata: object, message: MQTTMessage) -> None:
        self.found.append(
            Published(
                message.topic.encode(), bytes(message.payload), message.qos,
                message.retain, message.dup, message.mid,
            )
        )  # fmt: skip

    def turn(self) -> None:
        """What the session does when the socket is readable."""
        self.client.begin_turn()
        self.client.loop_read()
        while self.client.has_more:
            taken = self.client.published(five=self.five)
            self.found += taken
            if not taken:
                self.client.loop_read()

    def close(self) -> None:
        self.client._sock = None
        self.ours.close()
        self.broker.close()


@pytest.mark.parametrize("five", [False, True])
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 11, 50, 1000])
def test_library_and_scan_share_one_stream(*, five: bool, piece: int) -> None:
    """However the bytes arrive, each message comes once, in order, by one way or the other."""
    said = [
        Published(
            f"t/{n}".encode(), b"p" * (n * 7 % 300), n % 2, n % 3 == 0, False, n if n % 2 else 0
        )
        for n in range(1, 60)
    ]
    stream = b"".join(packet(message, five=five) for message in said)
    heard = Heard(five=five)
    for begin in range(0, len(stream), piece):
        heard.broker.sendall(stream[begin : begin + piece])
        heard.turn()
    heard.close()
    assert heard.found == said


def test_a_flood_is_taken_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One turn takes one read of the socket, however much waits: the event loop is never held."""
    monkeypatch.setattr(module, "READ_BYTES", 1000)
    heard = Heard(five=False)
    one = packet(Published(b"topic", b"x" * 83, 0, retain=False, dup=False, mid=0), five=False)
    heard.broker.sendall(one * 400)
    turns = []
    while len(heard.found) < 400:
        before = len(heard.found)
        heard.turn()
        turns.append(len(heard.found) - before)
    heard.close()
    assert max(turns) <= 1000 // len(one) + 1
    assert len(turns) >= 400 * len(one) // 1000


def test_acknowledgements_leave_together() -> None:
    """One packet of bytes holds a PUBACK for each identifier, in order; none for nothing."""
    heard = Heard(five=False)
    heard.client.acknowledge([])
    heard.client.acknowledge([1, 258, 65_535])
    assert heard.broker.recv(100) == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
    heard.close()
