"""The centre's store: one thread writes, a few read, and screens hear of a commit at once.

`Store.write` runs a piece of work as one transaction on the writer's thread: what it changes, the
own journal's entries and the feed items commit together or not at all. Only after the commit are
the items handed to the hub and the caller answered. Reads run beside it on connections of their
own, each in one snapshot.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import folders
from gateway.db import Database, Row, StoreError, Value, lock
from gateway.identity import Identity, load_key, random_bits
from gateway.journal import GENESIS, Chain, close_segment, write_entries
from gateway.model import Clock
from gateway.supervision import feed
from gateway.supervision.feed import FeedItem, Hub

READERS = 3
WAITING_WRITES = 128
FILE = "centre.sqlite"

T = TypeVar("T")


class BusyError(Exception):
    """More writes wait than the disk keeps up with; try again shortly."""


class StillWritingError(BusyError):
    """The write of this name before it is not done yet."""


class Write:
    """One transaction: statements, journal entries and feed items that commit together.

    Parameters
    ----------
    database
        The writer's connection, inside its transaction.
    chain
        Where the own journal stands.
    now_ns
        The one instant of the whole transaction.
    """

    def __init__(self, database: Database, chain: Chain, now_ns: int) -> None:
        self.database = database
        self.now_ns = now_ns
        self.items: list[FeedItem] = []
        self.scopes_changed = False
        self._chain = chain
        self._entries: list[tuple[int, bytes]] = []

    @property
    def node(self) -> str:
        """Id of the centre itself."""
        return self._chain.identity.node

    @property
    def life(self) -> str:
        """Life of the centre's store."""
        return self._chain.identity.life

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        return self.database.execute(sql, parameters)

    def publish(self, kind: str, node: str, body: bytes, *, hazard: str = "") -> None:
        """Tell the screens that may see `node` once this is committed."""
        self.items.append(feed.append(self.database, kind, node, body, hazard=hazard))

    def journal(
        self,
        kind: str,
        *,
        detail: dict[str, str | int | float | bool | None],
        alarm: str = "",
        operator: str = "",
        comment: str = "",
    ) -> None:
        """Add an entry to the centre's own journal."""
        event, entry = self._chain.seal(
            kind,
            source_ns=self.now_ns,
            received_ns=self.now_ns,
            clock_source="system",
            alarm=alarm,
            operator=operator,
            comment=comment,
            detail=detail,
        )
        self._entries.append((event.seq, entry))

    @contextmanager
    def part(self) -> Iterator[None]:
        """Take back all that was written inside when anything is raised; the rest stands.

        A store in trouble is another matter: then the whole transaction ends.
        """
        chain, scopes_changed = self._chain, self.scopes_changed
        before = (len(self.items), len(self._entries), chain.seq, chain.head)
        self.execute("SAVEPOINT part")
        try:
            yield
        except StoreError:
            raise
        except BaseException:
            self.execute("ROLLBACK TO SAVEPOINT part")
            self.execute("RELEASE SAVEPOINT part")
            items, entries, chain.seq, chain.head = before
            del self.items[items:], self._entries[entries:]
            self.scopes_changed = scopes_changed
            raise
        self.execute("RELEASE SAVEPOINT part")

    def finish(self, key: Ed25519PrivateKey) -> None:
        """Write the entries and sign a segment when one is full; the last act before the commit."""
        if self._entries:
            write_entries(self.database, self._entries)
            close_segment(self.database, key, at_ns=self.now_ns)


