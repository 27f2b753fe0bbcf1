"""Whether the broker delivers what the node says to itself: once seen, known over a new start.

A fence that does not come back means otherwise at a broker that forbids the topic than at one whose
queue is long (`gateway.southbound.fence`), and after a start the queue is what comes first.
"""

from __future__ import annotations

from typing import Final

from gateway.db import Database

NAME: Final = "heard_itself"


def known(database: Database) -> bool:
    """Return whether it was ever noted in this store."""
    return bool(database.execute("SELECT 1 FROM node_self WHERE name = ?", (NAME,)))


def note(database: Database) -> None:
    """Note it."""
    database.execute(
        "INSERT INTO node_self (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING",
        (NAME,),
    )
