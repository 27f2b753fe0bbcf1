"""The store thread: it alone writes the spool and the store, in the loop's order.

Work is taken in groups. A group that bears a transition, or that is asked to, is synced and
committed: first the spool reaches the disk, then alarm states, journal, outbox and the spool
position they were computed to are committed in one transaction, then the loop is told, and only
then are messages acknowledged.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.alarms import store as alarm_store
from gateway.alarms.desk import Transition
from gateway.db import Database, StoreBrokenError, StoreFullError
from gateway.journal import close_segment, write_entries
from gateway.northbound import outbox
from gateway.northbound.spool import Spool

#: Groups of work that may wait; beyond it the broker is made to wait.
QUEUE_LENGTH: Final = 2000
GROUP: Final = 256
#: Readings are gathered this long before they are handed to the thread, s.
GATHER_S: Final = 0.02
#: Segments of spool are tried again this often while the disk is full, s.
RETRY_FULL_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the loop hands over at once.

    Parameters
    ----------
    blob, position
        Spool records, and where they begin.
    readings
        How many readings the blob holds: what is lost when it must be shed.
    transitions
        Events that these readings made; they are journalled and sent.
    received_ns
        When the messages came that made the transitions; 0 where none did.
    accepted
        How many messages had been accepted since the start: those may be acknowledged once this
        is durable.
    sync
        Make it durable now.
    snapshot
        State of the engine after everything before this work, at `position`.
    act
        Something else to do with the store, in a transaction of its own.
    """

    blob: bytes = b""
    position: int = 0
    readings: int = 0
    transitions: tuple[Transition, ...] = ()
    received_ns: int = 0
    accepted: int = 0
    sync: bool = False
    snapshot: bytes | None = None
    act: Callable[[Database], Any] | None = None
    answer: asyncio.Future[Any] | None = None

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it to be durable."""
        return bool(
            self.sync or self.transitions or self.snapshot is not None or self.act is not None
        )


@dataclass(frozen=True, slots=True)
class Committed:
    """What became durable: messages accepted so far, events written, readings shed.

    `seconds` is how long the oldest work of it had waited; `made` are pairs of when a message came
    and how many events it made.
    """

    accepted: int
    events: int
    shed: int
    seconds: float
    made: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Group:
    work: list[Work] = field(default_factory=list)

    @property
    def urgent(self) -> bool:
        return any(work.urgent for work in self.work)


class Committer:
    """The store thread and its queue.

    Parameters
    ----------
    database, spool
        The open store; `spool` is None for a store in memory.
    key
        Signs the journal's segments.
    reserve
        File of the room kept back for a full disk, or None.
    destinations
        Receivers, each with an outbox of its own.
    committed, troubled
        Called on the event loop: what became durable; and what went wrong, once each time
        ("full", "sound", or "lost" with the error's text, after which nothing more is written).
    """

    def __init__(
        self,
        database: Database,
        spool: Spool | None,
        *,
        key: Ed25519PrivateKey,
        reserve: Path | None,
        reserve_bytes: int,
        destinations: Sequence[str],
        committed: Callable[[Committed], None],
        troubled: Callable[[str, str], None],
    ) -> None:
        self.database = database
        self.busy_since = 0.0
        self._spool = spool
        self._key = key
        self._reserve = reserve
        self._reserve_bytes = reserve_bytes
        self._destinations = tuple(destinations)
        self._committed = committed
        self._troubled = troubled
        self._queue: deque[tuple[float, Work | None]] = deque()
        self._bell = threading.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._oldest = 0.0
        # Each is moved by one thread alone.
        self._bytes_in = 0
        self._bytes_out = 0
        self._loop = asyncio.get_running_loop()
        self._accepted = 0
        self._end = 0
        self._end_told = 0
        self._shed = 0
        self._full_until = 0.0
        self._full = False
        self._lost = False
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Keep room back and begin."""
        self._keep_reserve()
        self._thread.start()

    def stop(self) -> None:
        """Finish what was handed over, sync, and end the thread."""
        self._queue.append((0.0, None))
        self._bell.set()
        self._thread.join(timeout=30)

    @property
    def waiting(self) -> int:
        """Pieces of work not yet taken up."""
        return len(self._queue)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of spool records not yet written."""
        return self._bytes_in - self._bytes_out

    def submit(self, work: Work) -> None:
        """Hand over, on the event loop; never blocks.

        What nobody waits for is gathered for a moment: waking the thread costs both of them more
        than the work.
        """
        self._bytes_in += len(work.blob)
        self._queue.append((time.monotonic(), work))
        if work.urgent:
            self._bell.set()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_S, self._ring)

    def _ring(self) -> None:
        self._gathering = None
        self._bell.set()

    async def act(self, act: Callable[[Database], Any]) -> Any:
        """Do something with the store in the store's thread and return its result."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self.submit(Work(act=act, answer=answer))
        return await answer

    def _run(self) -> None:
        ended = False
        while not ended:
            self._bell.wait()
            self._bell.clear()
            while self._queue and not ended:
                ended = self._take_group()
        if self._spool is not None and not self._lost:
            self._spool.close()

    def _take_group(self) -> bool:
        """Write a group of the work that waits; return whether it was the last."""
        group = _Group()
        ended = False
        while self._queue and len(group.work) < GROUP and not ended:
            since, work = self._queue.popleft()
            if work is None:
                ended = True
            else:
                self._oldest = self._oldest or since
                group.work.append(work)
        if self._lost:
            self._abandon(group)
            return ended
        self.busy_since = time.monotonic()
        try:
            self._write(group, last=ended)
        except Exception as error:
            self._lost = True
            self._abandon(group)
            self._tell(self._troubled, "lost", str(error))
        self.busy_since = 0.0
        return ended

    def _write(self, group: _Group, *, last: bool) -> None:
        for work in group.work:
            if work.blob:
                self._append(work)
                self._end = work.position + len(work.blob)
            self._accepted = max(self._accepted, work.accepted)
            self._bytes_out += len(work.blob)
        if not (group.urgent or last):
            return
        if self._spool is not None and not self._full:
            self._spool.sync()
        transitions = [t for work in group.work for t in work.transitions]
        try:
            self._commit(group, transitions)
        except StoreFullError as error:
            # The reserve is what alarms are committed into when nothing else is left.
            self._filled(str(error))
            self._commit(group, transitions)
        shed, self._shed = self._shed, 0
        waited, self._oldest = time.monotonic() - self._oldest, 0.0
        made = tuple(
            (work.received_ns, len(work.transitions))
            for work in group.work
            if work.transitions and work.received_ns
        )
        done = Committed(self._accepted, len(transitions), shed, waited, made)
        self._tell(self._committed, done)
        for work in group.work:
            self._do(work)

    def _append(self, work: Work) -> None:
        spool = self._spool
        if spool is None:
            return
        if self._full and not self._room_again():
            self._shed += work.readings
            return
        try:
            spool.append(work.blob, work.position)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            self._shed += work.readings
            self._filled(str(error))
            return
        if self._full:
            self._full = False
            self._tell(self._troubled, "sound", "")

    def _filled(self, reason: str) -> None:
        self._release_reserve()
        self._full_until = time.monotonic() + RETRY_FULL_S
        if not self._full:
            self._full = True
            self._tell(self._troubled, "full", reason)

    def _commit(self, group: _Group, transitions: Sequence[Transition]) -> None:
        database = self.database
        with database.transaction():
            if transitions:
                entries = [(t.event.seq, t.entry) for t in transitions]
                write_entries(database, entries)
                outbox.append(database, entries, self._destinations)
                alarm_store.save(database, transitions)
                close_segment(database, self._key, at_ns=transitions[-1].event.received_ns)
            if self._end > self._end_told:
                set_position(database, self._end)
            for work in group.work:
                if work.snapshot is not None:
                    database.execute(
                        "INSERT INTO snapshot (id, position, body, made_ns) VALUES (1, ?, ?, ?) "
                        "ON CONFLICT (id) DO UPDATE SET position = excluded.position, "
                        "body = excluded.body, made_ns = excluded.made_ns",
                        (work.position, work.snapshot, time.time_ns()),
                    )
        self._end_told = self._end
        if transitions:
            database.notify("outbox")

    def _do(self, work: Work) -> None:
        if work.act is None:
            return
        try:
            result = work.act(self.database)
        except StoreBrokenError as error:
            self._answer(work, error)
            raise
        except StoreFullError as error:
            self._answer(work, error)
            self._filled(str(error))
            return
        except Exception as error:  # the caller's mistake, not the store's
            self._answer(work, error)
            return
        self._answer(work, result)

    def _answer(self, work: Work, result: object) -> None:
        future = work.answer
        if future is None:
            return

        def settle() -> None:
            if future.cancelled():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        self._tell(settle)

    def _abandon(self, group: _Group) -> None:
        for work in group.work:
            self._bytes_out += len(work.blob)
            self._answer(work, StoreBrokenError("the store is lost; the node runs on memory"))

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:
            return  # the loop has ended: there is nobody left to tell

    def _room_again(self) -> bool:
        """Whether readings may be stored: only when the reserve can be kept back beside them.

        Room that the reserve has just given is the alarms', not the readings'.
        """
        if time.monotonic() < self._full_until:
            return False
        self._full_until = time.monotonic() + RETRY_FULL_S
        return self._keep_reserve()

    def _keep_reserve(self) -> bool:
        """Keep room back; return whether it is there."""
        if self._reserve is None or self._reserve.exists():
            return True
        try:
            handle = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._reserve_bytes)
            finally:
                os.close(handle)
        except OSError:
            # No room even for the reserve: the first full commit will say so.
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def _release_reserve(self) -> None:
        if self._reserve is not None:
            self._reserve.unlink(missing_ok=True)


def set_position(database: Database, position: int) -> None:
    """Write the spool position that alarm states were computed to; inside their transaction."""
    database.execute(
        "INSERT INTO position (name, value) VALUES ('spool', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (position,),
    )
