"""An edge, wired: built from right to left, started in that order, stopped in reverse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import __version__
from gateway.alarms.actions import Siren
from gateway.alarms.catalogue import node_alarms
from gateway.alarms.desk import Desk, Transition
from gateway.db import Database
from gateway.identity import Identity, load_key, random_bits
from gateway.journal import Chain, close_segment
from gateway.model import NANOSECONDS, Clock, Detection, State
from gateway.northbound import wire
from gateway.northbound.spool import Configuration
from gateway.northbound.summary import PERIOD_NS, Summaries
from gateway.northbound.uplink import Source
from gateway.observe import Metrics, log
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch
from gateway.roles.edge.committer import QUEUE_LENGTH, Committed, Committer, Work
from gateway.roles.edge.inventory import inventory_of
from gateway.roles.edge.line import Line
from gateway.roles.edge.orders import OrderDesk
from gateway.roles.edge.pacing import Pacing
from gateway.roles.edge.recovery import Opened, newest, open_store, take_up
from gateway.roles.edge.site import Site
from gateway.roles.edge.upward import PARENT, Above, LocalScreen, Upward
from gateway.southbound.ingest import Ingest
from gateway.southbound.liveness import Liveness
from gateway.southbound.mqtt import BrokerSession, Message

#: A sync that has not come back after this is slow storage (DESIGN: "Store trouble").
SLOW_S: Final = 0.5
SNAPSHOT_S: Final = 60.0
#: A broker that does not answer for this long after the start is away: the clock runs without it.
FIRST_CONTACT_NS: Final = 10 * NANOSECONDS
#: Where a process that re-executes itself counts its store's failures: not on the disk that failed.
FAILURES: Final = "HAZGATE_STORE_FAILURES"
MEBIBYTE: Final = 1024 * 1024
LOG = log("roles.edge")


class StoreFailedError(Exception):
    """The store failed for the first time in this process: it is to be executed again."""


class EdgeNode:
    """One running edge.

    Parameters
    ----------
    site
        Checked and bound.
    clock
        The node's time.
    again
        Called when the store fails for the first time; the process then executes itself anew.
    """

    def __init__(self, site: Site, *, clock: Clock, again: Callable[[str], None]) -> None:
        self.site = site
        self.clock = clock
        self.metrics = Metrics()
        self.plant = site.plant
        self.line: Line
        self.desk: Desk
        self.session: BrokerSession
        self._again = again
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._definitions = (
            *self.plant.definitions,
            *node_alarms(self.plant.node, self.plant.division),
        )
        self._rows = {each.alarm: n for n, each in enumerate(self._definitions)}
        self._broker_reason = ""
        self._met = False
        self._started_ns = clock.monotonic_ns()
        self._lent = 0
        self._lent_to = 0
        self._slow = False
        self._committer: Committer
        self._opened: Opened
        self._identity: Identity

    async def __aenter__(self) -> Self:
        settings = self.site.settings
        failures = int(os.environ.get(FAILURES, "0"))
        memory = "the store failed again after a new start" if failures > 1 else ""
        opened = await asyncio.to_thread(
            open_store, self.site.folder, clock=self.clock, memory=memory
        )
        self._opened = opened
        self._identity = Identity(self.plant.node, opened.life, random_bits())
        engine = Engine(self.plant)
        await asyncio.to_thread(engine.warm_up)
        self.desk, pending, ran = await asyncio.to_thread(
            partial(
                take_up,
                opened,
                engine,
                self._definitions,
                self._identity,
                now_ns=self.clock.now_ns(),
            )
        )
        engine.align({alarm: status.active for alarm, status in self.desk.statuses.items()})
        LOG.info("engine ready", records=ran, uncommitted=len(pending), life=opened.life)
        receivers = await self._receivers()
        self._destinations = [above.name for above in receivers]
        self._build(engine)
        for batch in newest(opened, engine):
            self.line.ingest.remember(batch)
        self.upward = self._go_up(receivers)
        self._committer.database.listen(self.upward.outbox_filled)
        self._committer.start()
        self._first_events(pending, ran=ran)
        await self._stack.enter_async_context(self.upward)
        broker = settings.broker
        self.session = BrokerSession(
            broker,
            node=self.plant.node,
            filters=self.line.ingest.router.filters,
            clock=self.clock,
            deliver=self._deliver,
            changed=self._broker_changed,
        )
        await self._stack.enter_async_context(self.session)
        for name, task in (
            ("seconds", self._seconds()),
            ("watch", self._watch()),
            ("orders", self._local_orders()),
        ):
            self._tasks.append(asyncio.create_task(task, name=name))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        if kind is None or not issubclass(kind, StoreFailedError):
            self.line.snapshot()
        await asyncio.to_thread(self._committer.stop)
        self._committer.database.close()

    async def failed(self) -> None:
        """Wait for ever, or raise what a task of the node died of."""
        await asyncio.gather(*self._tasks)

    def _build(self, engine: Engine) -> None:
        settings = self.site.settings
        folder = self.site.folder
        on_disk = self._opened.spool is not None
        key = load_key(folder) if on_disk else Ed25519PrivateKey.generate()
        self._key = key
        self._committer = Committer(
            self._opened.database,
            self._opened.spool,
            key=key,
            reserve=folder / "reserve" if on_disk else None,
            reserve_bytes=settings.store.reserve_mib * MEBIBYTE,
            destinations=self._destinations,
            committed=self._durable,
            troubled=self._troubled,
        )
        standing = {
            definition.tag
            for definition in self.plant.definitions[self.plant.silence_row :]
            if self.desk.status(definition.alarm).active
        }
        self.summaries = Summaries([point.tag for point in self.plant.points])
        stated = settings.broker.receive_maximum if settings.broker.version == "5" else None
        self.line = Line(
            engine=engine,
            desk=self.desk,
            ingest=Ingest(self.plant, self.metrics),
            liveness=Liveness(self.plant, standing),
            siren=Siren(self._send_siren),
            summaries=self.summaries,
            pacing=Pacing(stated),
            submit=self._committer.submit,
            observed=self._observed,
            clock=self.clock,
            metrics=self.metrics,
            position=self._opened.spool.position if self._opened.spool else 0,
            configuration=Configuration(
                hash=self.site.hash, tags=[point.tag for point in self.plant.points]
            ),
            identity=self._identity,
            held=self._held,
        )
        self.line.liveness.begin(self.clock.now_ns())
        self.orders = OrderDesk(self.line, clock=self.clock, readings=self._readings)

    def _first_events(self, pending: Sequence[Transition], *, ran: int) -> None:
        now = self.clock.now_ns()
        start = self.desk.note(
            "start",
            now_ns=now,
            detail={"version": __version__, "configuration": self.site.hash, "spool_records": ran},
        )
        first = [*pending, start, *self.desk.retire(now_ns=now)]
        self.line.start(first, resumed=bool(pending))
        if self._opened.spool is None:
            self.metrics.store_trouble.set(3)
            self.line.detected([self._own("storage_lost", active=True)])
        else:
            self.line.detected(
                [self._own(rule, active=False) for rule in
                 ("storage_lost", "storage_full", "storage_slow")]
            )  # fmt: skip

    def _go_up(self, receivers: Sequence[Above]) -> Upward:
        source = Source(
            identity=lambda: self._identity,
            present=self._present,
            inventory=inventory_of(self.site),
            status=self._status,
            store=self._on_store,
            anchored=self._anchored,
        )
        return Upward(
            receivers,
            folder=self.site.folder,
            source=source,
            carry_out=self.orders.take,
            clock=self.clock,
            metrics=self.metrics,
        )

    async def _on_store(self, act: Callable[[Database], Any]) -> Any:
        # The committer of a lost store is replaced by another.
        return await self._committer.act(act)

    async def _receivers(self) -> list[Above]:
        """Return parent and screen, as far as the site has them; the screen is started here."""
        settings = self.site.settings
        receivers = [Above(PARENT, settings.parent)] if settings.parent else []
        if settings.screen is not None:
            screen = LocalScreen(
                settings.screen,
                node=settings.node.id,
                name=settings.node.name or settings.node.id,
                division=settings.node.division,
                folder=self.site.folder,
            )
            await self._stack.enter_async_context(screen)
            receivers.append(screen.above)
        return receivers

    def _deliver(self, messages: Sequence[Message]) -> None:
        self.line.take(messages)
        if self._slow:
            self._lend()
        if self._committer.waiting > QUEUE_LENGTH and not self._slow:
            self.session.pause()

    def _durable(self, done: Committed) -> None:
        if done.shed:
            self.metrics.shed.inc(done.shed)
            self.line.emit([self._shed_event(done.shed, "storage full")])
        self.session.acknowledge(self.line.durable(done.accepted))
        if self._committer.waiting < QUEUE_LENGTH // 2:
            self.session.resume()
        if self._slow and done.accepted >= self._lent_to:
            self._slow = False
            self.metrics.store_trouble.set(0)
            lent, self._lent = self._lent, 0
            if lent:
                self.line.emit([self._shed_event(lent, "acknowledged from memory, now stored")])
            self.line.detected([self._own("storage_slow", active=False)])

    def _lend(self) -> None:
        """Acknowledge from memory: detection never stops for a disk that hangs."""
        messages = self.line.durable(self.line.accepted)
        self._lent += len(messages)
        self._lent_to = self.line.accepted
        self.session.acknowledge(messages)

    def _shed_event(self, count: int, why: str) -> Transition:
        return self.desk.note(
            "shed", now_ns=self.clock.now_ns(), detail={"count": count, "why": why}
        )

    def _troubled(self, what: str, reason: str) -> None:
        if what == "full":
            LOG.error("the disk is full; readings are shed and counted", reason=reason)
            self.metrics.store_trouble.set(2)
            self.line.detected([self._own("storage_full", active=True)])
        elif what == "sound":
            LOG.info("the disk has room again")
            self.metrics.store_trouble.set(0)
            self.line.detected([self._own("storage_full", active=False)])
        else:
            self._lost(reason)

    def _lost(self, reason: str) -> None:
        LOG.error("the store failed", reason=reason)
        if int(os.environ.get(FAILURES, "0")) == 0:
            self._again(reason)
            return
        # Second failure: a memory store, a new life, and everything that stands told anew.
        self.metrics.store_trouble.set(3)
        self._opened = open_store(self.site.folder, clock=self.clock, memory=reason)
        self._identity = Identity(self.plant.node, self._opened.life, random_bits())
        self._key = Ed25519PrivateKey.generate()
        self._committer = Committer(
            self._opened.database,
            None,
            key=self._key,
            reserve=None,
            reserve_bytes=0,
            destinations=self._destinations,
            committed=self._durable,
            troubled=self._troubled,
        )
        self._committer.database.listen(self.upward.outbox_filled)
        self._committer.start()
        self.line.submit = self._committer.submit
        self.line.emit(self.desk.begin_life(Chain(self._identity), now_ns=self.clock.now_ns()))
        self.line.detected([self._own("storage_lost", active=True)])
        self._lend()
        self._lent = 0

    def _own(self, rule: str, *, active: bool) -> Detection:
        now = self.clock.now_ns()
        row = self._rows[f"{self.plant.node}/@node/{rule}"]
        return Detection(row, active, now, now, float("nan"))

    def _broker_changed(self, lost: str | None) -> None:
        connected = lost is None
        self.metrics.connected.set(int(connected))
        now = self.clock.now_ns()
        if connected:
            LOG.info("subscribed", broker=self.site.settings.broker.url)
            self.metrics.reconnects.inc()
        elif self._broker_reason != lost:
            LOG.warning("broker lost; trying again", reason=lost)
        self._broker_reason = lost or ""
        self.line.detected([self._own("broker_lost", active=not connected)])
        if not connected:
            # What was not acknowledged comes again on the next connection.
            self.line.forget_messages()
        else:
            self._met = True
            self.line.liveness.begin(now)

    def _held(self) -> bool:
        """Whether readings from before may still be coming: at start, and behind a fence."""
        if not self._met:
            return self.clock.monotonic_ns() - self._started_ns < FIRST_CONTACT_NS
        return self.session.fenced

    def _send_siren(self, payload: bytes) -> bool:
        siren = self.site.settings.siren
        return siren is not None and self.session.publish(siren.topic, payload)

    def _observed(self, batch: ReadingBatch) -> None:
        del batch

    def _readings(self, order: wire.Order) -> None:
        del order

    def _present(self) -> wire.Present:
        return wire.Present(
            life=self._identity.life,
            seq=self.desk.chain.seq,
            alarms=[msgspec.Raw(entry) for entry in self.desk.present()],
        )

    def _status(self) -> tuple[int, str, float, list[str]]:
        heard = self.line.engine.heard
        recent = np.count_nonzero(heard > self.clock.now_ns() - 60 * NANOSECONDS)
        trouble = [
            definition.rule
            for definition in self._definitions[len(self.plant.definitions) :]
            if self.desk.status(definition.alarm).state != State.NORMAL
        ]
        chain = self.desk.chain
        return chain.seq, chain.head, float(recent) / max(1, heard.size), trouble

    def _anchored(self, seq: int, head: str) -> None:
        parent = self.site.settings.parent
        url = parent.url if parent else ""
        now = self.clock.now_ns()

        def write(database: Database) -> None:
            database.execute(
                "INSERT INTO journal_anchor (seq, head, anchored_ns, parent) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (seq) DO NOTHING",
                (seq, head, now, url),
            )
            with database.transaction():
                close_segment(database, self._key, at_ns=now, force=True)

        self._committer.submit(Work(act=write))

    async def _seconds(self) -> None:
        """Run what is due each second, each ten seconds (a summary), each minute (a snapshot)."""
        loop = asyncio.get_running_loop()
        next_snapshot = loop.time() + SNAPSHOT_S
        next_summary = self.clock.now_ns() + PERIOD_NS
        while True:
            await asyncio.sleep(0.1)
            self.line.advance()
            now = self.clock.now_ns()
            if self.orders.second(now):
                self.line.siren.beat(now_ns=now)
                self.metrics.standing.set(sum(s.standing for s in self.desk.statuses.values()))
                self.metrics.silent.set(int(self.line.liveness.silent.sum()))
            if now >= next_summary:
                next_summary = now + PERIOD_NS
                summary = self.summaries.close(now)
                if summary is not None:
                    self.upward.offer(summary)
            if loop.time() >= next_snapshot:
                next_snapshot = loop.time() + SNAPSHOT_S
                self.line.snapshot()

    async def _watch(self) -> None:
        """Notice storage that hangs, and go on without it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.1)
            since = self._committer.busy_since
            if not self._slow and since and loop.time() - since > SLOW_S:
                self._slow = True
                LOG.warning("storage is slow; acknowledging from memory")
                self.metrics.store_trouble.set(1)
                self.line.detected([self._own("storage_slow", active=True)])
                self._lend()
                self.session.resume()

    async def _local_orders(self) -> None:
        """Take the orders that `hazgate alarms` puts into the store."""
        while True:
            await asyncio.sleep(0.5)
            if self._slow or self._opened.spool is None:
                continue
            rows: list[tuple[Any, ...]] = await self._committer.act(self.orders.waiting)
            for identity, body in rows:
                self.orders.take_local(identity, body)
                self._committer.submit(Work(act=self.orders.done(identity)))
