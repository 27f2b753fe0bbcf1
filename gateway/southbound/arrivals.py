"""What one read of the socket brought, as it lies in the buffer, and what is owed for it.

Thousands of messages are a table of positions, not as many objects. They lie in the session's
buffer and are gone when the next bytes are read: whoever is handed arrivals takes what he needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from gateway.southbound.packets import (
    COLUMNS,
    DUP,
    FLAGS,
    IDENTIFIER,
    OWN,
    PAYLOAD,
    PAYLOAD_END,
    QOS,
    QOS_1,
    RETAIN,
    TOPIC,
    TOPIC_END,
    Bytes,
    Spans,
)

#: Sent to oneself each second: that it comes back proves broker, reception and engine.
MARKER: Final = b"marker"
#: Identifiers of messages at QoS 2 are told from the others by this.
QOS_2: Final = 0x10000


class Message(NamedTuple):
    """One message by itself: for what is not done in bulk."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    mid: int = 0
    own: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """What is owed to the broker: identifiers in arrival order, on one connection."""

    connection: int
    identifiers: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.identifiers)

    def split(self, count: int) -> tuple[Receipt, Receipt]:
        """Return the first `count` and the rest."""
        first, rest = self.identifiers[:count], self.identifiers[count:]
        return Receipt(self.connection, first), Receipt(self.connection, rest)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Arrivals:
    """Messages in the order they came.

    Parameters
    ----------
    buffer
        What was read.
    spans
        Shape (n, 6): columns of `gateway.southbound.packets`.
    connection
        On which connection they came, and may be acknowledged.
    received_ns
        When the first was read; each of the others is a nanosecond later.
    monotonic_ns
        The same by the monotonic clock, which nobody sets; None where nothing is known of it.
    fenced
        Whether they may have waited in the broker's queue.
    marked
        Whether the last of them is one of the gateway's own markers.
    """

    buffer: Bytes
    spans: Spans
    connection: int = 0
    received_ns: int
    monotonic_ns: int | None = None
    fenced: bool = False
    marked: bool = False

    def __len__(self) -> int:
        return len(self.spans)

    @classmethod
    def of(
        cls,
        messages: Sequence[Message],
        *,
        received_ns: int,
        connection: int = 0,
        fenced: bool = False,
    ) -> Self:
        """Lay single messages out as if they had been read together."""
        parts: list[bytes] = []
        spans = np.zeros((len(messages), COLUMNS), np.int32)
        at = 0
        for row, message in zip(spans, messages, strict=True):
            topic = message.topic.encode("utf-8", "surrogateescape")
            parts += (topic, message.payload)
            row[TOPIC] = at
            row[TOPIC_END] = row[PAYLOAD] = at + len(topic)
            at += len(topic) + len(message.payload)
            row[PAYLOAD_END] = at
            flags = message.qos << 1 | RETAIN * message.retain | DUP * message.dup
            row[FLAGS] = flags | OWN * message.own
            row[IDENTIFIER] = message.mid
        return cls(
            # Writable, as the session's is: for another kind the kernels would be compiled anew.
            buffer=np.frombuffer(bytearray(b"".join(parts)), np.uint8),
            spans=spans,
            connection=connection,
            received_ns=received_ns,
            fenced=fenced,
        )

    def topic(self, index: int) -> str:
        """Return the topic of one message; bytes that are no UTF-8 belong to no device."""
        row = self.spans[index]
        return self.buffer[row[TOPIC] : row[TOPIC_END]].tobytes().decode("utf-8", "replace")

    def payload(self, index: int) -> bytes:
        """Return a copy of the payload of one message."""
        row = self.spans[index]
        return self.buffer[row[PAYLOAD] : row[PAYLOAD_END]].tobytes()

    def message(self, index: int) -> Message:
        """Return one message by itself."""
        flags = int(self.spans[index, FLAGS])
        return Message(
            self.topic(index),
            self.payload(index),
            (flags & QOS) >> 1,
            bool(flags & RETAIN),
            bool(flags & DUP),
            int(self.spans[index, IDENTIFIER]),
            bool(flags & OWN),
        )

    def receipt(self) -> Receipt:
        """Return what is owed for these: nothing for a message at QoS 0."""
        flags = self.spans[:, FLAGS] & QOS
        identifiers = self.spans[:, IDENTIFIER] + np.where(flags > QOS_1, QOS_2, 0).astype(np.int32)
        return Receipt(self.connection, identifiers[flags > 0])


def own_topic(node: str) -> str:
    """Return the topic on which a node speaks to itself: fences and markers."""
    return f"hazgate/{node}/fence"
