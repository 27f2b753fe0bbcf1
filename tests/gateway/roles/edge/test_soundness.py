"""A store that SQLite can read is compared with itself, and with what was noted beside it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from gateway.alarms import store as alarm_store
from gateway.clock import ManualClock
from gateway.db import Database
from gateway.northbound.spool import Configuration
from gateway.roles.edge import witness
from gateway.roles.edge.recovery import Opened, open_store
from gateway.roles.edge.soundness import doubt
from gateway.roles.edge.witness import Witness
from tests.faults.disks.recording import Recording
from tests.faults.disks.stores import edge_load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an edge's store after a while, closed, its head noted."""
    database = Database(tmp_path / "store.db", "edge")
    database.execute("INSERT INTO node_self (name, value) VALUES ('life', ?)", ("a" * 16,))
    database.close()
    edge_load(tmp_path, Recording(tmp_path), commits=12, chance=random.Random(2))
    note(tmp_path)
    return tmp_path


def note(folder: Path) -> None:
    """Note how far the journal has come, as the store's thread does."""
    database = Database(folder / "store.db", "edge", read_only=True)
    noting = Witness(folder, "a" * 16)
    noting.note(*alarm_store.head(database))
    noting.close()
    database.close()


def opened(folder: Path) -> Opened:
    """Open the store as a start does, and close it."""
    found = open_store(folder, configuration=Configuration(hash="h", tags=[]), clock=ManualClock(7))
    found.close()
    return found


def test_a_sound_store_goes_on(folder: Path) -> None:
    """A store that holds what was noted keeps its life, also when the note is older than it."""
    for _ in range(2):
        found = opened(folder)
        assert (found.new_life, found.trouble) == (False, "")
        (folder / witness.NAME).unlink(missing_ok=True)
    assert witness.read(folder) is None


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE alarm SET state = 'NORM' WHERE state <> 'NORM'",
        "UPDATE alarm SET state = 'NORN'",
        "UPDATE alarm SET suppression = 'x'",
        "UPDATE alarm SET revision = revision + 64",
        "UPDATE alarm SET entry = X'00'",
        "UPDATE outbox SET entry = CAST(replace(entry, 'raise', 'raisf') AS BLOB)",
        "UPDATE outbox SET seq = seq + 1024 WHERE seq = (SELECT MAX(seq) FROM outbox)",
        "UPDATE journal SET entry = CAST(replace(entry, 'prev', 'prew') AS BLOB) WHERE seq = 9",
        "UPDATE journal SET hash = 'x' WHERE seq = 9",
        "DELETE FROM journal WHERE seq = 9",
    ],
)
def test_a_row_that_has_changed_is_found(folder: Path, harm: str) -> None:
    """A store whose rows do not fit together is set aside, and a new life tells why."""
    database = Database(folder / "store.db", "edge")
    assert doubt(database) == ""
    database.execute(harm)
    assert doubt(database) != ""
    database.close()
    found = opened(folder)
    assert found.new_life
    assert "set aside" in found.trouble
    assert (folder / "store.db.damaged-7").exists()
    again = opened(folder)
    assert (again.new_life, again.trouble) == (False, "")


def test_a_store_that_went_back_is_found(folder: Path, tmp_path: Path) -> None:
    """A log that lost its end, or a copy put back without its folder, is not gone on with."""
    shutil.copy(folder / "store.db", tmp_path / "older")
    edge = Database(folder / "store.db", "edge")
    desk_seq, head = alarm_store.head(edge)
    edge.close()
    noting = Witness(folder, "a" * 16)
    noting.note(desk_seq + 5, head)
    noting.close()
    found = opened(folder)
    assert found.new_life
    assert f"entry {desk_seq + 5}" in found.trouble


@pytest.mark.parametrize("harm", [b"", b"x" * 60, b"x"])
def test_a_damaged_note_says_nothing(folder: Path, harm: bytes) -> None:
    """Where the note itself is damaged, or is of another life, the store is believed."""
    (folder / witness.NAME).write_bytes(harm)
    assert not opened(folder).new_life
    noting = Witness(folder, "b" * 16)
    noting.note(10**6, "0" * 64)
    noting.close()
    assert not opened(folder).new_life
