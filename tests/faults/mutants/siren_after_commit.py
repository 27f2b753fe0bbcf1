"""An edge whose siren waits for the disk."""

from __future__ import annotations

from collections.abc import Callable

from gateway.cli import main
from gateway.roles.edge.line import Line
from gateway.roles.edge.storage import Storage
from gateway.roles.edge.work import Committed

durable = Storage._durable
waiting: list[Callable[[], None]] = []
sound = Line._sound


def later(self: Line, now: int) -> None:
    """Sound when something was committed: what must not be done."""
    waiting.append(lambda: sound(self, now))


def committed(self: Storage, done: Committed) -> None:
    """Take a commit, then sound."""
    durable(self, done)
    while waiting:
        waiting.pop(0)()


Line._sound = later
Storage._durable = committed

if __name__ == "__main__":
    main()
