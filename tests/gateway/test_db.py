"""The store: all or nothing, durable when it says so, and errors a person can act on."""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import apsw
import pytest

from gateway.db import Database, StoreBrokenError, StoreError, StoreFullError, StoreNewerError

INSERT = "INSERT INTO node_self (name, value) VALUES (?, ?)"
NAMES = "SELECT name FROM node_self ORDER BY name"
MIGRATIONS = ("edge", "centre")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    made = Database(path, "edge")
    yield made
    made.close()


class HurtError(Exception):
    """Raised in the middle of a transaction."""


def write_and_fail(database: Database, *, durable: bool = True) -> None:
    with database.transaction(durable=durable):
        database.execute(INSERT, ("z", "1"))
        database.execute_many(INSERT, [("b", "2"), ("c", "3")])
        raise HurtError


def test_a_transaction_is_committed_whole(database: Database, path: Path) -> None:
    """What a transaction wrote is there for another connection once it ended, and not before."""
    reader = database.reader()
    with database.transaction() as same:
        assert same is database
        database.execute(INSERT, ("a", "1"))
        assert reader.execute(NAMES) == []
    assert reader.execute(NAMES) == [("a",)]
    reader.close()
    assert path.exists()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    """Anything raised inside rolls everything back, is passed on, and the store goes on."""
    with pytest.raises(HurtError):
        write_and_fail(database)
    assert database.execute(NAMES) == []
    with database.transaction():
        database.execute(INSERT, ("d", "4"))
    assert database.execute(NAMES) == [("d",)]


def test_a_statement_that_fails_takes_its_transaction_with_it(database: Database) -> None:
    """A refused row in the middle of many undoes those before it."""
    database.execute(INSERT, ("b", "0"))

    def fail() -> None:
        with database.transaction():
            database.execute_many(INSERT, [("a", "1"), ("b", "2"), ("c", "3")])

    with pytest.raises(StoreBrokenError, match="constraint failed"):
        fail()
    assert database.execute(NAMES) == [("b",)]


