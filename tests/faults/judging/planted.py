"""Violations as they are planted in what a sound run left, behind everybody's back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.journal import digest
from gateway.northbound.spool import segments
from tests.faults.judging.evidence import Evidence, Message


def change(path: Path, *statements: str, parameters: tuple[str, ...] = ()) -> None:
    """Change a store behind everybody's back."""
    database = sqlite3.connect(path)
    for statement in statements:
        assert database.execute(statement, parameters).rowcount != 0
    database.commit()
    database.close()


def edge(evidence: Evidence, *statements: str) -> None:
    change(evidence.edge / "store.db", *statements)  # type: ignore[operator]


def centre(evidence: Evidence, *statements: str) -> None:
    change(evidence.centre / "centre.sqlite", *statements)  # type: ignore[operator]


def shorten_spool(evidence: Evidence) -> None:
    """Cut the newest readings off."""
    assert evidence.edge is not None
    _, path = segments(evidence.edge / "spool")[-1]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def lose_an_alarm(evidence: Evidence) -> None:
    """Delete an alarm from the centre's store."""
    centre(
        evidence,
        "DELETE FROM event WHERE position IN (SELECT position FROM event WHERE alarm LIKE '%/h' "
        "AND INSTR(CAST(entry AS TEXT), '\"raise\"') LIMIT 1)",
    )


def invent_an_alarm(evidence: Evidence) -> None:
    """Let the centre hold an alarm for which nobody said anything."""
    evidence.said = [m for m in evidence.said or () if m.value < 100]


def double_an_event(evidence: Evidence) -> None:
    """Store an event at the centre a second time."""
    centre(
        evidence,
        "DROP INDEX event_identity",
        "INSERT INTO event (node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns) "
        "SELECT node, life, seq, epoch, kind, alarm, hazard, hash, entry, received_ns "
        "FROM event WHERE seq = 4",
    )


def clear_on_bad_data(evidence: Evidence) -> None:
    """Let an alarm have cleared on a reading that was not GOOD."""
    centre(
        evidence,
        "UPDATE event SET entry = CAST(REPLACE(CAST(entry AS TEXT), '\"GOOD\"', '\"MISSING\"') "
        "AS BLOB) WHERE position IN (SELECT position FROM event WHERE alarm LIKE '%/h' "
        "AND INSTR(CAST(entry AS TEXT), '\"clear\"') LIMIT 1)",
    )


def lose_a_fault(evidence: Evidence) -> None:
    """Let undecodable data of a point have raised nothing."""
    centre(evidence, "DELETE FROM event WHERE alarm LIKE '%/T01/fault'")


def shed_silently(evidence: Evidence) -> None:
    """Let the centre know nothing of a shed event."""
    edge(
        evidence,
        'UPDATE journal SET entry = CAST(REPLACE(CAST(entry AS TEXT), \'"kind":"start"\', '
        '\'"kind":"shed"\') AS BLOB) WHERE seq = 2',
    )
    centre(evidence, "DELETE FROM event WHERE seq = 2")


def break_the_journal(evidence: Evidence) -> None:
    """Alter an entry of the edge's journal."""
    edge(evidence, "UPDATE journal SET hash = 'x' WHERE seq = 5")


def break_the_chain(evidence: Evidence) -> None:
    """Alter an event at the centre, and its hash with it."""
    centre(evidence, "UPDATE event SET entry = entry || ' ' WHERE seq = 4")


def rewrite_at_the_centre(evidence: Evidence) -> None:
    """Let the centre hold another event than the edge under the same number, sound in itself."""
    path = evidence.centre / "centre.sqlite"  # type: ignore[operator]
    database = sqlite3.connect(path)
    [(position, entry)] = database.execute(
        "SELECT position, entry FROM event ORDER BY seq DESC LIMIT 1"
    )
    other = bytes(entry).replace(b'"cause":"', b'"cause":"un')
    database.execute(
        "UPDATE event SET entry = ?, hash = ? WHERE position = ?", (other, digest(other), position)
    )
    database.commit()
    database.close()


def lose_a_start(evidence: Evidence) -> None:
    """Let the centre miss an event that is no alarm."""
    centre(evidence, "DELETE FROM event WHERE seq = 2")


def lose_the_last(evidence: Evidence) -> None:
    """Let the centre miss the newest event of the journal."""
    centre(evidence, "DELETE FROM event WHERE seq = (SELECT MAX(seq) FROM event)")


def anchor_what_is_not_there(evidence: Evidence) -> None:
    """Let the centre hold an anchor of an event that nobody has."""
    centre(evidence, "UPDATE anchor SET seq = 9999")


def anchor_nothing(evidence: Evidence) -> None:
    """Let the centre hold no anchor."""
    centre(evidence, "DELETE FROM anchor")


def forget_everything(evidence: Evidence) -> None:
    """Let the centre hold nothing at all."""
    centre(evidence, "DELETE FROM event", "DELETE FROM anchor")


def leave_one_waiting(evidence: Evidence) -> None:
    """Let an event wait in the outbox."""
    row = "SELECT 'parent', seq, entry FROM journal WHERE seq = 3"
    edge(evidence, f"INSERT INTO outbox (destination, seq, entry) {row}")


def disagree(evidence: Evidence) -> None:
    """Let the centre show another state than the edge."""
    centre(evidence, "UPDATE mirror SET state = 'ACKED' WHERE tag = 'T02'")


def tell_of_shed(evidence: Evidence, detail: str) -> None:
    """Let an event of the edge's journal count a million of something as not kept."""
    became = (
        '"kind":"start"',
        '"kind":"shed"',
        '"detail":{',
        f'"detail":{{"count":1000000,{detail},',
    )
    change(
        evidence.edge / "store.db",  # type: ignore[operator]
        "UPDATE journal SET entry = "
        "CAST(REPLACE(REPLACE(CAST(entry AS TEXT), ?, ?), ?, ?) AS BLOB) WHERE seq = 2",
        parameters=became,
    )
    centre(evidence, "DELETE FROM event WHERE seq = 2")


def acknowledge_undecodable(evidence: Evidence) -> None:
    """Let the edge have acknowledged what it could not decode, and have kept nothing of it."""
    message = Message(1, 0, 0.0, "plant/d01", b"\x00", acknowledged=1, readable=False)
    evidence.said = [*(evidence.said or ()), message]


def acknowledge_unsaid(evidence: Evidence) -> None:
    """Let the edge have acknowledged what it never stored."""
    message = Message(1, 1_000_000, 20.0, "plant/d01", b"never", acknowledged=1)
    evidence.said = [message, *(evidence.said or ())]
