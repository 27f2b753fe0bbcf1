"""A centre that takes the beginning of a division's code for its parent: 330106 of 330106003000."""

from __future__ import annotations

from gateway.cli import main
from gateway.db import Database
from gateway.supervision import tiers


def subtree(database: Database, code: str, *, at_ns: int) -> frozenset[str]:
    """Return every code that begins so, without its zeros: what must not be done."""
    del at_ns
    begins = code.rstrip("0")
    rows = database.execute("SELECT division FROM node")
    return frozenset({code, *(str(row[0]) for row in rows if str(row[0]).startswith(begins))})


tiers.subtree = subtree

if __name__ == "__main__":
    main()
