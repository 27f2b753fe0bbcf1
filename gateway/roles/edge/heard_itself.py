"""Whether the broker delivers what the node says to itself: once seen, known over a new start.

A fence that does not come back means otherwise at a broker that forbids the topic than at one whose
queue is long (`gateway.southbound.fence`), and after a start the queue is what comes first. It is
known of one broker and one client id, and until that broker has no session of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.db import Database
from gateway.southbound.settings import BrokerSettings

NAME: Final = "heard_itself"


def session_of(settings: BrokerSettings, node: str) -> str:
    """Return of whose session it is known: the broker's address and the client id."""
    return f"{settings.host}:{settings.port} {settings.client_of(node)}"


def known(database: Database, session: str) -> bool:
    """Return whether it is noted of this session."""
    rows = database.execute("SELECT value FROM node_self WHERE name = ?", (NAME,))
    return [value for (value,) in rows] == [session]


def note(database: Database, session: str, *, heard: bool) -> None:
    """Note that it is known of this session, or that it is known of none any more."""
    database.execute("DELETE FROM node_self WHERE name = ?", (NAME,))
    if heard:
        database.execute("INSERT INTO node_self (name, value) VALUES (?, ?)", (NAME, session))


class HeardItself:
    """What is known of the broker that the settings name, and what of that is noted."""

    def __init__(self, settings: BrokerSettings, node: str) -> None:
        self.session = session_of(settings, node)
        self.known = False

    def look(self, *, heard: bool) -> Callable[[Database], None] | None:
        """Return what notes that it has changed, None where it has not."""
        if heard == self.known:
            return None
        self.known = heard
        return partial(note, session=self.session, heard=heard)
