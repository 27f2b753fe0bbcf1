"""An edge that nobody watches, and that keeps what died in it to itself."""

from __future__ import annotations

from gateway.cli import main
from gateway.roles.edge.self_fault import SelfFault
from gateway.watchdog import Watchdog
from tests.faults import sabotage


def begin_anew(_watchdog: Watchdog, _quiet: int) -> None:
    """Look on: what must not be done."""


def tell(_fault: SelfFault, _reason: str) -> None:
    """Say nothing."""


Watchdog._begin_anew = begin_anew  # type: ignore[method-assign]
SelfFault.tell = tell  # type: ignore[method-assign]
#: Longer than the test waits for the new start, and no longer.
sabotage.STANDS_S = 45.0  # type: ignore[misc]

if __name__ == "__main__":
    main()
