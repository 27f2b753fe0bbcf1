"""Alarm states in the store: what was saved is what the next start finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.alarms import store
from gateway.alarms.desk import Transition
from gateway.db import Database, StoreError
from gateway.journal import digest, write_entries
from gateway.model import Cause
from tests.gateway.alarms.desks import GAS, HIGH, NOW, STUCK, edge, make_desk, request


def a_day() -> tuple[list[Transition], dict[str, object]]:
    """Transitions of every sort, and where alarms stand after them."""
    desk = make_desk()
    made = [
        *desk.detect(edge(historical=True)),
        *desk.detect(edge(GAS)),
        *desk.detect(edge(GAS, active=False)),
        *desk.detect(edge(STUCK)),
        *desk.order(request(desk, Cause.SHELVE, STUCK), now_ns=NOW),
        desk.note("start", now_ns=NOW),
    ]
    return made, {"statuses": desk.statuses, "entries": desk.entries}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """State, suppression with its end, counters, lateness and last event survive a new start."""
    made, after = a_day()
    database = Database(tmp_path / "store.db", "edge")
    with database.transaction():
        store.save(database, made[:2])
    with database.transaction():
        store.save(database, made[2:])
    database.close()
    database = Database(tmp_path / "store.db", "edge")
    statuses, entries = store.load(database)
    assert {"statuses": statuses, "entries": entries} == after
    assert statuses[STUCK].suppressed_until_ns > NOW
    assert statuses[HIGH].historical
    assert not statuses[GAS].historical
    database.close()


def test_several_moves_of_one_alarm_leave_the_last() -> None:
    """Of many moves saved together, the last one counts."""
    made, after = a_day()
    database = Database(None, "edge")
    store.save(database, made)
    assert store.load(database) == (after["statuses"], after["entries"])
    assert database.execute("SELECT COUNT(*) FROM alarm") == [(3,)]
    database.close()


def test_a_transaction_that_fails_saves_nothing() -> None:
    """States belong to their transaction: what is rolled back never stood."""
    made, _ = a_day()
    database = Database(None, "edge")

    def fail() -> None:
        with database.transaction():
            store.save(database, made)
            raise StoreError("the disk went away")

    with pytest.raises(StoreError):
        fail()
    assert store.load(database) == ({}, {})
    database.close()


def test_head_is_where_the_chain_goes_on() -> None:
    """The head is sequence and hash of the last entry, and nothing for a new life."""
    made, _ = a_day()
    database = Database(None, "edge")
    assert store.head(database) == (0, "")
    write_entries(database, [(t.event.seq, t.entry) for t in made])
    assert store.head(database) == (len(made), digest(made[-1].entry))
    database.close()
