"""Alarm status in the store: where each alarm stands at the committed position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.alarms.desk import Transition
from gateway.alarms.lifecycle import Status
from gateway.db import Database
from gateway.journal import digest
from gateway.model import State, Suppression


def save(database: Database, transitions: Iterable[Transition]) -> None:
    """Write where alarms stand after these transitions; call it inside their transaction."""
    latest = {
        transition.event.alarm: (transition, transition.status)
        for transition in transitions
        if transition.status is not None
    }
    database.execute_many(
        "INSERT INTO alarm (alarm, state, suppression, suppressed_until_ns, occurrence, revision, "
        "historical, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (alarm) DO UPDATE SET "
        "state = excluded.state, suppression = excluded.suppression, "
        "suppressed_until_ns = excluded.suppressed_until_ns, occurrence = excluded.occurrence, "
        "revision = excluded.revision, historical = excluded.historical, entry = excluded.entry",
        [
            (
                alarm,
                status.state.value,
                status.suppression.value,
                status.suppressed_until_ns,
                status.occurrence,
                status.revision,
                int(status.historical),
                transition.entry,
            )
            for alarm, (transition, status) in latest.items()
        ],
    )


def load(
    database: Database, alarms: Sequence[str] | None = None
) -> tuple[dict[str, Status], dict[str, bytes]]:
    """Return status and last event of every alarm that ever moved, or of some of them."""
    statuses: dict[str, Status] = {}
    entries: dict[str, bytes] = {}
    sql = (
        "SELECT alarm, state, suppression, suppressed_until_ns, occurrence, revision, historical, "
        "entry FROM alarm"
    )
    if alarms is None:
        rows = database.execute(sql)
    else:
        rows = database.execute(f"{sql} WHERE alarm IN ({', '.join('?' * len(alarms))})", alarms)
    for alarm, state, suppression, until, occurrence, revision, historical, entry in rows:
        statuses[alarm] = Status(
            state=State(state),
            suppression=Suppression(suppression),
            suppressed_until_ns=until,
            occurrence=occurrence,
            revision=revision,
            historical=bool(historical),
        )
        entries[alarm] = entry
    return statuses, entries


def head(database: Database) -> tuple[int, str]:
    """Return sequence and hash of the journal's last entry; (0, "") for a new life."""
    rows = database.execute("SELECT seq, entry FROM journal ORDER BY seq DESC LIMIT 1")
    return (rows[0][0], digest(rows[0][1])) if rows else (0, "")
