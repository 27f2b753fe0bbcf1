"""The outbox: a row leaves only on its own receiver's receipt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.db import Database
from gateway.northbound import outbox

ENTRIES = [outbox.Row(seq, "gw1/T/h", b"event %d" % seq) for seq in range(1, 8)]
BOTH = ("parent", "screen")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "store.db", "edge")
    yield made
    made.close()


def test_events_wait_in_the_order_they_were_made(database: Database) -> None:
    """The oldest come first, as many as asked for, byte for byte, and reading removes nothing."""
    outbox.append(database, ENTRIES[4:], BOTH)
    outbox.append(database, ENTRIES[:4], BOTH)
    assert outbox.oldest(database, "parent", 3) == ENTRIES[:3]
    assert outbox.oldest(database, "parent", 100) == ENTRIES
    assert outbox.waiting(database, "parent") == len(ENTRIES)


def test_a_receipt_removes_what_it_names_and_nothing_else(database: Database) -> None:
    """Only named events leave, in whatever order their receipts come; an unknown one is nothing."""
    outbox.append(database, ENTRIES, BOTH)
    outbox.received(database, "parent", [5, 2, 99])
    outbox.received(database, "parent", [])
    assert [seq for seq, *_ in outbox.oldest(database, "parent", 100)] == [1, 3, 4, 6, 7]


def test_receivers_are_independent(database: Database) -> None:
    """What one receiver took still waits for the other."""
    outbox.append(database, ENTRIES, BOTH)
    outbox.received(database, "screen", [seq for seq, *_ in ENTRIES])
    outbox.set_aside(database, "parent", [(1, "no")], at_ns=5)
    assert outbox.waiting(database, "screen") == 0
    assert outbox.oldest(database, "parent", 100) == ENTRIES[1:]


def test_an_event_for_nobody_waits_nowhere(database: Database) -> None:
    """A stand-alone site has no receivers and an empty outbox."""
    outbox.append(database, ENTRIES, ())
    assert database.execute("SELECT COUNT(*) FROM outbox") == [(0,)]


def test_rejected_events_are_kept_as_dead_letters(database: Database) -> None:
    """What a receiver will never take is kept with its bytes, the reason and the time."""
    outbox.append(database, ENTRIES, BOTH)
    outbox.set_aside(database, "parent", [(2, "fork"), (4, "not readable"), (99, "?")], at_ns=5)
    assert [seq for seq, *_ in outbox.oldest(database, "parent", 100)] == [1, 3, 5, 6, 7]
    assert outbox.waiting(database, "screen") == len(ENTRIES)
    assert database.execute(
        "SELECT destination, seq, entry, reason, at_ns FROM dead_letter ORDER BY seq"
    ) == [("parent", 2, b"event 2", "fork", 5), ("parent", 4, b"event 4", "not readable", 5)]


def test_an_event_leaves_with_its_transaction(database: Database) -> None:
    """Events belong to the transaction that journals them: rolled back, they never waited."""

    def fail() -> None:
        with database.transaction():
            outbox.append(database, ENTRIES, BOTH)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert outbox.waiting(database, "parent") == 0


def test_the_outbox_outlives_the_process(tmp_path: Path) -> None:
    """What waits is on disk."""
    database = Database(tmp_path / "store.db", "edge")
    outbox.append(database, ENTRIES, BOTH)
    database.close()
    database = Database(tmp_path / "store.db", "edge")
    assert outbox.oldest(database, "parent", 100) == ENTRIES
    database.close()


@given(
    receipts=st.lists(
        st.tuples(st.sampled_from(BOTH), st.booleans(), st.integers(1, 9)), max_size=30
    )
)
def test_nothing_is_ever_lost(receipts: list[tuple[str, bool, int]]) -> None:
    """Each event of each receiver either waits, or was received, or is a dead letter."""
    database = Database(None, "edge")
    outbox.append(database, ENTRIES, BOTH)
    received: set[tuple[str, int]] = set()
    dead: set[tuple[str, int]] = set()
    everything = {(name, seq) for name in BOTH for seq, *_ in ENTRIES}
    for name, taken, seq in receipts:
        waits = (name, seq) in everything - received - dead
        if taken:
            outbox.received(database, name, [seq])
            received |= {(name, seq)} if waits else set()
        else:
            outbox.set_aside(database, name, [(seq, "no")], at_ns=1)
            dead |= {(name, seq)} if waits else set()
    waiting = {(name, seq) for name in BOTH for seq, *_ in outbox.oldest(database, name, 100)}
    letters = set(database.execute("SELECT destination, seq FROM dead_letter"))
    assert waiting == everything - received - dead
    assert letters == dead
    database.close()
