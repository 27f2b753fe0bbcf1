"""The store of a node: one SQLite file behind a port of three verbs, with numbered migrations.

`Database` offers `transaction`, `execute` and `notify`. The SQL is the plain subset that SQLite and
PostgreSQL share, so that a city's driver can pass the same behaviour suite. SQLite runs in WAL mode
with ``synchronous=FULL``: a commit that returned has reached the disk. Rows are tuples; times are
integers (ns), documents are BLOBs of JSON.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO, Final

import apsw

from gateway import holding

Value = int | float | str | bytes | None
Row = tuple[Any, ...]
#: A process that is ending lets go of its folder within so long, s; one that hangs does not.
ENDING_S: Final = 2.0


class StoreError(Exception):
    """The store cannot do what was asked; the message says which file, why, and what to do next."""


class StoreFullError(StoreError):
    """There is no room left on the disk of the store."""


class StoreNewerError(StoreError):
    """The file was made by a newer program: sound, and not to be touched by this one."""


class StoreInUseError(StoreError):
    """Another process writes this store."""


class StoreLeftError(StoreError):
    """A process that has ended holds this store: its disk has not answered all its threads."""


class StoreBrokenError(StoreError):
    """The disk refused a write or a sync, or the file is not a sound store of ours."""


class StoreDamagedError(StoreBrokenError):
    """The file is not sound."""


class Database:
    """One open store. One thread writes; any number of `reader` connections read beside it.

    Parameters
    ----------
    path
        The SQLite file, or None for a store in memory (it has no readers).
    migrations
        Folder of ``gateway/migrations`` whose numbered SQL files build and migrate this store.
    read_only
        Open for reading; nothing is migrated.
    wal_pages
        Pages of the write-ahead log from which on a commit folds it into the file.

    Raises
    ------
    StoreBrokenError
        The file is no sound store.
    StoreNewerError
        It was made by a newer program, and is left as it is.
    """

    def __init__(
        self, path: Path | None, migrations: str, *, read_only: bool = False, wal_pages: int = 1000
    ) -> None:
        self.path = path
        #: Pages in the write-ahead log, after the last commit.
        self.log_pages = 0
        self._most_pages = wal_pages
        self._migrations = migrations
        self._lock = threading.RLock()
        self._listeners: list[Callable[[str], None]] = []
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if read_only:
            flags = apsw.SQLITE_OPEN_READONLY
        with translated(path):
            self._connection = apsw.Connection(str(path) if path else ":memory:", flags=flags)
            self._connection.set_busy_timeout(10_000)
            if not read_only:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.set_wal_hook(self._logged)
                self._connection.execute("PRAGMA foreign_keys=ON")
                migrate(self._connection, migrations)

    def reader(self) -> Database:
        """Open a second connection that only reads; for a store in memory, this one."""
        if self.path is None:
            return self
        return Database(self.path, self._migrations, read_only=True)

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        with self._lock, translated(self.path):
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def execute_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row of parameters."""
        with self._lock, translated(self.path):
            self._connection.executemany(sql, [tuple(row) for row in rows])

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Database]:
        """All or nothing: commit at the end, roll back if anything is raised inside.

        Parameters
        ----------
        durable
            Return when the commit has reached the disk. Otherwise it gets there with the next one
            that has to, and a power cut may undo it: for what is only repeated then.
        """
        with self._lock, translated(self.path):
            if not durable:
                self._connection.execute("PRAGMA synchronous=NORMAL")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
                try:
                    self._connection.execute("COMMIT")
                except apsw.Error:
                    # One that failed leaves SQLite's transaction open when it may be tried again.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            finally:
                if not durable:
                    self._connection.execute("PRAGMA synchronous=FULL")

    def fold(self) -> None:
        """Fold the write-ahead log into the file, on a connection of its own; nobody waits for it.

        Where a store has much to do, call it from another thread when `log_pages` has grown: else a
        commit does it now and then, and what waits for that commit waits for two more syncs.
        """
        if self.path is not None:
            with translated(self.path):
                beside = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
                try:
                    with suppress(apsw.BusyError):  # a commit does it just now
                        beside.execute("PRAGMA wal_checkpoint(PASSIVE)")
                finally:
                    beside.close()

    def fold_rest(self) -> None:
        """Fold what was committed during `fold`: the log begins anew only where nothing is left."""
        with self._lock, translated(self.path), suppress(apsw.BusyError):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self.log_pages = 0  # until the next commit tells what is left

    def _logged(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.log_pages = pages
        if pages >= self._most_pages:
            # The commit has succeeded, whatever becomes of this: another fold may be under way, or
            # the disk be full. What is raised here would be told as a commit that failed.
            with suppress(apsw.Error):
                self._connection.wal_checkpoint()
        return apsw.SQLITE_OK

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the channel's name at every `notify` (in the notifying thread)."""
        self._listeners.append(listener)

    def notify(self, channel: str) -> None:
        """Tell the listeners that something they may want was committed."""
        for listener in self._listeners:
            listener(channel)

    def image(self) -> bytes:
        """Return the whole store, as the bytes of a file that holds it."""
        with self._lock, translated(self.path):
            return self._connection.serialize("main")

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in by SQLite."""
        with self._lock:
            self._connection.close()


@contextmanager
def translated(path: Path | None) -> Iterator[None]:
    """Turn the driver's errors into the port's, with the file and the next step."""
    where = str(path) if path else "store in memory"
    try:
        yield
    except apsw.FullError as error:
        raise StoreFullError(f"{where}: {error}; free space on this disk") from error
    except (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        text = f"{where}: {error}; check the disk and the folder's owner"
        raise StoreBrokenError(text) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreDamagedError(
            f"{where}: {error}; the file is not sound, restore or set it aside"
        ) from error
    except apsw.Error as error:
        # A table that is missing, a key that is there twice: no store of ours, or two who write.
        raise StoreBrokenError(f"{where}: {error}; it is no sound store of this node") from error


def lock(folder: Path) -> BinaryIO:
    """Take a store's folder for this process alone, for as long as the returned file is open.

    Raises
    ------
    StoreInUseError
        Another process has it.
    StoreLeftError
        One that has ended has it, as long as a thread of it waits for the disk.
    OSError
        The folder cannot be written.
    """
    file = (folder / "lock").open("ab")
    try:
        _wait_for(file, folder)
    except BaseException:
        file.close()
        raise
    holding.tell(file)
    return file


def _wait_for(file: BinaryIO, folder: Path) -> None:
    """Lock a folder's file, and wait for that while who has it is ending."""
    until = time.monotonic() + ENDING_S
    while not _has_locked(file):
        pid = holding.holder(file)
        over = holding.is_over(pid)
        # Who started this process in its own place is about to end.
        if (over or pid == os.getppid()) and time.monotonic() < until:
            time.sleep(0.05)
        elif over:
            raise StoreLeftError(
                f"{folder}: process {pid} has ended, but its disk has not answered all of it; "
                f"until then nobody can have this store"
            )
        else:
            raise StoreInUseError(
                f"{folder}: another process runs on this store; stop it, or give each its own "
                f"folder"
            )


def _has_locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def migrate(connection: apsw.Connection, folder: str) -> None:
    """Bring a store forward, one numbered file a transaction; refuse one from the future."""
    steps = sorted(
        (entry.name, entry.read_text(encoding="utf-8"))
        for entry in (resources.files("gateway") / "migrations" / folder).iterdir()
        if entry.name.endswith(".sql")
    )
    done = int(str(connection.execute("PRAGMA user_version").fetchall()[0][0]))
    if done > len(steps):
        raise StoreNewerError(
            f"{connection.filename}: made by a newer program (schema {done}, this one knows "
            f"{len(steps)}); start the newer program, or give this one a folder of its own"
        )
    for number, (_, sql) in enumerate(steps, start=1):
        if number > done:
            with connection:
                connection.execute(sql)
                connection.execute(f"PRAGMA user_version={number}")
