"""One stream, every cut: whatever the reads bring together or apart, the same messages come."""

from __future__ import annotations

import random
import socket

import numpy as np
import pytest
from paho.mqtt.client import Client, MQTTMessage

from gateway.southbound import client as module
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.client import new_client
from gateway.southbound.settings import BrokerSettings
from tests.gateway.southbound.contract.frames import (
    PINGRESP_BYTES,
    PUBACK,
    PUBREL,
    Publish,
    answer,
    publish,
    suback,
)

OWN = np.frombuffer(bytearray(b"hazgate/gw/fence"), np.uint8)
SEED = 20_240_501


class Reader:
    """A client on one end of a pair of sockets, turned as the session turns it."""

    def __init__(self, *, five: bool) -> None:
        self.ours, self.broker = socket.socketpair()
        self.ours.setblocking(False)
        self.five = five
        self.found: list[Publish] = []
        self.others: list[str] = []
        self.lost = 0
        version = "5" if five else "3.1.1"
        settings = BrokerSettings.model_validate({"url": "mqtt://127.0.0.1", "version": version})
        self.client = new_client(settings, "gw")
        self.client._sock = self.ours
        self.client.on_message = self._on_message
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda *_: self.others.append("SUBACK")
        self.client.on_publish = lambda *_: self.others.append("PUBACK")

    def _on_disconnect(self, *_: object) -> None:
        self.lost += 1

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.found.append(
            Publish(
                message._topic, bytes(message.payload), message.qos,
                message.retain, message.dup, message.mid,
            )
        )  # fmt: skip

    def turn(self) -> None:
        """What the session does when the socket is readable."""
        self.client.receive()
        more = True
        while more and not self.lost:
            buffer, spans, more = self.client.published(OWN, five=self.five)
            laid = Arrivals(buffer=buffer, spans=spans, received_ns=0)
            for index in range(len(laid)):
                _, payload, qos, retain, dup, mid, _ = laid.message(index)
                topic = buffer[spans[index, 0] : spans[index, 1]].tobytes()
                self.found.append(Publish(topic, payload, qos, retain, dup, mid))
            if more and not len(laid):
                self.client.loop_read()
                more = self.client.has_more and self.client.socket() is not None

    def close(self) -> None:
        self.client._sock = None
        self.ours.close()
        self.broker.close()


def mixed(*, five: bool) -> tuple[bytes, list[Publish]]:
    """A stream in which every packet a broker sends stands beside every other, and its messages."""
    said = [
        Publish(b"a", b""),
        Publish(b"plant/a/v", b"x" * 140, 1, identifier=1),
        Publish(b"b", b"2", 1, dup=True, identifier=300),
        Publish(b"c", b"\x30\x05\x00\x01abc", retain=True),
        Publish(b"hazgate/gw/fence", b"marker"),
        Publish("厂/氨".encode(), b"4", 1, identifier=65_535),
    ]
    if five:
        said[2] = said[2]._replace(properties=b"\x02\x00\x00\x00\x3c")
    one, two, three, four, five_, six = (publish(each, five=five) for each in said)
    granted = suback(1, b"\x01\x80", five=five)
    acked, release = answer(PUBACK, 2), answer(PUBREL, 9)
    stream = b"".join(
        [one, PINGRESP_BYTES, two, granted, acked, three, four, acked, release, PINGRESP_BYTES,
         five_, granted, six, PINGRESP_BYTES],
    )  # fmt: skip
    return stream, [each._replace(properties=b"") for each in said]


@pytest.mark.parametrize("five", [False, True])
def test_a_cut_anywhere_changes_nothing(*, five: bool) -> None:
    """Every place at which a read can end: the same messages, in the same order, once each."""
    stream, said = mixed(five=five)
    for cut in range(1, len(stream)):
        reader = Reader(five=five)
        for piece in (stream[:cut], stream[cut:]):
            reader.broker.sendall(piece)
            reader.turn()
        reader.close()
        assert reader.found == said, cut
        assert reader.others == ["SUBACK", "SUBACK"], cut
        assert not reader.lost


@pytest.mark.parametrize("five", [False, True])
@pytest.mark.parametrize("room", [300, 400, 4096])
def test_any_number_of_cuts_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, *, five: bool, room: int
) -> None:
    """Pieces of any size, into a room that hardly holds a packet or a table of two: the same."""
    monkeypatch.setattr(module, "ROOM_BYTES", room)
    monkeypatch.setattr(module, "FOUND", 2)
    chance = random.Random(SEED)
    stream, said = mixed(five=five)
    large = Publish(b"large", bytes(500), 1, identifier=77)
    stream += publish(large, five=five)
    for _ in range(60):
        reader = Reader(five=five)
        held = stream * 3
        while held:
            size = chance.choice([1, 2, 3, 17, 150, 500])
            reader.broker.sendall(held[:size])
            held = held[size:]
            reader.turn()
        # A room smaller than what lies in the socket takes it in as many turns.
        for _ in range(len(stream) * 3 // room + 1):
            reader.turn()
        reader.close()
        assert reader.found == [*said, large] * 3
        assert not reader.lost


@pytest.mark.parametrize("five", [False, True])
def test_an_end_anywhere_loses_nothing_that_was_whole(*, five: bool) -> None:
    """The connection ends at any byte: what was whole counts, the end is told once."""
    stream, said = mixed(five=five)
    ends = []
    for cut in range(len(stream) + 1):
        reader = Reader(five=five)
        reader.broker.sendall(stream[:cut])
        reader.broker.shutdown(socket.SHUT_WR)
        for _ in range(2):
            reader.turn()
        reader.close()
        assert reader.found == said[: len(reader.found)], cut
        assert reader.lost == 1, cut
        ends.append(len(reader.found))
    assert ends == sorted(ends)
    assert set(ends) == set(range(len(said) + 1))
