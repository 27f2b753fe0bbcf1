"""What a damaged spool no longer holds: told at a start, before anything is written over it.

A segment that was cut off between two records looks like one after which readings were shed. So
what was shed is noted, and all else that is missing is damage.
"""

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


def holes(folder: Path, *, committed: int, told: Iterable[Hole]) -> list[Hole]:
    """Return where a spool holds nothing and no event tells of it.

    That is between the end of a segment and the next one's beginning, and between the newest's end
    and the store's position; readings that are shed on a full disk leave such a hole, and are told.
    A segment that is in the archive may end anywhere.

    Parameters
    ----------
    folder
        Of the spool, before a writer opens it.
    committed
        The position that the store speaks of.
    told
        The holes that events tell of; they may lie over one another.
    """
    known = sorted(told)
    return [part for hole in _holes(folder, committed) for part in beyond(hole, known)]


def losses(found: Iterable[Hole], *, committed: int) -> list[Hole]:
    """Return what of these holes was lost: what the store speaks of, and nobody was told of.

    What lies beyond its position was acknowledged to nobody: it was not synced, or shed before a
    commit could count it.
    """
    return [
        Hole(hole.position, min(hole.size, committed - hole.position))
        for hole in found
        if hole.position < committed
    ]


def _holes(folder: Path, committed: int) -> Iterator[Hole]:
    every = segments(folder)
    if not every and committed:
        yield Hole(0, committed)
    for index, (first, path) in enumerate(every):
        if marker(path).exists():
            continue
        follows = every[index + 1][0] if index + 1 < len(every) else committed
        end = end_of(path, first)
        if end < follows:
            yield Hole(end, follows - end)


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
