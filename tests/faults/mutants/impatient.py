"""An edge that takes a slow disk for one that hangs, and acknowledges from memory."""

from __future__ import annotations

from gateway.cli import main
from gateway.roles.edge import storage

storage.SLOW_S = 0.03  # type: ignore[misc]

if __name__ == "__main__":
    main()
