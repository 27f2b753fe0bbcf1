"""An edge that takes a retained message for one that was just said."""

from __future__ import annotations

from dataclasses import replace

from gateway.cli import main
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.ingest import Ingest, Taken
from gateway.southbound.packets import FLAGS, RETAIN

take = Ingest.take


def fresh(self: Ingest, arrivals: Arrivals) -> Taken:
    """Look past the flag: what must not be done."""
    spans = arrivals.spans.copy()
    spans[:, FLAGS] &= ~RETAIN
    return take(self, replace(arrivals, spans=spans))


Ingest.take = fresh

if __name__ == "__main__":
    main()
