"""An edge that waits for more of a backlog as long as one could last, also where none comes."""

from __future__ import annotations

from gateway.cli import main
from gateway.pipeline import backlogs

backlogs.SETTLED_NS = 10_000_000_000  # type: ignore[misc]

if __name__ == "__main__":
    main()
