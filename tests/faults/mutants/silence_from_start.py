"""An edge that counts silence from its start on: what a fence holds back is called silent."""

from __future__ import annotations

from gateway.cli import main
from gateway.southbound.liveness import Liveness


def begin_once(self: Liveness, now_ns: int) -> None:
    """Count from the first time alone."""
    if self._since is None:
        self._since = now_ns


Liveness.begin = begin_once  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
