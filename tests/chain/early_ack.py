"""An edge that acknowledges before anything is durable: the negative control of the kill test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.cli import main
from gateway.roles.edge.node import EdgeNode
from gateway.southbound.message import Message

#: How long a message lies in memory alone, as in a gateway that works in batches of this length.
BATCH_S = 0.05


def deliver_early(self: EdgeNode, messages: Sequence[Message]) -> None:
    """Acknowledge first, store later: what must not be done."""
    self.session.acknowledge([message for message in messages if message.qos])
    told = [message._replace(qos=0) for message in messages]
    asyncio.get_running_loop().call_later(BATCH_S, self.line.take, told)


EdgeNode._deliver = deliver_early

if __name__ == "__main__":
    main()
