"""What a damaged spool no longer holds: told at a start, before anything is written over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gateway.northbound.spool import end_of, marker, segments

#: A reading takes so many bytes of a record, which has some more.
READING_BYTES: Final = 29


class Hole(NamedTuple):
    """From which position on a spool holds nothing, and for how many bytes."""

    position: int
    size: int

    @property
    def readings(self) -> int:
        """How many readings it can have held, at most."""
        return max(1, self.size // READING_BYTES)


def losses(folder: Path, *, committed: int, told: Iterable[Hole]) -> list[Hole]:
    """Return what the segments that are not in the archive do not give back.

    A segment that ends before the next begins, or the newest before the store's position, has lost
    what lies between, if no event has told of it: readings are shed on a full disk, and counted.
    What was not synced lies beyond every position that the store speaks of.

    Parameters
    ----------
    folder
        Of the spool, before a writer opens it.
    committed
        The position that the store speaks of.
    told
        The holes that events have told of; they may lie over one another.
    """
    known = sorted(told)
    return [loss for hole in holes(folder, until=committed) for loss in beyond(hole, known)]


def holes(folder: Path, *, until: int) -> Iterator[Hole]:
    """Yield where a spool holds nothing up to a position, but for what is in the archive."""
    every = segments(folder)
    if not every and until:
        yield Hole(0, until)
    for index, (first, path) in enumerate(every):
        if marker(path).exists():
            continue
        follows = every[index + 1][0] if index + 1 < len(every) else until
        end = end_of(path, first)
        if end < min(follows, until):
            yield Hole(end, min(follows, until) - end)


def beyond(hole: Hole, known: Iterable[Hole]) -> Iterator[Hole]:
    """Yield the parts of a hole that no other one covers; those are in the order of positions."""
    position, end = hole.position, hole.position + hole.size
    for other in known:
        if other.position >= end:
            break
        if other.position > position:
            yield Hole(position, other.position - position)
        position = max(position, other.position + other.size)
    if position < end:
        yield Hole(position, end - position)
