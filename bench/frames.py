"""MQTT 3.1.1 packets over plain sockets: what a bench needs to send, and to find in what it reads.

Written out here and not taken from a client library, so that neither the load generator nor the
sinks cost more than the bytes themselves.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import entry

PUBACK_BYTES: Final = 4
CONNECT: Final = 0x10
SUBSCRIBE: Final = 0x82
PUBLISH: Final = 0x30
CONNACK_BYTES: Final = 4
KEEP_ALIVE_OFF: Final = b"\x00\x00"
MQTT_3_1_1: Final = 4
#: Flags of CONNECT: a session of its own; a user name and a password.
CLEAN: Final = 0x02
LOGIN: Final = 0xC0
FILTERS_A_PACKET: Final = 200

Bytes = npt.NDArray[np.uint8]


def text(value: bytes) -> bytes:
    """Return a string with its length before it."""
    return struct.pack("!H", len(value)) + value


def packet(kind: int, body: bytes) -> bytes:
    """Return a whole packet: its first byte, the length of the rest, the rest."""
    return bytes([kind]) + remaining(len(body)) + body


def remaining(length: int) -> bytes:
    """Return the length of the rest of a packet as MQTT writes it."""
    written = bytearray()
    while True:
        written.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(written)


def publish(topic: bytes, payload: bytes, *, qos: int, number: int, retain: bool = False) -> bytes:
    """Return a PUBLISH packet; `number` is its packet identifier at QoS 1 and 2."""
    identifier = struct.pack("!H", number) if qos else b""
    return packet(PUBLISH | qos << 1 | retain, text(topic) + identifier + payload)


def connect(port: int, client: str, *, resume: bool = False) -> socket.socket:
    """Return a connection with a broker on loopback, its session accepted.

    Parameters
    ----------
    port, client
        Where the broker listens, and the client id.
    resume
        Take up the session that the broker keeps for this client id.

    Raises
    ------
    ConnectionError
        The broker refused.
    """
    sock = socket.create_connection(("127.0.0.1", port))
    open_session(sock, client, resume=resume)
    return sock


def open_session(
    sock: socket.socket,
    client: str,
    *,
    resume: bool = False,
    login: tuple[str, bytes] | None = None,
) -> None:
    """Open a session over a connection, with user name and password where a broker wants them.

    Raises
    ------
    ConnectionError
        The broker refused.
    """
    flags = (0 if resume else CLEAN) | (LOGIN if login else 0)
    body = text(b"MQTT") + bytes([MQTT_3_1_1, flags]) + KEEP_ALIVE_OFF + text(client.encode())
    if login:
        body += text(login[0].encode()) + text(login[1])
    sock.sendall(packet(CONNECT, body))
    answer = b""
    # No MSG_WAITALL: a connection with TLS has no flags.
    while len(answer) < CONNACK_BYTES and (came := sock.recv(CONNACK_BYTES - len(answer))):
        answer += came
    if len(answer) < CONNACK_BYTES or answer[3]:
        raise ConnectionError(f"the broker refused {client}: {answer.hex()}")


def subscribe(sock: socket.socket, topics: Sequence[str], *, qos: int) -> None:
    """Subscribe and wait until everything is granted; nothing may be published meanwhile."""
    for number, begin in enumerate(range(0, len(topics), FILTERS_A_PACKET), 1):
        wanted = topics[begin : begin + FILTERS_A_PACKET]
        filters = b"".join(text(topic.encode()) + bytes([qos]) for topic in wanted)
        sock.sendall(packet(SUBSCRIBE, struct.pack("!H", number) + filters))
        granted = len(packet(0, bytes(2 + len(wanted))))
        if len(sock.recv(granted, socket.MSG_WAITALL)) < granted:
            raise ConnectionError("the broker closed the connection instead of granting")


@entry
def scan(buffer: Bytes, end: int, acknowledgements: Bytes) -> tuple[int, int, int]:
    """Find the whole packets in a buffer.

    Parameters
    ----------
    buffer, end
        Bytes read, and how many of them count.
    acknowledgements
        Filled with the PUBACK of each PUBLISH at QoS 1, in order.

    Returns
    -------
    tuple
        Bytes used, PUBLISH packets found, PUBACKs written.
    """
    used = 0
    found = 0
    written = 0
    while used + 2 <= end and PUBACK_BYTES * (written + 1) <= acknowledgements.size:
        at = used + 1
        length = 0
        shift = 0
        whole = False
        while at < end and shift < 28:
            byte = int(buffer[at])
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                whole = True
                break
        if not whole or at + length > end:
            break
        if buffer[used] & 0xF0 == PUBLISH:
            found += 1
            if buffer[used] & 0x06:
                identifier = at + 2 + (int(buffer[at]) << 8 | int(buffer[at + 1]))
                place = PUBACK_BYTES * written
                acknowledgements[place] = 0x40
                acknowledgements[place + 1] = 2
                acknowledgements[place + 2] = buffer[identifier]
                acknowledgements[place + 3] = buffer[identifier + 1]
                written += 1
        used = at + length
    return used, found, written
