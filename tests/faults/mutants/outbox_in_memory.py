"""An edge whose outbox does not outlast it: what its parent has not got by then, it never gets."""

from __future__ import annotations

from gateway.cli import main
from gateway.roles.edge import recovery
from gateway.roles.edge.recovery import Opened

open_store = recovery.open_store


def forget(*arguments: object, **names: object) -> Opened:
    """Open the store, and begin with nothing to send."""
    opened = open_store(*arguments, **names)  # type: ignore[arg-type]
    opened.database.execute("DELETE FROM outbox")
    return opened


if __name__ != "__mp_main__":
    from gateway.roles.edge import taking_up

    taking_up.open_store = forget

if __name__ == "__main__":
    main()
