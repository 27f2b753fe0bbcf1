"""An edge that acknowledges before anything is durable: the negative control of the kill test."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.cli import main
from gateway.roles.edge.node import EdgeNode
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.packets import FLAGS, QOS

#: How long a message lies in memory alone, as in a gateway that works in batches of this length.
BATCH_S = 0.05


def deliver_early(self: EdgeNode, arrivals: Arrivals) -> bool:
    """Acknowledge first, store later: what must not be done."""
    self.session.acknowledge([arrivals.receipt()])
    spans = arrivals.spans.copy()
    spans[:, FLAGS] &= ~QOS
    told = replace(arrivals, buffer=arrivals.buffer.copy(), spans=spans)
    asyncio.get_running_loop().call_later(BATCH_S, self.line.take, told)
    return True


EdgeNode._deliver = deliver_early

if __name__ == "__main__":
    main()
