"""An edge that looks through everything that waits for its parent, for each batch of messages."""

from __future__ import annotations

from gateway.cli import main
from gateway.db import Database
from gateway.northbound import outbox
from gateway.roles.edge.line import Line
from gateway.roles.edge.storage import Storage
from gateway.southbound.arrivals import Arrivals

take = Line.take
use = Storage._use
stores: list[Database] = []


def noted(self: Storage, opened: object) -> None:
    """Open the store a second time, to read."""
    use(self, opened)  # type: ignore[arg-type]
    stores[:] = [Database(self._folder / "store.db", "edge", read_only=True)]


def looked(self: Line, arrivals: Arrivals) -> bool:
    """Read the outbox, then take: what must not be done."""
    outbox.oldest(stores[0], "parent", 10**9)
    return take(self, arrivals)


Storage._use = noted  # type: ignore[method-assign]
Line.take = looked  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
