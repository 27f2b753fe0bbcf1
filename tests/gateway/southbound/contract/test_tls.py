"""Reading TLS: what a read brought counts, whatever the next one says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.southbound import client as module
from tests.gateway.southbound.contract.frames import Publish, publish
from tests.gateway.southbound.contract.test_cuts import Reader

SAID = [Publish(b"plant/a/v", b"%d" % number, 1, identifier=number) for number in range(1, 4)]
STREAM = b"".join(publish(each, five=False) for each in SAID)


class Ahead(ssl.SSLSocket):
    """A socket that knows of the next record before it is asked for, as where TLS reads ahead."""

    def pending(self) -> int:
        return 1


class Encrypted(Reader):
    """A client whose pair of sockets speaks TLS, and the bare socket below the broker's end."""

    def __init__(self, certificates: Path) -> None:
        super().__init__(five=False)
        theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        theirs.load_cert_chain(certificates / "cert", certificates / "key")
        theirs.num_tickets = 0  # nothing but what the test sends
        ours = ssl.create_default_context(cafile=str(certificates / "ca"))
        ours.sslsocket_class = Ahead
        self.ours.setblocking(True)
        self.below = self.broker.dup()
        shaken: list[ssl.SSLSocket] = []
        other = threading.Thread(
            target=lambda: shaken.append(theirs.wrap_socket(self.broker, server_side=True))
        )
        other.start()
        self.ours = ours.wrap_socket(self.ours, server_hostname="127.0.0.1")
        other.join(timeout=30)
        self.ours.setblocking(False)
        self.broker = shaken[0]
        self.client._sock = self.ours
        self.client._last_bytes_received = 0.0

    def close(self) -> None:
        super().close()
        self.below.close()


@pytest.fixture
def reader(certificates: Path) -> Iterator[Encrypted]:
    made = Encrypted(certificates)
    yield made
    made.close()


def test_a_record_larger_than_a_read_proves_life(
    reader: Encrypted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the record is left for the next turn; the other end lives all the same."""
    monkeypatch.setattr(module, "READ_BYTES", len(STREAM) // 2)
    reader.broker.sendall(STREAM)
    assert reader.client.receive()
    assert reader.client._last_bytes_received > 0
    for _ in range(3):
        reader.turn()
    assert reader.found == SAID
    assert not reader.lost


def test_nothing_after_a_record_leaves_the_record(reader: Encrypted) -> None:
    """The next record is still on its way: what came counts as a sign of life."""
    reader.broker.sendall(STREAM)
    assert reader.client.receive()
    assert reader.client._last_bytes_received > 0
    reader.turn()
    assert reader.found == SAID
    assert not reader.lost
    assert not reader.client.receive()


@pytest.mark.parametrize("end", ["garbage", "an end"])
def test_a_failure_after_a_record_loses_no_message(reader: Encrypted, end: str) -> None:
    """Messages that were whole before the line broke are handed over; then the loss is told."""
    reader.broker.sendall(STREAM + b"\x30\x64\x00\x05to")
    if end == "garbage":
        reader.below.sendall(b"this is no TLS record at all")
    else:
        reader.below.shutdown(socket.SHUT_WR)
    for _ in range(2):
        reader.turn()
    assert reader.found == SAID
    assert reader.lost == 1
