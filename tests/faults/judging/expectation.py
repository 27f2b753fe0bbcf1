"""What should have happened, by plain Python: no kernel, no counter and no store is believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from detectors.reference import Found
from gateway.model import NANOSECONDS
from gateway.roles.edge.site import load_site
from gateway.simulation.account import build
from tests.faults.judging.evidence import Message

#: Delays run on by the clock for so long after the last message.
AFTER_S: Final = 10


class Move(NamedTuple):
    """A raise or a clear of one alarm, at the source time that made it."""

    alarm: str
    cause: str
    source_ns: int


def expected(site: Path, said: Sequence[Message]) -> set[Move]:
    """Return every transition that the readings of these messages should have made."""
    plant = load_site(site).plant
    reference, order = build(plant)
    # One that cannot be read holds what stands: it moves nothing.
    heard = [message for message in said if message.readable]
    found: set[Move] = set()

    def take(edges: Iterable[Found]) -> None:
        for edge in edges:
            alarm = plant.definitions.alarm(order[edge.row])
            found.add(Move(alarm, "raise" if edge.began else "clear", edge.time))

    for number, each in enumerate(heard):
        received = each.source_ns + each.late_ns
        take(reference.take(number, each.point, each.source_ns, received, each.value, 0))
    if heard:
        last = max(each.source_ns for each in heard) // NANOSECONDS
        take(reference.tick((last + AFTER_S) * NANOSECONDS))
    return found
