"""What waits to go up: its limits, what is shed beyond them, and the alarms that tell of it.

An event that a receiver has not taken is kept up to a limit. What is shed beyond it stays in the
journal, is counted in an event, and is a gap in the sequence that the centre shows. A journal that
only memory holds is bounded here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self

from gateway import journal
from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, Clock
from gateway.northbound import dead_letters, outbox, wire
from gateway.northbound.dead_letters import RETRY, Release
from gateway.northbound.settings import UplinkSettings
from gateway.northbound.uplink import Uplink
from gateway.observe import log
from gateway.roles.edge.line import Line
from gateway.roles.edge.own_alarms import OwnAlarms
from gateway.roles.edge.storage import MEBIBYTE, Storage
from gateway.roles.edge.work import Work
from gateway.tasks import Tasks

LOOK_S: Final = 5.0
#: Events of a journal that only memory holds, about 40 MiB: beyond it the oldest are shed.
JOURNAL_KEPT: Final = 50_000
JOURNAL_LOT: Final = 1000
#: Events that count what was shed come no oftener than this, for each receiver and sort.
TELL_NS: Final = 60 * NANOSECONDS
LOG = log("roles.edge.outgoing")


@dataclass(frozen=True, slots=True)
class Found:
    """What a look into the store found.

    By receiver what waits and was shed; dead letters; what was shed of a journal in memory.
    """

    waiting: dict[str, int]
    shed: dict[str, int]
    letters: int
    journal: int


class Outgoing:
    """Watches what waits for each receiver.

    Parameters
    ----------
    settings
        Limits.
    receivers
        Names of the outboxes.
    uplinks
        Those that run now; a receiver that is not paired has none.
    told
        Told how an order ended: the order, "applied" or "refused", and why.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        receivers: Sequence[str],
        *,
        storage: Storage,
        line: Line,
        own: OwnAlarms,
        clock: Clock,
        uplinks: Callable[[], Sequence[Uplink]],
        told: Callable[[wire.Order, str, str], None],
    ) -> None:
        self._settings = settings
        self._receivers = tuple(receivers)
        self._storage = storage
        self._line = line
        self._own = own
        self._clock = clock
        self._uplinks = uplinks
        self._told = told
        self._now = asyncio.Event()
        self._active: dict[str, bool] = {}
        #: When each receiver last had nothing waiting, or took something.
        self._well = dict.fromkeys(self._receivers, clock.monotonic_ns())
        self._counted: dict[tuple[str, str], int] = {}
        self._journal = 0
        self._summaries = dict.fromkeys(self._receivers, 0)
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.keep("outgoing", self._watch)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()

    def look(self) -> None:
        """Look now: something was set aside."""
        self._now.set()

    async def _watch(self) -> None:
        """Look at what waits, for ever."""
        while True:
            if self._storage.answers:
                # The store thread tells of its troubles itself; this task does not die of them.
                with suppress(StoreError):
                    self._judge(await self._storage.act(self._look))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._now.wait()
            self._now.clear()

    def release(self, order: Release) -> None:
        """Send dead letters again, or discard them, as an operator of the site decided."""
        self._tasks.begin(order.id, self._release(order))

    async def _release(self, order: Release) -> None:
        try:
            count: int = await self._storage.act(partial(dead_letters.release, what=order))
        except StoreError as error:
            self._told(order, "refused", str(error))
            return
        done = "sent again" if order.action == RETRY else "discarded"
        if count:
            self._told(order, "applied", f"{count} dead letter(s) {done}")
        else:
            self._told(order, "refused", "no such dead letter; hazgate outbox list shows them")
        for uplink in self._uplinks():
            uplink.wake()
        self.look()

    def _look(self, database: Database) -> Found:
        most = self._settings.outbox_mib * MEBIBYTE
        for receiver in self._receivers:
            outbox.shed(
                database,
                receiver,
                most=most,
                alarms_most=int(most * self._settings.alarm_reserve),
            )
        dead_letters.prune(database, dead_letters.KEPT)
        return Found(
            {receiver: outbox.waiting(database, receiver) for receiver in self._receivers},
            {receiver: outbox.shed_untold(database, receiver) for receiver in self._receivers},
            dead_letters.count(database),
            self._shed_journal(database),
        )

    def _shed_journal(self, database: Database) -> int:
        # Asked of the store at hand: another may have taken its place meanwhile.
        if database.path is not None:
            return 0
        return journal.keep_newest(database, JOURNAL_KEPT, lot=JOURNAL_LOT)

    def _judge(self, found: Found) -> None:
        now = self._clock.monotonic_ns()
        uplinks = {uplink.destination: uplink for uplink in self._uplinks()}
        for receiver in self._receivers:
            uplink = uplinks.get(receiver)
            if not found.waiting[receiver]:
                self._well[receiver] = now
            elif uplink is not None:
                self._well[receiver] = max(self._well[receiver], uplink.taken_ns)
            self._count_events(receiver, found.shed[receiver], now)
            if uplink is not None:
                self._summaries[receiver] += uplink.take_shed()
            self._count_summaries(receiver, now)
        self._count_journal(found.journal, now)
        after = self._settings.lagging
        lagging = after != "off" and any(now - well > after for well in self._well.values())
        self._alarm("outbox_lagging", active=lagging)
        self._alarm("dead_letter", active=found.letters > 0)
        self._alarm("state_refused", active=any(uplink.refused for uplink in uplinks.values()))

    def _alarm(self, rule: str, *, active: bool) -> None:
        if self._active.get(rule) != active:
            self._active[rule] = active
            self._line.detected([self._own.edge(rule, active=active)])

    def _count_events(self, receiver: str, count: int, now: int) -> None:
        if not count or not self._may_tell(receiver, "events", now):
            return
        LOG.error("the outbox is full; the oldest events are shed", receiver=receiver, count=count)
        self._note(receiver, "events", count, "the outbox reached its limit")

        def tell(database: Database) -> None:
            outbox.count_shed(database, receiver, -count)

        # After the event, in the store's order: a crash between them counts twice, never not.
        self._storage.submit(Work(act=tell))

    def _count_summaries(self, receiver: str, now: int) -> None:
        count = self._summaries[receiver]
        if count and self._may_tell(receiver, "summaries", now):
            self._summaries[receiver] = 0
            self._note(receiver, "summaries", count, "no receiver took them in time")

    def _count_journal(self, count: int, now: int) -> None:
        self._journal += count
        if self._journal and self._may_tell("", "journal", now):
            count, self._journal = self._journal, 0
            LOG.error("the journal in memory is full; the oldest events are shed", count=count)
            self._note("", "journal", count, "the journal in memory reached its limit")

    def _may_tell(self, receiver: str, what: str, now: int) -> bool:
        last = self._counted.get((receiver, what))
        if last is not None and now - last < TELL_NS:
            return False
        self._counted[receiver, what] = now
        return True

    def _note(self, receiver: str, what: str, count: int, why: str) -> None:
        note = self._line.desk.note(
            "shed",
            now_ns=self._clock.now_ns(),
            detail={"count": count, "why": why, "what": what, "receiver": receiver},
        )
        self._line.emit([note])
