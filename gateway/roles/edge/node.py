"""An edge, wired: built from right to left, started in that order, stopped in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from gateway import __version__
from gateway.alarms.actions import Siren
from gateway.alarms.catalogue import node_alarms
from gateway.alarms.definitions import Level
from gateway.alarms.desk import Desk, Transition
from gateway.db import StoreError
from gateway.model import NANOSECONDS, Clock
from gateway.northbound import wire
from gateway.northbound.dead_letters import Release
from gateway.northbound.spool import Configuration
from gateway.northbound.summary import PERIOD_NS, Summaries
from gateway.observe import Metrics, log
from gateway.pipeline.engine import Engine
from gateway.pipeline.overdue import Overdue
from gateway.roles.edge.authority import Authority
from gateway.roles.edge.clock_set import ClockAlarm
from gateway.roles.edge.disk_again import failures
from gateway.roles.edge.ended import Ended
from gateway.roles.edge.heard_itself import HeardItself
from gateway.roles.edge.inventory import is_told
from gateway.roles.edge.keeping import Keeping
from gateway.roles.edge.line import Line
from gateway.roles.edge.orders import OrderDesk
from gateway.roles.edge.outgoing import Outgoing
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.edge.pacing import Pacing
from gateway.roles.edge.parent_time import ParentTime
from gateway.roles.edge.recovery import Opened, memory_store
from gateway.roles.edge.room import Room
from gateway.roles.edge.screen import receivers_of
from gateway.roles.edge.self_fault import SelfFault
from gateway.roles.edge.site import Site
from gateway.roles.edge.standstill import LeftAlone
from gateway.roles.edge.storage import BACK, FAILED, Storage
from gateway.roles.edge.taking_up import TakenUp, open_in_time, read_in_time
from gateway.roles.edge.telling import Telling
from gateway.roles.edge.trusting import Trusting
from gateway.roles.edge.work import Work
from gateway.roles.exporting import Exports, destinations_of
from gateway.roles.upward import Above, Upward
from gateway.southbound.arrivals import Arrivals
from gateway.southbound.clocks import Clocks
from gateway.southbound.ingest import Ingest
from gateway.southbound.liveness import MOST, Liveness
from gateway.southbound.mqtt import BrokerSession
from gateway.tasks import Tasks

SNAPSHOT_NS: Final = 60 * NANOSECONDS
#: A broker that does not answer for this long after the start is away: the clock runs without it.
FIRST_CONTACT_NS: Final = 10 * NANOSECONDS
LOG = log("roles.edge")


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
    restarted
        Why this process began anew; empty where it was started.
    """

    def __init__(
        self, site: Site, *, clock: Clock, again: Callable[[str], None], restarted: str = ""
    ) -> None:
        self.site = site
        self.clock = clock
        self.metrics = Metrics()
        self.plant = site.plant
        self.line: Line
        self.desk: Desk
        self.session: BrokerSession
        self._again = again
        self._restarted = restarted
        self._stack = AsyncExitStack()
        self._tasks = Tasks()
        self._own_definitions = node_alarms(self.plant.node, self.plant.division)
        self._definitions = self.plant.definitions.with_own(self._own_definitions)
        first = len(self.plant.definitions)
        rows = {each.alarm: first + number for number, each in enumerate(self._own_definitions)}
        self._own = OwnAlarms(self.plant.node, rows, clock)
        self.ingest = Ingest(self.plant, self.metrics, window=site.settings.broker.receive_maximum)
        self._broker_reason = ""
        self._met = False
        self._started_ns = clock.monotonic_ns()
        self._taking_died: asyncio.Future[None]
        self._known_ns = 0
        self._hears = HeardItself(site.settings.broker, self.plant.node)
        self._ended: Ended
        #: What stands in calls that the disk has not answered.
        self.alone = LeftAlone(failed=failures() > 0)

    async def __aenter__(self) -> Self:
        site, plant = self.site, self.plant
        self._taking_died = asyncio.get_running_loop().create_future()
        configuration = Configuration(hash=site.hash, tags=list(plant.points.tags))
        opened = await open_in_time(
            site.folder,
            configuration=configuration,
            clock=self.clock,
            memory="the store failed again after a new start" if failures() > 1 else "",
            alone=self.alone,
        )
        engine = Engine(plant)
        await asyncio.to_thread(engine.warm_up)
        receivers = await receivers_of(site, self._stack, self.alone)
        try:
            self._use(opened, receivers)
            taken = await self._take_up(opened, engine)
        except (OSError, StoreError) as error:
            # What the disk gave is not enough to go on with: the site is watched all the same.
            opened, engine = memory_store(str(error)), Engine(plant)
            self._use(opened, receivers)
            taken = await self._take_up(opened, engine)
        pending, ran = taken.pending, taken.ran
        self.desk, self._known_ns, self._ended = taken.desk, taken.known_ns, Ended(taken.ended)
        self._hears.known = taken.heard_itself
        for batch in taken.newest:
            self.ingest.repeats.remember(batch)
        engine.align({alarm: status.active for alarm, status in self.desk.statuses.items()})
        LOG.info("engine ready", records=ran, uncommitted=len(pending), life=opened.life)
        self._points_told = bool(receivers) and is_told(site)
        self._build(engine, receivers)
        await asyncio.to_thread(self.session.warm_up)
        await asyncio.to_thread(self.ingest.warm_up)
        await asyncio.to_thread(self.line.clocks.warm_up)
        self.upward = self._go_up(receivers)
        self.outgoing = Outgoing(
            site.settings.uplink,
            [above.name for above in receivers],
            storage=self.storage,
            line=self.line,
            own=self._own,
            clock=self.clock,
            uplinks=lambda: self.upward.uplinks,
            told=self.orders.told,
        )
        self.exports = Exports(
            site.settings.export,
            node=site.settings.node.id,
            store=self.storage.act,
            lost=self.storage.shed,
            clock=self.clock,
            metrics=self.metrics.exports,
        )
        self.storage.start(self.line, self.session)
        self._first_events(pending, ran=ran)
        self._stack.push_async_callback(self.trusting.close)
        await self._stack.enter_async_context(self.upward)
        await self._stack.enter_async_context(self.session)
        # Before whatever may have to wait for the disk: they watch the site, and the disk too.
        for name, task in (
            ("seconds", self._seconds()),
            ("storage", self.storage.watch()),
            ("orders", self.orders.follow(self.storage)),
            ("disk again", self.storage.come_back()),
            ("room", self.room.watch()),
        ):
            self._tasks.begin(name, task)
        await self._stack.enter_async_context(self.keeping)
        await self._stack.enter_async_context(self.outgoing)
        await self._stack.enter_async_context(self.exports)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        await self._stack.aclose()
        await self.storage.snapshots.keep_last(self.line.position, self.line.engine.snapshot())
        await self.storage.stop()

    async def failed(self) -> None:
        """Wait for ever, or raise what a task of the node, or its taking of messages, died of."""
        await asyncio.gather(
            *self._tasks, *self.keeping.tasks, self.session.task, self._taking_died
        )

    def _use(self, opened: Opened, receivers: Sequence[Above]) -> None:
        self.storage = Storage(
            self.site.folder,
            self.site.settings.store,
            opened,
            node=self.plant.node,
            destinations=[above.name for above in receivers]
            + destinations_of(self.site.settings.export),
            own=self._own,
            clock=self.clock,
            metrics=self.metrics,
            again=self._again,
            filled=self._filled,
            alone=self.alone,
        )

    async def _take_up(self, opened: Opened, engine: Engine) -> TakenUp:
        return await read_in_time(
            opened,
            engine,
            self._definitions,
            self.storage.identity,
            now_ns=self.clock.now_ns(),
            repeats=self.ingest.repeats.most,
            session=self._hears.session,
            alone=self.alone,
        )

    def _build(self, engine: Engine, receivers: Sequence[Above]) -> None:
        settings, storage = self.site.settings, self.storage
        definitions = self.plant.definitions
        active = [alarm for alarm, status in self.desk.statuses.items() if status.active]
        silent = [
            definition.tag
            for definition in map(definitions.get, active)
            if definition is not None and definition.level == Level.NO_DATA
        ]
        self.summaries = Summaries(self.plant.points.tags, told=self._points_told)
        stated = settings.broker.receive_maximum if settings.broker.version == "5" else None
        self.line = Line(
            engine=engine,
            desk=self.desk,
            ingest=self.ingest,
            liveness=Liveness(self.plant, silent, most=MOST),
            clocks=Clocks(self.plant, active, most=MOST),
            overdue=Overdue(self.plant, active, most=MOST),
            siren=Siren(self._send_siren),
            summaries=self.summaries,
            pacing=Pacing(stated),
            submit=storage.submit,
            clock=self.clock,
            metrics=self.metrics,
            position=storage.spool.position if storage.spool else 0,
            identity=storage.identity,
            held=self._held,
        )
        self.session = BrokerSession(
            settings.broker,
            node=self.plant.node,
            filters=self.ingest.router.filters,
            clock=self.clock,
            deliver=self._deliver,
            changed=self._broker_changed,
            heard_itself=self._hears.known,
        )
        self.keeping = Keeping(self.site, storage=storage, clock=self.clock, metrics=self.metrics)
        self.trusting = Trusting(
            receivers, folder=self.site.folder, line=self.line, own=self._own, clock=self.clock
        )
        self.fault = SelfFault(self.line, self._own, self.clock)
        self.room = Room(self.site, storage=storage, line=self.line, own=self._own)
        self.orders = OrderDesk(
            self.line,
            clock=self.clock,
            times=ParentTime(self.clock),
            authority=Authority(self.plant.node, settings.delegate, self.trusting.trust),
            ended=self._ended,
            readings=self._readings,
            metrics=self.metrics,
            release=self._release,
        )

    def _first_events(self, pending: Sequence[Transition], *, ran: int) -> None:
        now = self.clock.now_ns()
        detail: dict[str, str | int] = {"version": __version__, "configuration": self.site.hash}
        detail |= {"site_file": self.site.digest, "spool_records": ran}
        detail |= {"restarted": self._restarted} if self._restarted else {}
        start = self.desk.note("start", now_ns=now, detail=detail)
        first = [*pending, start, *self.desk.retire(now_ns=now)]
        known_ns = max(self._known_ns, int(self.line.engine.heard.max(initial=0)))
        self.line.start(first, resumed=bool(pending), known_ns=known_ns)
        self.storage.tell()
        if self._restarted and not self._restarted.startswith((FAILED, BACK)):
            self.fault.tell(self._restarted)

    def _go_up(self, receivers: Sequence[Above]) -> Upward:
        self.telling = Telling(
            self.site,
            storage=self.storage,
            line=self.line,
            own=self._own_definitions,
            clock=self.clock,
            points_told=self._points_told,
            troubles=lambda: self.exports.troubles,
        )
        return Upward(
            receivers,
            node=self.plant.node,
            folder=self.site.folder,
            source=self.telling.source(rejected=self._set_aside),
            carry_out=self.orders.take,
            summaries=self.site.settings.uplink.summaries,
            clock=self.clock,
            metrics=self.metrics,
            trust=self.trusting.trust,
            answered=self.orders.times.answered,
        )

    def _deliver(self, arrivals: Arrivals) -> bool:
        try:
            room = self.line.take(arrivals)
            self.storage.delivered()
        except Exception as error:
            # A gateway that takes nothing must not look alive: it ends, and is started anew.
            if not self._taking_died.done():
                self._taking_died.set_exception(error)
            raise
        return room

    def _broker_changed(self, lost: str | None) -> None:
        connected = lost is None
        self.metrics.connected.set(int(connected))
        now = self.line.now_ns()
        if connected:
            LOG.info("subscribed", broker=self.site.settings.broker.url)
            self.metrics.reconnects.inc()
        elif self._broker_reason != lost:
            LOG.warning("broker lost; trying again", reason=lost)
        self._broker_reason = lost or ""
        self.line.detected([self._own.edge("broker_lost", active=not connected)])
        if not connected:
            # What was not acknowledged comes again on the next connection.
            self.line.owed.forget()
            self.line.confirming.lost()
        else:
            self._met = True
            self.line.liveness.begin(now)
            self.line.siren.tell(now_ns=now)

    def _held(self) -> bool:
        """Whether readings from before may still be coming: at start, and behind a fence."""
        if not self._met:
            return self.clock.monotonic_ns() - self._started_ns < FIRST_CONTACT_NS
        return self.session.holds

    def _send_siren(self, payload: bytes) -> bool:
        siren = self.site.settings.siren
        return siren is not None and self.session.publish(siren.topic, payload)

    def _filled(self, channel: str) -> None:
        self.upward.outbox_filled(channel)
        self.exports.filled(channel)

    def _release(self, order: Release) -> None:
        self.outgoing.release(order)

    def _set_aside(self) -> None:
        self.outgoing.look()

    def _readings(self, order: wire.Order) -> None:
        self.keeping.ask(order, answered=self.upward.answer, told=self.orders.told)

    async def _seconds(self) -> None:
        """Run what is due each second, each ten seconds (a summary), each minute (a snapshot)."""
        clock_alarm = ClockAlarm(self.line, self._own)
        begun = self.clock.monotonic_ns()
        next_snapshot, next_summary = begun + SNAPSHOT_NS, begun + PERIOD_NS
        while True:
            await asyncio.sleep(0.1)
            self.line.look()
            now, passed = self.clock.now_ns(), self.clock.monotonic_ns()
            if self.orders.second(now):
                clock_alarm.tell(passed)
                self.line.siren.beat(now_ns=now, monotonic_ns=passed)
                standing = self.session.connected and not self.session.fenced
                connection = self.session.connection if standing else 0
                self.fault.look(connection, queued=self.session.overdue)
                self.session.mark()
                noting = self._hears.look(heard=self.session.heard_itself)
                if noting is not None:
                    self.storage.submit(Work(act=noting))
                self.metrics.standing.set(self.desk.standing)
                self.metrics.silent.set(int(self.line.liveness.silent.sum()))
            if passed >= next_summary:
                next_summary = passed + PERIOD_NS
                period = self.summaries.close(now)
                for part in period.parts() if period is not None else ():
                    self.upward.offer(part)
            if passed >= next_snapshot:
                next_snapshot = passed + SNAPSHOT_NS
                self.storage.snapshots.keep(self.line.position, self.line.engine.snapshot())
