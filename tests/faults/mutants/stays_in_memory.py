"""An edge that stays on its store in memory, whatever becomes of the disk."""

from __future__ import annotations

from gateway.cli import main
from gateway.roles.edge.storage import Storage


async def stay(self: Storage) -> None:
    """Look at no disk again: what must not be done."""
    del self


Storage.come_back = stay  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
