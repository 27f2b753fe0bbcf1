"""An edge that takes what is not newer than the last of its point for what is said now."""

from __future__ import annotations

from dataclasses import replace

from gateway.cli import main
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.ingest import Ingest, Taken

take = Ingest.take
newest: dict[int, int] = {}


def said_now(self: Ingest, arrivals: Arrivals) -> Taken:
    """Give the time of its coming to what is old: what must not be done."""
    taken = take(self, arrivals)
    batch = taken.batch
    time = batch.time_ns.copy()
    for number, point in enumerate(batch.point.tolist()):
        if time[number] <= newest.get(point, 0):
            time[number] = max(arrivals.received_ns, newest[point] + 1)
        newest[point] = int(time[number])
    return replace(taken, batch=replace(batch, time_ns=time))


Ingest.take = said_now

if __name__ == "__main__":
    main()
