"""PUBLISH packets found in bulk: where topic, payload and identifier of each lie in what was read.

The kernel is sure of what it takes: whole, well-formed PUBLISH packets of QoS 0 or 1 with a topic.
It stops before anything else, and says whether that is the beginning of such a packet, whose rest
is still on its way, or something for the library to judge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.jit import entry, kernel

#: Columns of a packet's row: indices into the buffer, then the first byte, then the identifier.
TOPIC, TOPIC_END, PAYLOAD, PAYLOAD_END, FLAGS, IDENTIFIER = 0, 1, 2, 3, 4, 5
COLUMNS: Final = 6
#: Bits of a packet's first byte; OWN stands beside them: the topic is the gateway's own.
RETAIN, QOS, DUP, OWN = 0x01, 0x06, 0x08, 0x100
QOS_1 = 0x02
#: Why the search stopped: nothing is left, the rest is still to come, the library's, or no room.
NOTHING, TORN, OTHER, FULL = 0, 1, 2, 3

PUBLISH = 0x30
CONTINUES = 0x80
LENGTH_BYTES = 4

#: Properties of PUBLISH (MQTT 5, table 2-4), all but the topic alias.
FORMAT, EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC = 0x01, 0x02, 0x03, 0x08
CORRELATION, SUBSCRIPTION, USER = 0x09, 0x0B, 0x26

Bytes = npt.NDArray[np.uint8]
Spans = npt.NDArray[np.int32]


@entry
def variable_length(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a variable byte integer and the index after it.

    The index is 0 where the integer is torn, and -1 where it has more than four bytes (MQTT 5,
    1.5.5; MQTT 3.1.1, 2.2.3).
    """
    value = 0
    for step in range(LENGTH_BYTES):
        if at + step >= end:
            return 0, 0
        byte = int(buffer[at + step])
        value |= (byte & 0x7F) << (7 * step)
        if byte < CONTINUES:
            return value, at + step + 1
    return 0, -1


@kernel
def same(buffer: Bytes, begin: int, end: int, other: Bytes, at: int, until: int) -> bool:
    """Whether the bytes from `begin` to `end` are the other's from `at` to `until`."""
    if end - begin != until - at:
        return False
    for index in range(end - begin):
        if buffer[begin + index] != other[at + index]:
            return False
    return True


@kernel
def plain(buffer: Bytes, at: int, end: int) -> bool:
    """Whether the properties of a PUBLISH are well-formed and no topic alias is among them.

    None is allowed that we did not announce room for (MQTT 5, 3.3.2.3.4): the library's.
    """
    while at < end:
        kind = int(buffer[at])
        at += 1
        strings = 0
        if kind == FORMAT:
            at += 1
        elif kind == EXPIRY:
            at += 4
        elif kind == SUBSCRIPTION:
            _, at = variable_length(buffer, at, end)
            if at <= 0:
                return False
        elif kind in (CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION):
            strings = 1
        elif kind == USER:
            strings = 2
        else:
            return False
        for _ in range(strings):
            if at + 2 > end:
                return False
            at += 2 + (int(buffer[at]) << 8 | int(buffer[at + 1]))
    return at == end


@entry
def find(
    buffer: Bytes, begin: int, end: int, five: bool, own: Bytes, spans: Spans
) -> tuple[int, int, int]:
    """Find the PUBLISH packets that stand at `begin`.

    Parameters
    ----------
    buffer, begin, end
        Bytes of the stream, where a packet begins, and how far they are filled.
    five
        Whether the protocol is MQTT 5, whose packets carry properties; none of them matters
        here.
    own
        The gateway's own topic: packets of it are marked.
    spans
        Shape (n, 6): a row for each packet is written here.

    Returns
    -------
    tuple
        Where the next packet begins, how many were found, and why the search stopped.
    """
    count = 0
    while begin < end:
        if count == spans.shape[0]:
            return begin, count, FULL
        first = int(buffer[begin])
        qos = first & QOS
        if first & 0xF0 != PUBLISH or qos > QOS_1 or (first & DUP and not qos):
            return begin, count, OTHER
        length, at = variable_length(buffer, begin + 1, end)
        if at == 0:
            return begin, count, TORN
        least = 4 if qos else 2
        if at < 0 or length < least or at - begin + length > buffer.size:
            return begin, count, OTHER
        last = at + length
        if last > end:
            return begin, count, TORN
        topic = at + 2
        topic_end = topic + (int(buffer[at]) << 8 | int(buffer[at + 1]))
        payload = topic_end
        identifier = 0
        if qos:
            payload += 2
            if payload > last:
                return begin, count, OTHER
            identifier = int(buffer[topic_end]) << 8 | int(buffer[topic_end + 1])
        properties = payload
        if five:
            size, properties = variable_length(buffer, payload, last) if payload < last else (0, -1)
            if properties <= 0:
                return begin, count, OTHER
            payload = properties + size
        wrong = payload > last or topic_end == topic or (qos and not identifier)
        if wrong or not plain(buffer, properties, payload):
            return begin, count, OTHER
        flags = first
        if same(buffer, topic, topic_end, own, 0, own.size):
            flags |= OWN
        spans[count, TOPIC] = topic
        spans[count, TOPIC_END] = topic_end
        spans[count, PAYLOAD] = payload
        spans[count, PAYLOAD_END] = last
        spans[count, FLAGS] = flags
        spans[count, IDENTIFIER] = identifier
        count += 1
        begin = last
    return begin, count, NOTHING
