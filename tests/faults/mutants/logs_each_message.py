"""An edge that tells its log of each message that it cannot decode."""

from __future__ import annotations

from gateway.cli import main
from gateway.observe import log
from gateway.southbound.arrivals import Arrivals, Receipt

receipt = Arrivals.receipt


def told(self: Arrivals) -> Receipt:
    """Say it once for each: what must not be done."""
    for number in range(len(self)):
        payload = self.payload(number)
        if not payload.startswith(b"{"):
            log("southbound").warning("cannot decode", payload=repr(payload), number=number)
    return receipt(self)


Arrivals.receipt = told  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
