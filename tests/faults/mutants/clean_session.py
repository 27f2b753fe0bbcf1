"""An edge whose session ends with its connection: nobody keeps what is said meanwhile."""

from __future__ import annotations

from typing import Any

from gateway.cli import main
from gateway.southbound.client import BufferedClient

connect = BufferedClient.connect


def afresh(self: BufferedClient, *arguments: Any, **names: Any) -> Any:
    """Begin a new session each time: what must not be done."""
    return connect(self, *arguments, **(names | {"clean_start": True}))


BufferedClient.connect = afresh  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
