"""An edge that ends when its store fails, as many programs do, and leaves the rest to others."""

from __future__ import annotations

import os

from gateway.cli import main
from gateway.roles.edge.storage import LOG, Storage


def end(_storage: Storage, reason: str, *, anew: bool) -> None:
    """Watch nothing any more: what must not be done."""
    LOG.error("the store failed", reason=reason, anew=anew)
    os._exit(1)


Storage._lost = end  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
