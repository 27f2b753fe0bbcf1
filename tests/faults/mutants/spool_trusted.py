"""An edge that reads what its spool gives back, and asks for no more."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.cli import main
from gateway.northbound.losses import Hole
from gateway.roles.edge import recovery


def nothing(found: Iterable[Hole], *, committed: int) -> list[Hole]:
    """Find that all is there."""
    del found, committed
    return []


recovery.losses = nothing

if __name__ == "__main__":
    main()
