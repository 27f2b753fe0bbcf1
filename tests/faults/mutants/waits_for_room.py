"""An edge that takes no messages while its disk is full: nothing is lost, and nobody is warned."""

from __future__ import annotations

from gateway.cli import main
from gateway.roles.edge.storage import Storage
from gateway.southbound.mqtt import BrokerSession

troubled = Storage._troubled
resume = BrokerSession.resume
full = False


def wait(self: Storage, what: str, reason: str) -> None:
    """Let the broker keep everything until there is room: what must not be done."""
    global full  # noqa: PLW0603
    full = what == "full"
    troubled(self, what, reason)
    if full:
        self._session.pause()
    else:
        self._session.resume()


def resume_with_room(self: BrokerSession) -> None:
    """Read again where there is room."""
    if not full:
        resume(self)


Storage._troubled = wait  # type: ignore[method-assign]
BrokerSession.resume = resume_with_room  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
