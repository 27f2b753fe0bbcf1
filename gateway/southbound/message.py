"""A message as it came from the broker, and the topic on which a node speaks to itself."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Sent to oneself each second: that it comes back proves broker, reception and engine.
MARKER: Final = b"marker"


class Message(NamedTuple):
    """A message as it came; `connection` tells on which connection it may be acknowledged."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int
    connection: int
    received_ns: int
    fenced: bool


def own_topic(node: str) -> str:
    """Return the topic on which a node speaks to itself: fences and markers."""
    return f"hazgate/{node}/fence"
