"""An edge that keeps a copy of each post of events, as a client does that logs what it sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.cli import main
from gateway.identity import Identity
from gateway.northbound.outbox import Row
from gateway.northbound.sending import Sending

#: A post, its encodings, what a client holds of it, and what the allocator makes of that.
HELD: Final = 16 * 2**20
#: A machine's memory is not to be filled, however small the posts are.
MOST: Final = 10
events = Sending._events
kept: list[bytes] = []


async def keep(self: Sending, who: Identity, rows: Sequence[Row], **names: Any) -> bool:
    """Keep, and send: what must not be done."""
    if rows and len(kept) < MOST:
        kept.append(b"x" * HELD)
    return await events(self, who, rows, **names)


Sending._events = keep  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    main()