class Store:
    """The open store of a centre; enter it to open the file, leave it to close the file.

    Parameters
    ----------
    folder
        Where the database and the signing key live; made when absent, for this user alone.
    node
        Id of the centre.
    clock
        Where the time of every transaction comes from.
    hub
        Told of every commit, on the event loop.
    """

    def __init__(self, folder: Path, node: str, *, clock: Clock, hub: Hub) -> None:
        self.folder = folder
        self.node = node
        self.clock = clock
        self.hub = hub
        self._waiting = 0
        self._alone: set[str] = set()
        self._local = threading.local()
        self._readers: list[Database] = []

    @property
    def path(self) -> Path:
        """The database file."""
        return self.folder / FILE

    async def __aenter__(self) -> Self:
        """Open the file and note this start in the journal."""
        self._loop = asyncio.get_running_loop()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="centre-writer")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="centre-reader")
        await self._loop.run_in_executor(self._writer, self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what waits, sign the journal, close the file."""
        await asyncio.to_thread(self._close)

    async def write(self, work: Callable[[Write], T], *, alone: str = "") -> T:
        """Run `work` as one transaction and return what it returns, after the commit.

        Parameters
        ----------
        alone
            A name of which one write waits at a time, so that one sender keeps no others waiting.

        Raises
        ------
        BusyError
            Too many writes wait already, or one of this name does; nothing was done.
        """
        if alone in self._alone:
            raise StillWritingError(f"{alone}: what was sent before is still being written")
        if self._waiting >= WAITING_WRITES:
            raise BusyError(
                f"{self.path}: {self._waiting} writes wait for the disk; try again soon"
            )
        self._waiting += 1
        future = self._loop.run_in_executor(self._writer, self._transact, work)
        future.add_done_callback(self._one_less)
        if alone:
            self._alone.add(alone)
            future.add_done_callback(lambda _: self._alone.discard(alone))
        return await future

    async def read(self, work: Callable[[Database], T]) -> T:
        """Run `work` on a reader, which sees one committed state throughout."""
        return await self._loop.run_in_executor(self._reading, self._snapshot, work)

    def _one_less(self, _: object) -> None:
        self._waiting -= 1

    def _open(self) -> None:
        folders.make(self.folder, mode=0o700)
        self._held = lock(self.folder)
        self._key = load_key(self.folder)
        self._database = Database(self.path, "centre")
        self.path.chmod(0o600)
        now_ns = self.clock.now_ns()
        with self._database.transaction() as database:
            rows = database.execute("SELECT value FROM node_self WHERE name = 'life'")
            life = rows[0][0] if rows else random_bits()
            if not rows:
                database.execute("INSERT INTO node_self (name, value) VALUES ('life', ?)", (life,))
            last = database.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
            seq, head = last[0] if last else (0, GENESIS)
            self._chain = Chain(Identity(self.node, life, random_bits()), seq=seq, head=head)
            opening = Write(database, self._chain, now_ns)
            if not rows:
                opening.journal("life", detail={"life": life})
            opening.journal("start", detail={"store": str(self.path)})
            opening.finish(self._key)

    def _transact(self, work: Callable[[Write], T]) -> T:
        chain = self._chain
        seq, head = chain.seq, chain.head
        try:
            with self._database.transaction() as database:
                write = Write(database, chain, self.clock.now_ns())
                result = work(write)
                write.finish(self._key)
        except BaseException:
            chain.seq, chain.head = seq, head
            raise
        if write.items or write.scopes_changed:
            self._loop.call_soon_threadsafe(self._announce, write)
        return result

    def _announce(self, write: Write) -> None:
        self.hub.publish(write.items, scopes_changed=write.scopes_changed)

    def _snapshot(self, work: Callable[[Database], T]) -> T:
        reader: Database | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._database.reader()
            self._local.reader = reader
            self._readers.append(reader)
        reader.execute("BEGIN")
        try:
            return work(reader)
        finally:
            reader.execute("ROLLBACK")

    def _close(self) -> None:
        self._reading.shutdown(wait=True)
        self._writer.submit(self._seal).result()
        self._writer.shutdown(wait=True)
        for reader in self._readers:
            reader.close()
        self._database.close()
        self._held.close()

    def _seal(self) -> None:
        with self._database.transaction() as database:
            close_segment(database, self._key, at_ns=self.clock.now_ns(), force=True)
