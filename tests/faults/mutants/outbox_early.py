"""An edge that takes events out of the outbox before the parent has them."""

from __future__ import annotations

from gateway.cli import main
from gateway.db import Database
from gateway.northbound import outbox

oldest = outbox.oldest


def taken(database: Database, destination: str, limit: int) -> list[tuple[int, bytes]]:
    """Return what waits, and remove it: what must not be done."""
    rows = oldest(database, destination, limit)
    outbox.received(database, destination, [seq for seq, _ in rows])
    return rows


outbox.oldest = taken

if __name__ == "__main__":
    main()
