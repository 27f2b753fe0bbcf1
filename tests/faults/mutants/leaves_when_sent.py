"""Nodes whose events leave the outbox when they are sent, before the receipt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.cli import main
from gateway.identity import Identity
from gateway.northbound import outbox
from gateway.northbound.outbox import Row
from gateway.northbound.sending import Sending
from gateway.roles.upward import PARENT

whole = Sending._events


async def hasty(self: Sending, who: Identity, rows: Sequence[Row], **more: Any) -> bool:
    """Remove first, then send."""
    await self._source.store(
        lambda database: outbox.received(database, PARENT, [row.seq for row in rows])
    )
    return await whole(self, who, rows, **more)


Sending._events = hasty  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
