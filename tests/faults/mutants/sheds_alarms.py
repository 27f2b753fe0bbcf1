"""An edge that sheds the oldest events at its limit, whether they are alarms or not."""

from __future__ import annotations

from gateway.cli import main
from gateway.db import Database
from gateway.northbound import outbox

shed = outbox.shed


def equal(database: Database, destination: str, *, most: int, alarms_most: int) -> int:
    """Give alarms no reserve."""
    del alarms_most
    return shed(database, destination, most=2**62, alarms_most=most)


outbox.shed = equal

if __name__ == "__main__":
    main()
