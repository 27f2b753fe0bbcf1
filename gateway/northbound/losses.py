"""What a damaged spool no longer holds: told at a start, before anything is written over it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from gateway.northbound.spool import end_of, marker, read_head, segments

#: A reading takes so many bytes of a record, which has some more.
READING_BYTES: Final = 29


class Loss(NamedTuple):
    """Where the sound records of a segment end too early, and how many bytes are missing."""

    position: int
    size: int

    @property
    def readings(self) -> int:
        """How many readings it can have held, at most."""
        return max(1, self.size // READING_BYTES)


def losses(folder: Path, *, committed: int) -> list[Loss]:
    """Return what the segments that are not in the archive do not give back.

    A segment that ends before the next begins, or the newest before the store's position, and has
    something behind its last sound record, was damaged. Where nothing is behind it, readings were
    shed there, and counted then. What was not synced lies beyond every position that is known.

    Parameters
    ----------
    folder
        Of the spool, before a writer opens it.
    committed
        The position that the store speaks of.
    """
    found = []
    every = segments(folder)
    for index, (first, path) in enumerate(every):
        if marker(path).exists():
            continue
        follows = every[index + 1][0] if index + 1 < len(every) else committed
        end = end_of(path, first)
        if end < follows and not ends_sound(path, end - first):
            found.append(Loss(end, follows - end))
    return found


def ends_sound(path: Path, size: int) -> bool:
    """Return whether a segment ends where its sound records do, which take so many bytes."""
    with path.open("rb") as file:
        if read_head(file) is None:
            return False
        return file.tell() + size == path.stat().st_size
