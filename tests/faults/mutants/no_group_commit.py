"""An edge that commits what each read of the socket brought by itself, and syncs for it."""

from __future__ import annotations

from gateway.cli import main
from gateway.roles.edge import committer
from gateway.roles.edge.committer import Work

committer.GROUP = 1  # type: ignore[misc]
Work.urgent = True  # type: ignore[assignment,method-assign]

if __name__ == "__main__":
    main()
