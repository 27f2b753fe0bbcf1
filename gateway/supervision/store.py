"""The centre's store: one thread writes, a few read, and screens hear of a commit at once.

`Store.write` runs a piece of work as one transaction on the writer's thread: what it changes, the
own journal's entries and the feed items commit together or not at all. Only after the commit are
the items handed to the hub and the caller answered. Reads run beside it on connections of their
own, each in one snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from gateway import folders
from gateway.db import Database, lock
from gateway.identity import Identity, load_key, public_hex
from gateway.journal import GENESIS, close_segment
from gateway.model import NANOSECONDS, Clock
from gateway.supervision import filling, opening
from gateway.supervision.clock_step import SetClock
from gateway.supervision.feed import Hub
from gateway.supervision.news import NOBODY, News, Receivers
from gateway.supervision.readers import For, Readers
from gateway.supervision.write import Write
from gateway.supervision.writer import (
    BEGUN_S,
    SOONEST_S,
    BusyError,
    Lane,
    StillWritingError,
    TurnedAwayError,
    Turns,
    Writer,
)
from gateway.supervision.writing import Writing

WAITING_WRITES = 128
FILE = "centre.sqlite"

T = TypeVar("T")


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
        #: Whether a parent that is new is owed what came before; `filling` puts it out.
        self.fills = False
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
        #: How writing goes.
        self.writing = Writing(self._loop.time)
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
            Too many writes wait already, or one of this name does, or of the last lane others go
            before it; nothing was done.
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
        queued = self._writer.submit(lambda: self._transact(work, took), lane=lane)
        future = asyncio.wrap_future(queued)
        future.add_done_callback(lambda _: self._left(alone, lane, took))
        if lane is not Lane.BACKLOG:
            return await future
        # What is begun cannot be cancelled any more.
        late = self._loop.call_later(BEGUN_S, queued.cancel)
        try:
            return await future
        except asyncio.CancelledError:
            if late.when() > self._loop.time() or not queued.cancelled():
                raise
            raise TurnedAwayError(SOONEST_S) from None
        finally:
            late.cancel()

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

    async def prove(self) -> None:
        """Write something where nobody has for a while: else a disk in trouble is not noticed.

        Raises
        ------
        gateway.db.StoreError
            It was not taken.
        """
        if self.writing.unproven:
            await self.write(
                lambda write: opening.set_value(write.database, "proved", str(write.now_ns))
            )

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

    async def read(self, work: Callable[[Database], T], *, whom: For = For.PEOPLE) -> T:
        """Run `work` on a reader, which sees one committed state throughout.

        What alarms wait for is read for them, on a reader that no report of people keeps busy.
        """
        return await self._readers.run(work, whom=whom)

    def _open(self) -> None:
        folders.make(self.folder, mode=0o700)
        self._held = lock(self.folder)
        self._key = load_key(self.folder)
        self._database = Database(self.path, "centre")
        self.path.chmod(0o600)
        self.times = SetClock(self.clock)
        now_ns = self.clock.now_ns()
        with self._database.transaction() as database:
            self._chain, self._own, new = opening.chains(database, self.node)
            self.fills = filling.begin(database, parent=self._receivers.parent)
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
        self.writing.begin()
        try:
            with self._database.transaction() as database:
                at = self.times.look()
                write = Write(database, chain, at.now_ns, own=own, receivers=to, key=self._key)
                write.follow(at)
                result = work(write)
                write.finish(self._key)
        except BaseException as error:
            chain.seq, chain.head, own.seq, own.head = before
            self.writing.fail(error)
            raise
        else:
            self.writing.keep()
        finally:
            took.append((self.clock.monotonic_ns() - began_ns) / NANOSECONDS)
        self.times.moved(at)
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
        self._writer.submit(self._seal, lane=Lane.BACKLOG).result()
        self._writer.close()
        self._database.close()
        self._held.close()

    def _seal(self) -> None:
        with self._database.transaction() as database:
            close_segment(database, self._key, at_ns=self.clock.now_ns(), force=True)
