"""A store as an edge leaves it, without an edge: what a desk made, committed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gateway.alarms import store
from gateway.alarms.desk import Transition
from gateway.db import Database
from gateway.journal import write_entries


def kept(
    folder: Path, told: Iterable[Transition], name: str = "store.db", migrations: str = "edge"
) -> None:
    """Write a store with these transitions in its journal and, of an edge, in its alarms."""
    folder.mkdir(exist_ok=True)
    made = list(told)
    database = Database(folder / name, migrations)
    with database.transaction():
        write_entries(database, [(each.event.seq, each.entry) for each in made])
        if migrations == "edge":
            store.save(database, made)
    database.close()