def test_a_commit_that_fails_leaves_no_transaction_open(database: Database) -> None:
    """When the commit itself is refused, all is rolled back and the next transaction works."""
    database.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    database.execute(
        "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    def orphan() -> None:
        with database.transaction():
            database.execute(INSERT, ("a", "1"))
            database.execute("INSERT INTO child (id) VALUES (7)")

    with pytest.raises(StoreBrokenError, match="constraint failed"):
        orphan()
    assert database.execute(NAMES) == []
    with database.transaction():
        database.execute(INSERT, ("b", "2"))
    assert database.execute(NAMES) == [("b",)]


def test_a_transaction_is_of_one_thread(database: Database) -> None:
    """Another thread's statement waits until the transaction has ended, and is not part of it."""
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(20)
        database.execute(INSERT, ("other", "1"))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    def hold_and_fail() -> None:
        with database.transaction():
            database.execute(INSERT, ("mine", "1"))
            inside.set()
            assert not done.wait(0.2)
            raise HurtError

    with pytest.raises(HurtError):
        hold_and_fail()
    thread.join(20)
    assert database.execute(NAMES) == [("other",)]


def test_a_commit_has_reached_the_disk(database: Database) -> None:
    """The store is in WAL mode with full synchronisation: a commit that returned is durable."""
    assert database.execute("PRAGMA journal_mode") == [("wal",)]
    assert database.execute("PRAGMA synchronous") == [(2,)]
    assert database.execute("PRAGMA foreign_keys") == [(1,)]


def synchronous(database: Database) -> int:
    """How SQLite syncs now: 1 NORMAL, 2 FULL."""
    return int(database.execute("PRAGMA synchronous")[0][0])


def test_what_is_only_repeated_waits_for_no_disk(database: Database) -> None:
    """A transaction that need not be durable syncs nothing; whatever ends it, the next one does."""
    with database.transaction(durable=False):
        assert synchronous(database) == 1
        database.execute(INSERT, ("a", "1"))
    assert synchronous(database) == 2
    with pytest.raises(HurtError):
        write_and_fail(database, durable=False)
    assert synchronous(database) == 2
    assert database.execute(NAMES) == [("a",)]


def test_the_log_is_folded_beside_a_commit(path: Path) -> None:
    """Another thread folds the log while transactions go on; what was committed stays."""
    database = Database(path, "edge", wal_pages=1_000_000)
    for number in range(200):
        database.execute(INSERT, (f"n{number:03}", "x" * 3000))
    grown = database.log_pages
    assert grown > 100
    with database.transaction():
        database.execute(INSERT, ("open", "1"))
        thread = threading.Thread(target=database.fold)
        thread.start()
        thread.join()
    database.execute(INSERT, ("after", "1"))
    database.fold()
    database.execute(INSERT, ("begins the log anew", "1"))
    assert database.log_pages < grown / 10
    assert len(database.execute(NAMES)) == 203
    database.close()


def test_a_log_that_nobody_folds_is_bounded(path: Path) -> None:
    """From a number of pages on a commit folds the log itself."""
    database = Database(path, "edge", wal_pages=20)
    most = 0
    for number in range(300):
        database.execute(INSERT, (f"n{number:03}", "x" * 3000))
        most = max(most, database.log_pages)
    assert 20 <= most < 40
    database.close()


#: SQLite's lock of whoever folds, a byte of the file that readers and writers share.
FOLDS = 121
HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX, 1, int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_commit_that_succeeded_says_so_though_another_folds(path: Path) -> None:
    """What becomes of a fold is no matter of the commit that asked for it."""
    database = Database(path, "edge", wal_pages=5)
    database.execute(INSERT, ("a", "1"))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{path}-shm", str(FOLDS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for number in range(30):
            with database.transaction():
                database.execute(INSERT, (f"n{number:02}", "x" * 3000))
        database.fold()
        database.fold_rest()
        other.kill()
    assert len(database.execute(NAMES)) == 31
    database.close()


def test_what_was_committed_outlives_a_killed_process(path: Path) -> None:
    """A process killed in the middle of a transaction leaves what it had committed, no more."""
    code = (
        "import os, signal, sys; from pathlib import Path; from gateway.db import Database\n"
        "database = Database(Path(sys.argv[1]), 'edge')\n"
        f"insert = {INSERT!r}\n"
        "with database.transaction(): database.execute(insert, ('kept', '1'))\n"
        "with database.transaction():\n"
        "    database.execute(insert, ('lost', '1'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    database = Database(path, "edge")
    assert database.execute(NAMES) == [("kept",)]
    database.close()


@pytest.mark.parametrize("folder", MIGRATIONS)
def test_a_new_store_has_every_migration(folder: str) -> None:
    """A store is built by the numbered files, each counted once, without a gap."""
    files = [f for f in (resources.files("gateway") / "migrations" / folder).iterdir()
             if f.name.endswith(".sql")]  # fmt: skip
    database = Database(None, folder)
    assert database.execute("PRAGMA user_version") == [(len(files),)]
    assert database.execute("PRAGMA quick_check") == [("ok",)]
    database.close()
    assert sorted(f.name[:4] for f in files) == [f"{n:04}" for n in range(1, len(files) + 1)]


@pytest.mark.parametrize("folder", MIGRATIONS)
def test_an_older_store_is_brought_forward(path: Path, folder: str) -> None:
    """A store of an earlier release gets what is new and keeps what it has."""
    first = (resources.files("gateway") / "migrations" / folder / "0001_journal.sql").read_text()
    connection = apsw.Connection(str(path))
    connection.execute(first)
    connection.execute("PRAGMA user_version=1")
    connection.execute(INSERT, ("life", "abc"))
    connection.close()
    fresh, database = Database(None, folder), Database(path, folder)
    tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    assert database.execute(tables) == fresh.execute(tables)
    assert database.execute("PRAGMA user_version") == fresh.execute("PRAGMA user_version")
    assert database.execute("SELECT value FROM node_self") == [("abc",)]
    database.close()
    fresh.close()


def test_a_store_of_a_newer_program_is_refused(path: Path) -> None:
    """A store from the future is left alone, and both ways out are named."""
    database = Database(path, "edge")
    database.execute("PRAGMA user_version=99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreNewerError, match=r"store\.db: made by a newer program .*schema 99"):
        Database(path, "edge")
    assert path.read_bytes() == before


def test_a_reader_only_reads(database: Database) -> None:
    """A second connection sees what is committed and cannot write."""
    database.execute(INSERT, ("a", "1"))
    reader = database.reader()
    assert reader.execute(NAMES) == [("a",)]
    with pytest.raises(StoreBrokenError, match="check the disk and the folder's owner"):
        reader.execute(INSERT, ("b", "2"))
    reader.close()
    assert database.execute(NAMES) == [("a",)]


def test_reading_makes_no_store(path: Path) -> None:
    """To open for reading what is not there is an error, and makes nothing."""
    with pytest.raises(StoreBrokenError, match=r"store\.db: "):
        Database(path, "edge", read_only=True)
    assert not path.exists()


def test_a_store_in_memory_is_its_own_reader() -> None:
    """A store in memory has one connection for all."""
    database = Database(None, "edge")
    assert database.reader() is database
    database.close()


def test_a_full_store_says_so(database: Database, path: Path) -> None:
    """Without room a transaction is refused as full, nothing of it stays, and room mends it."""
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    [(pages,)] = database.execute("PRAGMA page_count")
    database.execute(f"PRAGMA max_page_count={pages + 2}")

    def fill() -> None:
        with database.transaction():
            database.execute(INSERT, ("small", "1"))
            database.execute(INSERT, ("large", "x" * 100_000))

    with pytest.raises(StoreFullError, match=r"store\.db: .*full; free space on this disk"):
        fill()
    assert database.execute(NAMES) == []
    database.execute("PRAGMA max_page_count=100000")
    fill()
    assert len(database.execute(NAMES)) == 2
    assert path.exists()


def test_a_disk_that_refuses_a_write_breaks_the_store(path: Path) -> None:
    """A write that the system refuses is a broken store with its file named, and loses nothing."""
    database = Database(path, "edge")
    database.execute(INSERT, ("kept", "1"))
    database.close()
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from gateway.db import Database, StoreBrokenError\n"
        "database = Database(Path(sys.argv[1]), 'edge')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    with database.transaction():\n"
        f"        database.execute({INSERT!r}, ('lost', 'x' * 1_000_000))\n"
        "except StoreBrokenError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert str(path) in done.stdout
    assert "check the disk" in done.stdout
    database = Database(path, "edge")
    assert database.execute(NAMES) == [("kept",)]
    database.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY


def test_what_is_no_store_is_not_touched(path: Path) -> None:
    """A file that is none of ours is named and left as it was."""
    path.write_bytes(b"a letter to a friend, long enough to be read as a header " * 40)
    before = path.read_bytes()
    with pytest.raises(StoreBrokenError, match="not sound, restore or set it aside"):
        Database(path, "edge")
    assert path.read_bytes() == before


def test_damage_inside_is_told_as_damage(path: Path) -> None:
    """A page that was overwritten is found when it is read, with what to do."""
    database = Database(path, "edge")
    database.execute_many(INSERT, [(f"n{n:05}", "x" * 200) for n in range(2000)])
    database.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreBrokenError, match="not sound, restore or set it aside"):
        Database(path, "edge").execute(NAMES)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A store in a folder that does not exist is a broken store, not a stack trace of SQLite."""
    with pytest.raises(StoreError, match="check the disk and the folder's owner"):
        Database(tmp_path / "none" / "store.db", "edge")


def test_listeners_hear_each_channel(database: Database) -> None:
    """Every listener hears every notification, in the thread that gives it."""
    heard: list[tuple[str, int]] = []
    for _ in range(2):
        database.listen(lambda channel: heard.append((channel, threading.get_ident())))
    database.notify("outbox")
    assert heard == [("outbox", threading.get_ident())] * 2


def test_values_keep_their_type(database: Database) -> None:
    """Integers of 64 bits, bytes, text and nothing come back as they were."""
    database.execute("CREATE TABLE value (id INTEGER PRIMARY KEY, v)")
    values = [2**63 - 1, -(2**63), 0.1, "文字", b"\x00\xff", None]
    database.execute_many("INSERT INTO value (v) VALUES (?)", [(value,) for value in values])
    assert [row[0] for row in database.execute("SELECT v FROM value ORDER BY id")] == values
