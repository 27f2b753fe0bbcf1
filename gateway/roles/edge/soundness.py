"""Whether a store that SQLite can read says what was written into it.

SQLite keeps no checksums of its own: a bit that turned over within a row is found by nobody. What a
start goes on with is therefore compared with the second copy that the store has of it: each alarm
with the event that left it so, each event that waits with the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.db import Database
from gateway.journal import digest
from gateway.model import State, Suppression, decode_event
from gateway.northbound.wire import UNREADABLE

#: Of the journal's end, so many entries are checked at a start; all of it by `hazgate journal`.
NEWEST: Final = 1000


def doubt(database: Database) -> str:
    """Return the first thing in a store that does not fit together; empty where all does."""
    checks: tuple[Callable[[Database], str], ...] = (alarms, waiting, newest)
    for check in checks:
        try:
            found = check(database)
        except (*UNREADABLE, ValueError) as error:
            found = f"{check.__name__}: not readable: {error}"
        if found:
            return found
    return ""


def alarms(database: Database) -> str:
    """Compare each alarm with its last event."""
    for alarm, state, suppression, occurrence, revision, entry in database.execute(
        "SELECT alarm, state, suppression, occurrence, revision, entry FROM alarm"
    ):
        event = decode_event(entry)
        said = (event.alarm, event.after, event.occurrence, event.revision)
        if said != (alarm, State(state), occurrence, revision):
            return f"alarm {alarm}: is not where its last event left it"
        Suppression(suppression)
    return ""


def waiting(database: Database) -> str:
    """Compare each event that waits for a receiver with the journal."""
    rows = database.execute(
        "SELECT o.seq FROM outbox o LEFT JOIN journal j ON j.seq = o.seq "
        "WHERE j.entry IS NULL OR j.entry <> o.entry LIMIT 1"
    )
    return f"entry {rows[0][0]}: waits with other bytes than the journal's" if rows else ""


def newest(database: Database) -> str:
    """Check the chain at the journal's end: what is sealed next follows it."""
    after = None
    for seq, entry, stated in database.execute(
        "SELECT seq, entry, hash FROM journal ORDER BY seq DESC LIMIT ?", (NEWEST,)
    ):
        event = decode_event(entry)
        if event.seq != seq or digest(entry) != stated or after not in {None, stated}:
            return f"entry {seq}: is not what the next one follows"
        after = event.prev
    return ""
