"""The store thread: it alone writes the spool and the store, in the loop's order.

Work is taken in groups. A group that bears a transition, or that is asked to, is synced and
committed: first the spool reaches the disk, then alarm states, journal, outbox and the spool
position they were computed to are committed in one transaction, then the loop is told, and only
then are messages acknowledged.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.alarms.desk import Transition
from gateway.db import Database, StoreBrokenError, StoreFullError
from gateway.journal import digest
from gateway.northbound.losses import Hole
from gateway.northbound.spool_writer import Spool
from gateway.roles.edge import untold
from gateway.roles.edge.rows import set_position, write_holes, write_snapshot, write_transitions
from gateway.roles.edge.standstill import Own
from gateway.roles.edge.storing import Reserve, Storing
from gateway.roles.edge.witness import Witness
from gateway.roles.edge.work import Committed, Work

#: Groups of work that may wait; beyond it the broker is made to wait.
QUEUE_LENGTH: Final = 2000
GROUP: Final = 256
#: Readings are gathered this long before they are handed to the thread, s.
GATHER_S: Final = 0.02
LOST: Final = "the store is lost; the node runs on memory"


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
    holes
        Where the spool was found to hold nothing, which the first events tell.
    witness
        Notes how far the journal has come, or None.
    committed, troubled
        Called on the event loop: what became durable; and what went wrong, once each time
        ("full", "sound"; or "spent" where the reserve is full too, or "lost", each with the error's
        text, after which nothing more is written).
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
        holes: Iterable[Hole] = (),
        witness: Witness | None = None,
        committed: Callable[[Committed], None],
        troubled: Callable[[str, str], None],
    ) -> None:
        self.database = database
        self.busy_since = 0.0
        self.own = Own()
        self._reserve = Reserve(reserve, reserve_bytes)
        self._storing = Storing(spool, self._reserve, troubled=self._trouble, holes=holes)
        self._key = key
        self._destinations = tuple(destinations)
        self._witness = witness
        self._committed = committed
        self._troubled = troubled
        self._queue: deque[tuple[float, Work | None]] = deque()
        self._bell = threading.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._oldest = 0.0
        # Each is moved by one thread alone.
        self._bytes_in = 0
        self._bytes_out = 0
        self._shed_in = 0
        self._shed_out = 0
        self._loop = asyncio.get_running_loop()
        self._accepted = 0
        self._end_told = 0
        self._lost = False
        self._finished = False
        self._abandoned = False
        self._answers: set[asyncio.Future[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Let the thread end when it has written what was handed over, and synced."""
        self._finished = True
        self._queue.append((0.0, None))
        self._bell.set()

    def abandon(self) -> None:
        """Wait no longer for a disk that does not answer.

        Whoever waits for an answer is given none. If the disk does answer, what was handed over is
        written all the same; nobody is told, and the store is closed.
        """
        self._abandoned = True
        self.finish()
        for answer in tuple(self._answers):
            if not answer.done():
                answer.set_exception(StoreBrokenError(LOST))

    @property
    def ended(self) -> bool:
        """Whether the thread runs no more."""
        return not self._thread.is_alive()

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

    def shed(self, readings: int) -> None:
        """Take so many readings as shed before they came here: the next commit counts them."""
        self._shed_in += readings

    def _ring(self) -> None:
        self._gathering = None
        self._bell.set()

    async def act(self, act: Callable[[Database], Any]) -> Any:
        """Do something with the store in the store's thread and return its result.

        Raises
        ------
        StoreBrokenError
            The store is lost, or nobody writes it any more.
        """
        if self._lost or self._finished:
            raise StoreBrokenError(LOST)
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)
        self.submit(Work(act=act, answer=answer))
        return await answer

    def _run(self) -> None:
        self.own.begin()
        ended = False
        try:
            self.busy_since = time.monotonic()
            self._reserve.keep()
        except BaseException as error:
            self._lose(_Group(), error)
        self.busy_since = 0.0
        while not ended:
            try:
                self._bell.wait()
                self._bell.clear()
                while self._queue and not ended:
                    ended = self._take_group()
            except BaseException as error:
                # Whatever would end this thread: a store that nobody writes to is a lost one.
                self._lose(_Group(), error)
        if not self._lost:
            self._storing.close()
        if self._witness is not None:
            self._witness.close()
        if self._abandoned:
            self.database.close()

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
        except BaseException as error:
            self._lose(group, error)
        self.busy_since = 0.0
        return ended

    def _write(self, group: _Group, *, last: bool) -> None:
        for work in group.work:
            if work.blob:
                self._storing.append(work.blob, work.position, readings=work.readings)
            self._accepted = max(self._accepted, work.accepted)
            self._bytes_out += len(work.blob)
        if not (group.urgent or last):
            return
        self._storing.sync()
        transitions = [t for work in group.work for t in work.transitions]
        try:
            self._commit(group, transitions)
        except StoreFullError as error:
            # The reserve is what alarms are committed into when nothing else is left.
            self._storing.filled(str(error))
            self._commit(group, transitions)
        waited, self._oldest = time.monotonic() - self._oldest, 0.0
        made = tuple(
            (work.received_ns, len(work.transitions))
            for work in group.work
            if work.transitions and work.received_ns
        )
        head = None
        if transitions:
            head = (transitions[-1].event.seq, digest(transitions[-1].entry))
            if self._witness is not None:
                self._witness.note(*head)
        done = Committed(
            self._accepted,
            len(transitions),
            self._storing.take_shed(),
            waited,
            made,
            head,
        )
        self._tell(self._committed, done)
        for work in group.work:
            self._do(work)

    def _commit(self, group: _Group, transitions: Sequence[Transition]) -> None:
        end, passed_over = self._storing.end, self._shed_in
        shed = {untold.FULL: self._storing.shed, untold.SLOW: passed_over - self._shed_out}
        snapshots = [work for work in group.work if work.snapshot is not None]
        with self.database.transaction():
            write_transitions(self.database, transitions, self._destinations, self._key)
            if end > self._end_told:
                set_position(self.database, end)
            write_holes(self.database, self._storing.holes())
            untold.settle(self.database, shed, transitions)
            for work in snapshots:
                write_snapshot(
                    self.database, work.position, work.snapshot or b"", made_ns=work.made_ns
                )
        self._end_told = end
        self._shed_out = passed_over
        self._storing.forget_holes()
        if transitions:
            self.database.notify("outbox")

    def _do(self, work: Work) -> None:
        if work.act is None or (self._abandoned and work.answer is not None):
            return  # whoever asked has been told that it was not done
        try:
            result = work.act(self.database)
        except StoreBrokenError as error:
            self._answer(work, error)
            raise
        except StoreFullError as error:
            self._answer(work, error)
            self._storing.filled(str(error))
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
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        self._tell(settle)

    def _lose(self, group: _Group, error: BaseException) -> None:
        self._lost = True
        self._abandon(group)
        self._trouble(
            "spent" if isinstance(error, StoreFullError) else "lost", str(error) or repr(error)
        )

    def _abandon(self, group: _Group) -> None:
        for work in group.work:
            self._bytes_out += len(work.blob)
            self._answer(work, StoreBrokenError(LOST))

    def _trouble(self, what: str, reason: str) -> None:
        self._tell(self._troubled, what, reason)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        def tell() -> None:
            if not self._abandoned:
                what(*arguments)

        try:
            self._loop.call_soon_threadsafe(tell)
        except RuntimeError:
            return  # the loop has ended: there is nobody left to tell
