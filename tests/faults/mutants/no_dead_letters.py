"""An edge that drops what its parent rejects, instead of keeping it with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cli import main
from gateway.db import Database
from gateway.northbound import outbox


def drop(
    database: Database, destination: str, rejected: Sequence[tuple[int, str]], *, at_ns: int
) -> None:
    """Remove the rows: what must not be done."""
    del at_ns
    with database.transaction():
        outbox.remove(database, destination, [seq for seq, _ in rejected])


outbox.set_aside = drop

if __name__ == "__main__":
    main()
