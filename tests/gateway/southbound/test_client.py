"""PUBLISH in bulk: the same messages as the library reads, whatever the stream is cut into."""

from __future__ import annotations

import socket
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.southbound import client as module
from gateway.southbound.arrivals import QOS_2, Arrivals, Message
from gateway.southbound.client import BufferedClient
from gateway.southbound.packets import COLUMNS, FULL, NOTHING, OTHER, TORN, find, variable_length

OWN = np.frombuffer(bytearray(b"hazgate/gw/fence"), np.uint8)
topics = st.text(
    st.characters(codec="utf-8", exclude_characters="+#\x00", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
) | st.just("hazgate/gw/fence")
messages = st.builds(
    lambda topic, payload, qos, retain, dup, mid: Message(
        topic,
        payload,
        qos,
        retain,
        dup and qos == 1,
        mid if qos else 0,
        topic == "hazgate/gw/fence",
    ),
    topics,
    st.binary(max_size=300),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(1, 65_535),
)


def taken(stream: bytes, *, five: bool, rows: int = 100) -> tuple[list[Message], int, int]:
    """What the kernel finds in a stream, where it stopped, and why."""
    # The buffer is larger than what is in it, as the client's is.
    buffer = np.frombuffer(bytearray(stream + bytes(1000)), np.uint8)
    spans = np.zeros((rows, COLUMNS), np.int32)
    at, count, why = find(buffer, 0, len(stream), five, OWN, spans)
    found = Arrivals(buffer=buffer, spans=spans[:count], received_ns=0)
    return [found.message(index) for index in range(count)], at, why


def length(value: int) -> bytes:
    """A variable byte integer."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def packet(message: Message, *, five: bool, properties: bytes = b"") -> bytes:
    """A message as a broker writes it."""
    topic = message.topic.encode()
    body = struct.pack(">H", len(topic)) + topic
    body += struct.pack(">H", message.mid) if message.qos else b""
    body += length(len(properties)) + properties if five else b""
    body += message.payload
    first = 0x30 | message.dup << 3 | message.qos << 1 | message.retain
    return bytes([first]) + length(len(body)) + body


@given(said=st.lists(messages, max_size=8), five=st.booleans(), data=st.data())
def test_whole_packets_are_taken_and_a_torn_one_is_left(
    said: list[Message], *, five: bool, data: st.DataObject
) -> None:
    """Cut anywhere, the stream yields the packets before the cut, and where the next begins."""
    properties = b"\x02\x00\x00\x00\x3c" if five else b""  # message expiry, 60 s
    packets = [packet(message, five=five, properties=properties) for message in said]
    stream = b"".join(packets)
    cut = data.draw(st.integers(0, len(stream)))
    found, end, why = taken(stream[:cut], five=five)
    assert found == said[: len(found)]
    assert end == sum(map(len, packets[: len(found)]))
    assert len(found) == len(said) or cut < end + len(packets[len(found)])
    assert why == (NOTHING if end == cut else TORN)


def test_no_more_are_taken_than_have_room() -> None:
    """A full table ends the search where the next packet begins."""
    one = packet(Message("t", b"x"), five=False)
    found, end, why = taken(one * 5, five=False, rows=3)
    assert (len(found), end, why) == (3, 3 * len(one), FULL)


def test_a_packet_larger_than_the_buffer_is_the_librarys() -> None:
    """Waiting for its rest would wait for ever."""
    stream = packet(Message("t", bytes(5000)), five=False)[:100]
    assert taken(stream, five=False) == ([], 0, OTHER)


@given(stream=st.binary(max_size=200), five=st.booleans())
def test_no_bytes_break_the_scan(*, stream: bytes, five: bool) -> None:
    """Whatever comes, what is taken is well-formed and nothing is read beyond the end."""
    found, end, _ = taken(stream, five=five)
    assert 0 <= end <= len(stream)
    for message in found:
        assert message.topic
        assert bool(message.mid) == bool(message.qos)
        assert len(message.payload) < len(stream)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x40\x02\x00\x01",  # PUBACK
        b"\x34\x07\x00\x01a\x00\x01\x00x",  # QoS 2
        b"\x36\x07\x00\x01a\x00\x01\x00x",  # QoS 3
        b"\x38\x05\x00\x01a\x00x",  # DUP at QoS 0
        b"\x32\x06\x00\x01a\x00\x00\x00",  # packet identifier 0
        b"\x30\x04\x00\x00\x00x",  # no topic: an alias
        b"\x30\x03\x00\x09a",  # a topic beyond the end
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x32\x03\x00\x01a",  # no room for the identifier
        b"\x30\x03\x00\x01a",  # MQTT 5 without properties
        b"\x30\x04\x00\x01a\x05",  # properties beyond the end
    ],
)
def test_what_is_not_a_plain_publish_is_the_librarys(stream: bytes) -> None:
    """The scan stops before it and takes nothing of it."""
    good = packet(Message("t", b"x", 1, mid=7), five=True)
    found, end, why = taken(good + stream + good, five=True)
    assert (len(found), end, why) == (1, len(good), OTHER)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 268_435_455])
def test_lengths_of_every_width(value: int) -> None:
    """One to four bytes; torn anywhere they are told from those that are too long."""
    written = length(value)
    stream = np.frombuffer(bytearray(b"?" + written), np.uint8)
    assert variable_length(stream, 1, stream.size) == (value, 1 + len(written))
    for cut in range(1, stream.size):
        assert variable_length(stream, 1, cut) == (0, 0)


def test_a_length_of_five_bytes_is_none() -> None:
    """It never ends, however many bytes come."""
    stream = np.frombuffer(bytearray(b"\xff\xff\xff\xff\x01"), np.uint8)
    assert variable_length(stream, 0, 5) == (0, -1)


class Heard:
    """A client on one end of a pair of sockets, and what it was told."""

    def __init__(self, *, five: bool) -> None:
        self.ours, self.broker = socket.socketpair()
        self.ours.setblocking(False)
        self.five = five
        self.found: list[Message] = []
        protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        self.client = BufferedClient(
            CallbackAPIVersion.VERSION2, client_id="c", protocol=protocol, manual_ack=True
        )
        self.client._sock = self.ours
        self.client.on_message = self._on_message

    def _on_message(self, _client: object, _userdata: object, message: MQTTMessage) -> None:
        self.found.append(
            Message(
                message.topic, bytes(message.payload), message.qos,
                message.retain, message.dup, message.mid,
            )
        )  # fmt: skip

    def turn(self) -> None:
        """What the session does when the socket is readable."""
        self.client.receive()
        more = True
        while more and self.client._sock is not None:
            buffer, spans, more = self.client.published(OWN, five=self.five)
            found = Arrivals(buffer=buffer, spans=spans, received_ns=0)
            self.found += [found.message(index) for index in range(len(found))]
            if more and not len(found):
                self.client.loop_read()
                more = self.client.has_more

    def close(self) -> None:
        self.client._sock = None
        self.ours.close()
        self.broker.close()


@pytest.mark.parametrize("five", [False, True])
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 11, 50, 1000])
def test_library_and_scan_share_one_stream(*, five: bool, piece: int) -> None:
    """However the bytes arrive, each message comes once, in order, by one way or the other."""
    said = [
        Message(f"t/{n}", b"p" * (n * 7 % 300), n % 2, n % 3 == 0, False, n if n % 2 else 0)
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
    one = packet(Message("topic", b"x" * 83), five=False)
    heard.broker.sendall(one * 400)
    turns = []
    while len(heard.found) < 400:
        before = len(heard.found)
        heard.turn()
        turns.append(len(heard.found) - before)
    heard.close()
    assert max(turns) <= 1000 // len(one) + 1
    assert len(turns) >= 400 * len(one) // 1000


@pytest.mark.parametrize("five", [False, True])
def test_a_packet_larger_than_the_room_comes_whole(
    monkeypatch: pytest.MonkeyPatch, *, five: bool
) -> None:
    """The library puts together what the buffer cannot hold; what follows is in order."""
    monkeypatch.setattr(module, "ROOM_BYTES", 4096)
    said = [Message("a", b"1"), Message("b", bytes(20_000), 1, mid=5), Message("c", b"2")]
    heard = Heard(five=five)
    stream = b"".join(packet(message, five=five) for message in said)
    for begin in range(0, len(stream), 1500):
        heard.broker.sendall(stream[begin : begin + 1500])
        heard.turn()
    heard.close()
    assert heard.found == said


@pytest.mark.parametrize("rest", [b"", b"\x30\x64\x00\x05to"])
def test_an_end_in_the_middle_of_a_packet_is_told(rest: bytes) -> None:
    """A connection that breaks off is lost, and what was torn is nobody's message."""
    heard = Heard(five=False)
    told: list[object] = []
    heard.client.on_disconnect = lambda *said: told.append(said)
    heard.broker.sendall(packet(Message("t", b"x"), five=False) + rest)
    heard.turn()
    heard.broker.shutdown(socket.SHUT_WR)
    heard.turn()
    heard.close()
    assert heard.found == [Message("t", b"x")]
    assert len(told) == 1


def test_acknowledgements_leave_together() -> None:
    """One packet of bytes holds a PUBACK for each identifier, in order; none for nothing."""
    heard = Heard(five=False)
    heard.client.acknowledge(np.array([], np.int32))
    heard.client.acknowledge(np.array([1, 258, 65_535], np.int32))
    assert heard.broker.recv(100) == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
    heard.client.acknowledge(np.array([QOS_2 + 3, 4], np.int32))
    assert heard.broker.recv(100) == b"\x40\x02\x00\x04\x70\x02\x00\x03"
    heard.close()
