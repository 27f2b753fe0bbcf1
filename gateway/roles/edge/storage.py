"""The store of a running edge, and how it goes on when the disk does not (DESIGN: Store trouble).

A disk that hangs is "storage slow": messages are acknowledged from bounded memory and counted. A
full one is "storage full": alarms are committed into the reserve, readings are shed and counted. A
store that fails makes the process execute itself anew, once; if it fails again, or one that hangs
does not come back, a store in memory begins a new life: "storage lost". Detection never stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gateway.alarms import store as alarm_store
from gateway.db import Database, StoreError
from gateway.identity import Identity, random_bits
from gateway.journal import Chain
from gateway.model import Clock
from gateway.northbound import dead_letters, outbox
from gateway.northbound.exports.rows import PREFIX
from gateway.northbound.settings import StoreSettings
from gateway.northbound.spool_writer import Spool
from gateway.observe import Metrics, log
from gateway.roles.edge import memory_life, untold
from gateway.roles.edge.committer import QUEUE_LENGTH, Committer
from gateway.roles.edge.disk_again import ask_again, failures
from gateway.roles.edge.folding import Folding
from gateway.roles.edge.line import Line
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.edge.recovery import Opened, memory_store
from gateway.roles.edge.snapshot_keeping import SnapshotKeeping
from gateway.roles.edge.standstill import LeftAlone, Stillness
from gateway.roles.edge.witness import Witness
from gateway.roles.edge.work import Committed, Work
from gateway.southbound.mqtt import BrokerSession
from gateway.tasks import stands_beside

#: A sync that has not come back after this is slow storage.
SLOW_S: Final = 0.5
#: A disk that has not moved for this long is left alone: until then no alarm leaves the site.
HUNG_S: Final = 90.0
#: Why a node on memory starts anew.
BACK: Final = "the disk takes a store again"
#: With this begins why it starts anew after its store failed.
FAILED: Final = "the store failed: "
MEBIBYTE: Final = 1024 * 1024
#: Spool records that may wait in memory while the disk hangs.
WAITING_BYTES: Final = 64 * MEBIBYTE
#: Alarms about a disk that the node runs on; of its room somebody else tells (`room`).
OF_A_DISK: Final = ("storage_full", "storage_slow", "storage_held")
LOG = log("roles.edge.storage")


class Storage:
    """The store thread of a node and what the node does about its disk.

    Parameters
    ----------
    folder, settings
        Of the store.
    opened
        What recovery opened.
    node
        Its id.
    destinations
        Receivers, each with an outbox of its own.
    own
        The node's own alarms.
    again
        Called when the store fails for the first time; the process then executes itself anew.
    filled
        Told, in the store thread, when an outbox was filled.
    alone
        Notes what stands in calls that nobody waits for any more.
    """

    def __init__(
        self,
        folder: Path,
        settings: StoreSettings,
        opened: Opened,
        *,
        node: str,
        destinations: Sequence[str],
        own: OwnAlarms,
        clock: Clock,
        metrics: Metrics,
        again: Callable[[str], None],
        filled: Callable[[str], None],
        alone: LeftAlone,
    ) -> None:
        self.identity = Identity(node, opened.life, random_bits())
        self.key = opened.key
        #: Number and hash of the last event that is durable: what may be said of the journal.
        self.head = (0, "")
        self._folder = folder
        self._settings = settings
        self._destinations = tuple(destinations)
        self._own = own
        self._clock = clock
        self._metrics = metrics
        self._again = again
        self._filled = filled
        self.alone = alone
        self._stillness = Stillness()
        self._line: Line
        self._session: BrokerSession
        self._slow = False
        #: Whether it failed for the first time: the node is about to end.
        self.failed = False
        self._asked = False
        # Kept while the node runs, on whatever store.
        self._held = opened.held
        self._lent, self._lent_to = 0, 0
        self._shed = 0
        self._cost = untold.FullDisk(self.shed, clock=clock)
        self._full = False
        #: Of the engine.
        self.snapshots = SnapshotKeeping(
            folder, clock=clock, committer=lambda: self._committer, may_keep=lambda: self._may_keep
        )
        self._folding = Folding(
            committer=lambda: self._committer,
            may_fold=lambda: self.answers,
            held=self._tell_held,
            failed=self._fold_failed,
        )
        self._use(opened)

    @property
    def spool(self) -> Spool | None:
        """The spool, or None on a store in memory."""
        return self._opened.spool

    @property
    def answers(self) -> bool:
        """Whether the store's thread can be asked something now, on whatever store."""
        return not self._slow and not self.failed

    @property
    def _may_keep(self) -> bool:
        """Whether a snapshot can be written beside the store."""
        return self.answers and not self._full and self.spool is not None

    async def drained(self) -> bool:
        """Whether the node runs on memory, and nothing that stands there alone would be lost."""
        if self._opened.spool is not None or self._line.holds_something:
            return False
        if self.alone.any or stands_beside():
            return False  # what hangs would keep the store from the next process
        return not await self.act(
            lambda database: (
                dead_letters.count(database)
                + sum(outbox.waiting(database, name) for name in self._destinations)
            )
        )

    async def come_back(self) -> None:
        """Go back to the disk by a new start, when it takes a store again."""
        await ask_again(
            self._folder,
            room_bytes=self._settings.reserve_mib * MEBIBYTE,
            held=self._held is not None,
            may_go=self.drained,
            go=self._go_back,
        )

    async def _go_back(self) -> bool:
        # An export holds no journal: where nobody above does, the only one is in this memory.
        if any(not name.startswith(PREFIX) for name in self._destinations):
            self._again(BACK)
            return True
        seq = self._line.desk.chain.seq
        try:
            kept = await memory_life.keep(self._folder, self.identity.life, self.act)
        except (OSError, StoreError) as error:
            LOG.warning("the disk does not take the journal of this life", reason=str(error))
            return False
        if self._line.desk.chain.seq != seq or not await self.drained():
            return False
        self._again(f"{BACK}; {kept}")
        return True

    def start(self, line: Line, session: BrokerSession) -> None:
        """Begin to write, for this line and this session."""
        self._line, self._session = line, session
        self._committer.start()

    async def stop(self) -> None:
        """Finish what was handed over, and close, as long as the disk answers."""
        committer = self._committer
        committer.finish()
        with suppress(TimeoutError):
            if await self.alone.wait(lambda: committer.ended, lambda: committer.own.used_ns):
                await self.alone.run(self._close)
        if self.alone.any:
            LOG.warning("the disk does not answer; the store is left as it is")

    def _close(self) -> None:
        if not self.failed:  # else it would fold its log into a file that the disk has refused
            self._committer.database.close()
        if self._held is not None:
            self._held.close()

    def submit(self, work: Work) -> None:
        """Hand over to the store thread; never blocks.

        While the disk hangs, readings that no longer fit into the memory set aside for them are
        shed and counted; alarms always fit.
        """
        if (
            work.blob
            and not work.transitions
            and self._slow
            and self._committer.waiting_bytes > WAITING_BYTES
        ):
            self._shed += work.readings
            self._committer.shed(work.readings)
            self._metrics.shed.inc(work.readings)
            return
        self._committer.submit(work)

    async def act(self, act: Callable[[Database], Any]) -> Any:
        """Do something with the store in its thread and return the result."""
        return await self._committer.act(act)

    def tell(self) -> None:
        """Raise or clear the storage alarms as the store was found at the start."""
        lost = self._opened.spool is None
        self._metrics.store_trouble.set(3 if lost else 0)
        rules = ("storage_lost",) if lost else ("storage_lost", *OF_A_DISK)
        self._line.detected([self._own.edge(rule, active=lost) for rule in rules])

    def delivered(self) -> None:
        """Decide about messages just taken: lend their durability, or make the broker wait."""
        if self._slow:
            self._lend()
        elif self._committer.waiting > QUEUE_LENGTH:
            self._session.pause()

    def shed(self, count: int, why: str) -> None:
        """Write a durable event that counts what was not kept."""
        now = self._clock.now_ns()
        self._line.emit(
            [self._line.desk.note("shed", now_ns=now, detail={"count": count, "why": why})]
        )

    async def watch(self) -> None:
        """Notice storage that hangs, for ever, and go on without it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.1)
            self._folding.look()
            since = self._committer.busy_since
            if not self._slow and since and loop.time() - since > SLOW_S:
                self._slow = True
                LOG.warning("storage is slow; acknowledging from memory")
                self._metrics.store_trouble.set(1)
                self._line.detected([self._own.edge("storage_slow", active=True)])
                self._lend()
                self._session.resume()
            elif self._slow and not since and not self._asked:
                # Nobody asks for a sync while messages are lent: ask, to see whether it answers.
                self._asked = True
                self._committer.submit(Work(sync=True))
            self._notice_standstill(busy=bool(since))

    def _notice_standstill(self, *, busy: bool) -> None:
        """Go on without a disk that a sync, or whatever else, does not come back from.

        A store in memory waits for none, whatever it was asked by mistake: one that stands is left
        alone for another, and yet another life.
        """
        if not busy:
            self._stillness = Stillness()
        elif self._stillness.look(self._committer.own.used_ns) >= HUNG_S:
            committer = self._committer
            self.alone.add(lambda: committer.ended)
            committer.abandon()
            self._lost(f"the disk has not answered for {HUNG_S:g} s", anew=False)

    def _tell_held(self, held: bool) -> None:  # noqa: FBT001
        self._line.detected([self._own.edge("storage_held", active=held)])

    def _fold_failed(self, committer: Committer, reason: str) -> None:
        if committer is self._committer and not self.failed:
            self._troubled("lost", reason)

    def _use(self, opened: Opened) -> None:
        on_disk = opened.spool is not None
        self._opened = opened
        self.head = alarm_store.head(opened.database)

        # Of a store that was given up nothing more is heard, whatever its thread still does.
        def durable(done: Committed) -> None:
            if self._committer is made:
                self._durable(done)

        def troubled(what: str, reason: str) -> None:
            if self._committer is made:
                self._troubled(what, reason)

        made = self._committer = Committer(
            opened.database,
            opened.spool,
            key=self.key,
            reserve=self._folder / "reserve" if on_disk else None,
            reserve_bytes=self._settings.reserve_mib * MEBIBYTE,
            destinations=self._destinations,
            holes=opened.holes,
            witness=Witness(self._folder, opened.life) if on_disk else None,
            committed=durable,
            troubled=troubled,
        )
        self._committer.database.listen(self._filled)

    def _durable(self, done: Committed) -> None:
        self._asked = False
        self._metrics.commit_seconds.observe(done.seconds)
        for received_ns, events in done.made:
            self._line.committed(events, received_ns)
        if done.shed:
            self._metrics.shed.inc(done.shed)
            self._cost.readings += done.shed
            # What the last full moment cost may be counted after the disk has room again.
            self._cost.tell(at_once=not self._full)
        self.head = done.head or self.head
        self._session.acknowledge(self._line.owed.durable(done.accepted))
        if self._committer.waiting < QUEUE_LENGTH // 2:
            self._session.resume()
        if self._slow and done.seconds < SLOW_S:
            # The disk answers in time again: what comes from now on waits for it.
            self._slow = False
            self._metrics.store_trouble.set(0)
            self._line.detected([self._own.edge("storage_slow", active=False)])
        if not self._slow and done.accepted >= self._lent_to:
            lent, self._lent = self._lent, 0
            shed, self._shed = self._shed, 0
            if lent:
                self.shed(lent, "acknowledged from memory, now stored")
            if shed:
                self.shed(shed, untold.SLOW)

    def _lend(self) -> None:
        """Acknowledge from memory: detection never stops for a disk that hangs."""
        self._lent += self._line.owed.waiting
        self._lent_to = self._line.owed.accepted
        self._session.acknowledge(self._line.owed.durable(self._line.owed.accepted))

    def _troubled(self, what: str, reason: str) -> None:
        if what == "full":
            LOG.error("the disk is full; readings are shed and counted", reason=reason)
            self._metrics.store_trouble.set(2)
            self._full = True
            self._line.detected([self._own.edge("storage_full", active=True)])
        elif what == "sound":
            LOG.info("the disk has room again")
            self._metrics.store_trouble.set(0)
            self._full = False
            self._cost.tell(at_once=True)
            self._line.detected([self._own.edge("storage_full", active=False)])
        else:
            self._lost(reason, anew=what == "lost")

    def _lost(self, reason: str, *, anew: bool) -> None:
        """Begin anew after the first failure; a new start makes no room on a full disk."""
        LOG.error("the store failed", reason=reason)
        if anew and failures() == 0:
            # Nothing more is written there, and the new start waits for no disk.
            self.failed = self.alone.failed = True
            self._again(FAILED + reason)
            return
        # A memory store, a new life, and everything that stands told anew.
        self._metrics.store_trouble.set(3)
        opened = memory_store(reason)
        self.identity = Identity(self.identity.node, opened.life, random_bits())
        self.key = opened.key
        self._use(opened)
        self._committer.start()
        desk = self._line.desk
        # Told by the clock as the line knows it: what the desk keeps of it moves with a later step.
        self._line.emit(desk.begin_life(Chain(self.identity), now_ns=self._line.looked_ns))
        # What else was told of that disk is over: nothing is waited for, stored or read there.
        self._slow = self._full = False
        self._folding.forget()
        over = [self._own.edge(rule, active=False) for rule in (*OF_A_DISK, "storage_low")]
        self._line.detected([self._own.edge("storage_lost", active=True), *over])
        self._cost.tell(at_once=True)
        self._lend()
        lent, self._lent = self._lent, 0
        if lent:
            self.shed(lent, "acknowledged from memory, lost with the store")
