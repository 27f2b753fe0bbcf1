"""Alarm status in the store: where each alarm stands at the committed position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gateway.alarms.desk import Transition
from gateway.alarms.lifecycle import Status
from gateway.db import Database
from gateway.journal import digest
from gateway.model import State, Suppression, decode_event

#: The event in which the desk tells that the clock was set.
CLOCK: Final = "clock"


def save(database: Database, transitions: Iterable[Transition]) -> None:
    """Write where alarms stand after these transitions; call it inside their transaction.

    Where the clock was set among them, the ends of all suppressions up to there move with it.
    """
    latest: dict[str, tuple[Transition, Status]] = {}
    for transition in transitions:
        if transition.event.kind == CLOCK:
            _write(database, latest)
            latest = {}
            database.execute(
                "UPDATE alarm SET suppressed_until_ns = suppressed_until_ns + ? "
                "WHERE suppression <> ?",
                (transition.event.detail["step_ns"], Suppression.NONE.value),
            )
        if transition.status is not None:
            latest[transition.event.alarm] = (transition, transition.status)
    _write(database, latest)


def _write(database: Database, latest: Mapping[str, tuple[Transition, Status]]) -> None:
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


def newest_ns(database: Database) -> int:
    """Return when the journal's last entry was made, ns since the epoch; 0 for a new life."""
    rows = database.execute("SELECT entry FROM journal ORDER BY seq DESC LIMIT 1")
    return decode_event(rows[0][0]).received_ns if rows else 0
