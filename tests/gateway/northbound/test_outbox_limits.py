"""The outbox has a limit, and dead letters wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.db import Database
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.northbound import dead_letters, outbox
from gateway.northbound.dead_letters import DISCARD, RETRY, Release

BOTH = ("parent", "screen")


def event(chain: Chain, alarm: str = "gw1/T/h") -> outbox.Row:
    made, entry = chain.seal("alarm" if alarm else "start", alarm=alarm)
    return outbox.Row(made.seq, alarm, entry)


@pytest.fixture
def chain() -> Chain:
    return Chain(Identity("gw1", "0" * 16, "1" * 16))


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database(None, "edge")
    yield made
    made.close()


def seqs(database: Database, receiver: str = "parent") -> list[int]:
    return [row.seq for row in outbox.oldest(database, receiver, 1000)]


def test_what_is_no_alarm_goes_first_the_oldest_first(database: Database) -> None:
    """Beyond the limit the node's own events are shed, the oldest first, and counted; no alarm."""
    rows = [outbox.Row(n, "" if n % 2 else "gw1/T/h", b"x" * 100) for n in range(1, 21)]
    outbox.append(database, rows, BOTH)
    assert outbox.shed(database, "parent", most=1_500, alarms_most=2_500) == 5
    assert seqs(database) == [2, 4, 6, 8, 10, *range(11, 21)]
    assert outbox.size(database, "parent") == (15, 1_500)
    assert outbox.shed_untold(database, "parent") == 5
    assert outbox.size(database, "screen") == (20, 2_000)
    assert outbox.shed(database, "parent", most=1_500, alarms_most=2_500) == 0


def test_alarms_go_only_beyond_the_reserve(database: Database) -> None:
    """An alarm is shed when nothing else is left and even the reserve is full."""
    rows = [outbox.Row(n, "gw1/T/h", b"x" * 100) for n in range(1, 21)]
    outbox.append(database, rows, BOTH)
    assert outbox.shed(database, "parent", most=500, alarms_most=2_000) == 0
    assert outbox.shed(database, "parent", most=500, alarms_most=1_800) == 2
    assert seqs(database) == list(range(3, 21))
    outbox.count_shed(database, "parent", -2)
    assert outbox.shed_untold(database, "parent") == 0


@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["add", "take", "aside", "shed"]), st.integers(1, 30)),
        max_size=40,
    )
)
def test_the_size_is_what_waits(acts: list[tuple[str, int]]) -> None:
    """However rows come and go, the kept size is that of the rows."""
    database, seq = Database(None, "edge"), 0
    for act, number in acts:
        if act == "add":
            seq += 1
            row = outbox.Row(seq, "", b"x" * number)
            with database.transaction():
                outbox.append(database, [row], ["parent"])
        elif act == "take":
            outbox.received(database, "parent", [number, number, 99])
        elif act == "aside":
            outbox.set_aside(database, "parent", [(number, "no")], at_ns=1)
        else:
            outbox.shed(database, "parent", most=number * 4, alarms_most=number * 8)
        found = database.execute("SELECT COUNT(*), COALESCE(SUM(LENGTH(entry)), 0) FROM outbox")
        assert outbox.size(database, "parent") == found[0]
    database.close()


def test_a_store_of_before_knows_its_alarms_and_its_size(tmp_path: Path) -> None:
    """Events that waited when the program was upgraded have their alarm and are counted."""
    path = tmp_path / "store.db"
    connection = apsw.Connection(str(path))
    folder = resources.files("gateway") / "migrations" / "edge"
    for name in ("0001_journal.sql", "0002_alarms.sql"):
        connection.execute((folder / name).read_text(encoding="utf-8"))
    connection.execute("PRAGMA user_version=2")
    chain = Chain(Identity("gw1", "0" * 16, "1" * 16))
    rows = [event(chain), event(chain, "")]
    for row in rows:
        connection.execute(
            "INSERT INTO outbox (destination, seq, entry) VALUES ('parent', ?, ?)",
            (row.seq, row.entry),
        )
    connection.close()
    database = Database(path, "edge")
    assert outbox.oldest(database, "parent", 10) == rows
    assert outbox.size(database, "parent") == (2, sum(len(row.entry) for row in rows))
    database.close()


def aside(database: Database, rows: list[outbox.Row]) -> None:
    outbox.append(database, rows, BOTH)
    for receiver in BOTH:
        outbox.set_aside(database, receiver, [(row.seq, "fork") for row in rows], at_ns=7)


def release(action: str, receiver: str = "", seq: int = 0) -> Release:
    return Release(id="o", action=action, receiver=receiver, seq=seq)


def test_dead_letters_are_sent_again_byte_for_byte(database: Database, chain: Chain) -> None:
    """What an operator sends again waits as it did before, for the receiver that was named."""
    rows = [event(chain) for _ in range(3)]
    aside(database, rows)
    assert dead_letters.count(database) == 6
    assert dead_letters.release(database, release(RETRY, "parent", 2)) == 1
    assert outbox.oldest(database, "parent", 10) == rows[1:2]
    assert dead_letters.release(database, release(RETRY, "parent", 2)) == 0
    assert dead_letters.release(database, release(RETRY, "parent")) == 2
    assert outbox.oldest(database, "parent", 10) == rows
    assert seqs(database, "screen") == []
    assert [(each.receiver, each.seq) for each in dead_letters.listed(database, 10)] == [
        ("screen", 1), ("screen", 2), ("screen", 3),
    ]  # fmt: skip


def test_dead_letters_that_are_discarded_are_gone(database: Database, chain: Chain) -> None:
    """What an operator gives up waits nowhere."""
    aside(database, [event(chain) for _ in range(3)])
    assert dead_letters.release(database, release(DISCARD)) == 6
    assert dead_letters.count(database) == 0
    assert seqs(database) == seqs(database, "screen") == []


def test_dead_letters_have_a_limit(database: Database, chain: Chain) -> None:
    """Beyond it the oldest go, and are counted as shed for their receiver."""
    outbox.append(database, [event(chain) for _ in range(5)], ["parent"])
    for seq in (3, 1, 2, 4):
        outbox.set_aside(database, "parent", [(seq, "no")], at_ns=10 + seq)
    dead_letters.prune(database, 2)
    assert [each.seq for each in dead_letters.listed(database, 10)] == [3, 4]
    assert outbox.shed_untold(database, "parent") == 2


def test_dead_letters_of_one_receiver_push_out_no_other_s(database: Database, chain: Chain) -> None:
    """A broken export's night does not cost what the parent rejected."""
    events = [event(chain) for _ in range(6)]
    outbox.append(database, events, ["parent", "export:city"])
    outbox.set_aside(database, "parent", [(1, "no"), (2, "no")], at_ns=10)
    outbox.set_aside(database, "export:city", [(seq, "400") for seq in range(1, 7)], at_ns=20)
    dead_letters.prune(database, 2)
    kept = [(each.receiver, each.seq) for each in dead_letters.listed(database, 10)]
    assert sorted(kept) == [("export:city", 5), ("export:city", 6), ("parent", 1), ("parent", 2)]
    assert outbox.shed_untold(database, "parent") == 0
    assert outbox.shed_untold(database, "export:city") == 4
