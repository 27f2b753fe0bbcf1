"""The centre's store: one thread writes, a few read, and screens hear of a commit at once.

`Store.write` runs a piece of work as one transaction on the writer's thread: what it changes, the
own journal's entries and the feed items commit together or not at all. Only after the commit are
the items handed to the hub and the caller answered. Reads run beside it on connections of their
own, each in one snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import folders
from gateway.db import Database, Row, StoreError, Value, lock
from gateway.identity import Identity, load_key, public_hex
from gateway.journal import GENESIS, Chain, close_segment, write_entries
from gateway.model import NANOSECONDS, AlarmEvent, Clock
from gateway.northbound import outbox
from gateway.supervision import feed, opening
from gateway.supervision.feed import FeedItem, Hub
from gateway.supervision.news import NOBODY, News, Receivers, Show, Shown, Told
from gateway.supervision.readers import Readers
from gateway.supervision.writer import BusyError, Lane, StillWritingError, Turns, Writer

WAITING_WRITES = 128
FILE = "centre.sqlite"

T = TypeVar("T")


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
    own
        Where the stream of the centre's own events stands.
    receivers
        Who wants to hear of it.
    key
        What this centre signs its orders with.
    """

    def __init__(
        self,
        database: Database,
        chain: Chain,
        now_ns: int,
        *,
        own: Chain | None = None,
        receivers: Receivers = NOBODY,
        key: Ed25519PrivateKey | None = None,
    ) -> None:
        self.database = database
        self.now_ns = now_ns
        self.items: list[FeedItem] = []
        self.news: list[News] = []
        self.scopes_changed = False
        self._shown = Shown()
        self._chain = chain
        self._own = own or Chain(chain.identity)
        self._receivers = receivers
        self.key = key
        self._entries: list[tuple[int, bytes]] = []
        self._outgoing: list[tuple[str, outbox.Row]] = []

    @property
    def node(self) -> str:
        """Id of the centre itself."""
        return self._chain.identity.node

    @property
    def life(self) -> str:
        """Life of the centre's store."""
        return self._chain.identity.life

    @property
    def own(self) -> Identity:
        """Who speaks in the stream of the centre's own events."""
        return self._own.identity

    @property
    def own_chain(self) -> Chain:
        """Where that stream stands, for a desk; what it seals is handed to `own.keep`."""
        return self._own

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        return self.database.execute(sql, parameters)

    def publish(self, kind: str, node: str, body: bytes, *, hazard: str = "") -> None:
        """Tell the screens that may see `node` once this is committed."""
        self.items.append(feed.append(self.database, kind, node, body, hazard=hazard))

    def show(self, what: str, node: str, names: Iterable[str] = ("",), *, show: Show) -> None:
        """Have rows published by `show`, each once, as they stand when all else is written."""
        self._shown.touch(what, node, names, show=show)

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

    def seal(self, kind: str, **fields: Any) -> tuple[AlarmEvent, bytes]:
        """Make the next of the centre's own events; `gateway.supervision.own.tell` stores it."""
        return self._own.seal(
            kind,
            source_ns=self.now_ns,
            received_ns=self.now_ns,
            clock_source="system",
            **fields,
        )

    def forward(self, position: int, event: AlarmEvent, entry: bytes) -> None:
        """Put a stored event into the outbox; it leaves on its receiver's receipt alone."""
        row = outbox.Row(position, event.alarm, entry)
        self._outgoing += [(name, row) for name in self._receivers.of(event)]
        if self._receivers.parent:
            self.news.append(News("event", ""))

    @property
    def exported(self) -> bool:
        """Whether it puts something out for an export."""
        return any(name != opening.PARENT for name, _ in self._outgoing)

    def tell_parent(self, kind: Told, node: str, body: bytes = b"") -> None:
        """Have the parent told how something of a node stands, once this is committed."""
        if self._receivers.parent:
            self.news.append(News(kind, node, body))

    @contextmanager
    def part(self) -> Iterator[None]:
        """Take back all that was written inside when anything is raised; the rest stands.

        A store in trouble is another matter: then the whole transaction ends.
        """
        chain, own, scopes_changed = self._chain, self._own, self.scopes_changed
        grown: tuple[list[Any], ...] = (self.items, self.news, self._entries, self._outgoing)
        lengths = [len(each) for each in grown]
        before = (chain.seq, chain.head, own.seq, own.head)
        self.execute("SAVEPOINT part")
        try:
            yield
        except StoreError:
            raise
        except BaseException:
            self.execute("ROLLBACK TO SAVEPOINT part")
            self.execute("RELEASE SAVEPOINT part")
            chain.seq, chain.head, own.seq, own.head = before
            for each, length in zip(grown, lengths, strict=True):
                del each[length:]
            self.scopes_changed = scopes_changed
            raise
        self.execute("RELEASE SAVEPOINT part")

    def finish(self, key: Ed25519PrivateKey) -> None:
        """Write what was left for the end, sign a segment that is full; last before the commit."""
        self._shown.show(lambda node: self.publish("reset", node, b"{}"))
        for name in dict.fromkeys(name for name, _ in self._outgoing):
            outbox.append(self.database, [row for to, row in self._outgoing if to == name], [name])
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
    receivers
        For whom events are kept.
    """

    def __init__(
        self, folder: Path, node: str, *, clock: Clock, hub: Hub, receivers: Receivers = NOBODY
    ) -> None:
        self.folder = folder
        self._receivers = receivers
        #: Number and hash of the last of the centre's own events, and of its journal; committed.
        self.own_head = self.journal_head = (0, GENESIS)
        #: Told on the event loop what the parent should hear, after each commit;
        self.upward: Callable[[list[News]], None] | None = None
        #: and that something waits for an export.
        self.outward: Callable[[], None] | None = None
        self.node = node
        self.clock = clock
        self.hub = hub
        self._waiting = dict.fromkeys(Lane, 0)
        self._turns = Turns()
        self._alone: set[str] = set()

    @property
    def own(self) -> Identity:
        """Who speaks in the stream of the centre's own events."""
        return self._own.identity

    @property
    def life(self) -> str:
        """Life of the journal."""
        return self._chain.identity.life

    @property
    def public_key(self) -> str:
        """What this centre's orders are known by."""
        return public_hex(self._key)

    @property
    def path(self) -> Path:
        """The database file."""
        return self.folder / FILE

    async def __aenter__(self) -> Self:
        """Open the file and note this start in the journal."""
        self._loop = asyncio.get_running_loop()
        self._writer = Writer("centre-writer")
        await self._writer.run(self._open)
        self._readers = Readers(self._database)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what waits, sign the journal, close the file."""
        await asyncio.to_thread(self._close)

    async def write(
        self, work: Callable[[Write], T], *, alone: str = "", lane: Lane = Lane.LIVE
    ) -> T:
        """Run `work` as one transaction and return what it returns, after the commit.

        Parameters
        ----------
        alone
            A name of which one write waits at a time, so that one sender keeps no others waiting.
        lane
            What goes before it; of the last one few are let in.

        Raises
        ------
        BusyError
            Too many writes wait already, or one of this name does; nothing was done.
        """
        if alone in self._alone:
            raise StillWritingError(f"{alone}: what was sent before is still being written")
        if self._waiting[lane] >= WAITING_WRITES:
            raise BusyError(
                f"{self.path}: {self._waiting[lane]} writes wait for the disk; try again soon"
            )
        if lane is Lane.BACKLOG:
            self._turns.enter(alone, self.clock.monotonic_ns() / NANOSECONDS)
        self._waiting[lane] += 1
        self._alone |= {alone} - {""}
        took: list[float] = []
        future = asyncio.wrap_future(
            self._writer.submit(lambda: self._transact(work, took), lane=lane)
        )
        future.add_done_callback(lambda _: self._left(alone, lane, took))
        return await future

    def _left(self, alone: str, lane: Lane, took: list[float]) -> None:
        self._waiting[lane] -= 1
        self._alone.discard(alone)
        if lane is Lane.BACKLOG:
            self._turns.leave(sum(took))

    async def act(self, work: Callable[[Database], T]) -> T:
        """Run `work` on the writer's connection, outside of any transaction; it may open its own.

        For the outbox alone: what it does concerns no screen and no journal.
        """
        return await self._writer.run(lambda: work(self._database))

    async def anchored(self, seq: int, head: str, *, parent: str) -> None:
        """Note that a parent keeps the head of this journal, and sign what it covers."""

        def work(write: Write) -> None:
            write.execute(
                "INSERT INTO journal_anchor (seq, head, anchored_ns, parent) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (seq) DO NOTHING",
                (seq, head, write.now_ns, parent),
            )
            close_segment(write.database, self._key, at_ns=write.now_ns, force=True)

        await self.write(work)

    async def read(self, work: Callable[[Database], T], *, apart: bool = False) -> T:
        """Run `work` on a reader, which sees one committed state throughout.

        What alarms wait for is read `apart`, on a reader that no report of people keeps busy.
        """
        return await self._readers.run(work, apart=apart)

    def _open(self) -> None:
        folders.make(self.folder, mode=0o700)
        self._held = lock(self.folder)
        self._key = load_key(self.folder)
        self._database = Database(self.path, "centre")
        self.path.chmod(0o600)
        now_ns = self.clock.now_ns()
        with self._database.transaction() as database:
            self._chain, self._own, new = opening.chains(database, self.node)
            opening.keep_outbox(database, parent=self._receivers.parent)
            first = Write(database, self._chain, now_ns)
            if new:
                first.journal("life", detail={"life": first.life})
            first.journal("start", detail={"store": str(self.path)})
            first.finish(self._key)
        self._note_heads()

    def _transact(self, work: Callable[[Write], T], took: list[float]) -> T:
        began_ns = self.clock.monotonic_ns()
        chain, own, to = self._chain, self._own, self._receivers
        before = (chain.seq, chain.head, own.seq, own.head)
        try:
            with self._database.transaction() as database:
                now_ns = self.clock.now_ns()
                write = Write(database, chain, now_ns, own=own, receivers=to, key=self._key)
                result = work(write)
                write.finish(self._key)
        except BaseException:
            chain.seq, chain.head, own.seq, own.head = before
            raise
        finally:
            took.append((self.clock.monotonic_ns() - began_ns) / NANOSECONDS)
        self._note_heads()
        if write.items or write.scopes_changed or write.news or write.exported:
            self._loop.call_soon_threadsafe(self._announce, write)
        return result

    def _note_heads(self) -> None:
        self.own_head = (self._own.seq, self._own.head)
        self.journal_head = (self._chain.seq, self._chain.head)

    def _announce(self, write: Write) -> None:
        self.hub.publish(write.items, scopes_changed=write.scopes_changed)
        if self.upward is not None and write.news:
            self.upward(write.news)
        if self.outward is not None and write.exported:
            self.outward()

    def _close(self) -> None:
        self._readers.close()
        self._writer.submit(self._seal).result()
        self._writer.close()
        self._database.close()
        self._held.close()

    def _seal(self) -> None:
        with self._database.transaction() as database:
            close_segment(database, self._key, at_ns=self.clock.now_ns(), force=True)
