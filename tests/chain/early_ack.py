"""An edge that acknowledges before anything is durable: the negative control of the kill test."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cli import main
from gateway.roles.edge.node import EdgeNode
from gateway.southbound.message import Message


def deliver_early(self: EdgeNode, messages: Sequence[Message]) -> None:
    """Acknowledge first, store later: what must not be done."""
    self.session.acknowledge([message for message in messages if message.qos])
    self.line.take(messages)


EdgeNode._deliver = deliver_early

if __name__ == "__main__":
    main()
