"""An edge that subscribes at its first connection alone: a broker keeps its sessions, it thinks."""

from __future__ import annotations

from typing import Any

from gateway.cli import main
from gateway.southbound.connection import Connection

connected = Connection._on_connect
subscribed = False


def once(self: Connection, client: Any, userdata: object, flags: Any, *more: Any) -> None:
    """Ask for nothing a second time: what must not be done."""
    global subscribed  # noqa: PLW0603
    if not subscribed:
        subscribed = True
        connected(self, client, userdata, flags, *more)
        return
    self.stands = True
    self._tell()


Connection._on_connect = once

if __name__ == "__main__":
    main()
