"""What a life in memory leaves on the disk that the node goes back to, where nobody else has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from gateway.db import Database
from gateway.identity import write_secret
from gateway.tasks import beside

#: With this, and the life, ends the name of the file beside the store.
NAME: Final = "store.db.memory-"


async def keep(
    folder: Path, life: str, act: Callable[[Callable[[Database], Any]], Awaitable[Any]]
) -> str:
    """Put the store of a life in memory beside the one on the disk; return what tells of it.

    Once more it takes the place of the first: a life has one file.

    Parameters
    ----------
    folder
        Of the store.
    life
        Of the memory.
    act
        Does something with the store in memory, in its thread.

    Raises
    ------
    OSError
        The disk refuses.
    StoreError
        The memory's store is lost.
    """
    count, image = await act(lambda database: (entries(database), database.image()))
    path = folder / f"{NAME}{life}"
    await beside(write_secret, path, image)
    return f"{count} entries of the journal of life {life}, on memory, are in {path.name}"


def entries(database: Database) -> int:
    """Return how many entries its journal has."""
    return int(database.execute("SELECT COUNT(*) FROM journal")[0][0])
