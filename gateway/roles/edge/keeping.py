"""What becomes of readings after they are durable: archive, cut, answers, exports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final, Self

import msgspec

from gateway import background
from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, Clock
from gateway.northbound import pins, wire
from gateway.northbound.history import History, HistoryError
from gateway.northbound.spool import read_position
from gateway.northbound.spool_writer import Spool
from gateway.observe import Metrics, log
from gateway.roles.edge.child import keep_running
from gateway.roles.edge.rows import forget_holes
from gateway.roles.edge.site import Site
from gateway.roles.edge.storage import MEBIBYTE, Storage
from gateway.tasks import Tasks, beside

KEEP_S: Final = 60.0
#: Orders for readings that may wait for their turn.
WAITING: Final = 64
#: A clock that goes further than this at once may have been set wrongly.
FAR_NS: Final = 3600 * NANOSECONDS
DAY_NS: Final = 24 * FAR_NS
INFLUX: Final = "gateway.northbound.exports.influx"
LOG = log("roles.edge.keeping")

Answered = Callable[[wire.Readings], None]
#: Told how an order ended: the order, "applied" or "refused", and why.
Told = Callable[[wire.Order, str, str], None]


class Keeping:
    """Keeps the history of a running edge.

    Parameters
    ----------
    site
        Says where the store is, and how long and how much is kept.
    storage
        Owner of the spool.
    """

    def __init__(
        self,
        site: Site,
        *,
        storage: Storage,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        settings = site.settings
        self._storage = storage
        self._metrics = metrics
        self._spool = site.folder / "spool"
        self._history = History(
            self._spool,
            site.folder / "history",
            days=settings.store.history_days,
            spool_bytes=settings.store.spool_mib * MEBIBYTE,
            pinned_bytes=settings.store.pinned_mib * MEBIBYTE,
        )
        self._influx = settings.influx
        self._exported = site.folder / "influx.position"
        self._store = site.folder / "store.db"
        self._retention = Retention(clock)
        self._node = settings.node.id
        self._reason = ""
        self.tasks = Tasks()
        self._answers = Tasks()

    async def __aenter__(self) -> Self:
        self.tasks.keep("history", self._keep)
        if self._influx is not None:
            task = {
                "node": self._node,
                "store": str(self._store),
                "spool": str(self._spool),
                "position": str(self._exported),
                "settings": self._influx.model_dump(),
            }
            command = background.command(INFLUX, msgspec.json.encode(task).decode())
            self.tasks.begin("influx", keep_running("influx", *command, alone=self._storage.alone))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.tasks.end()
        await self._answers.end()

    def ask(self, order: wire.Order, *, answered: Answered, told: Told) -> None:
        """Answer an order for raw readings when its turn comes; it always ends in an event."""
        if self._storage.spool is None:
            told(order, "refused", "the store is lost: there is no history")
        elif len(self._answers) >= WAITING:
            told(order, "refused", f"{WAITING} orders for readings wait already; ask again later")
        else:
            self._answers.begin(order.id, self._answer(order, answered, told))

    async def _answer(self, order: wire.Order, answered: Answered, told: Told) -> None:
        try:
            readings = await self._history.readings(order)
        except (HistoryError, OSError) as error:
            told(order, "refused", str(error))
            return
        answered(readings)
        told(order, "applied", "")

    async def _keep(self) -> None:
        """Archive, prune and cut, each minute."""
        while True:
            await asyncio.sleep(KEEP_S)
            spool = self._storage.spool
            if spool is None:
                continue
            try:
                await self._prune()
                await self._cut(spool)
                reason = ""
            except (HistoryError, OSError, StoreError) as error:
                reason = str(error)
            if reason and reason != self._reason:
                LOG.warning("history is not kept; trying again each minute", reason=reason)
            self._reason = reason

    async def _prune(self) -> None:
        pinned: list[pins.Window] = await self._storage.act(pins.windows)
        kept = await self._history.keep(self._retention.now_ns(), pinned)
        if kept.unpinned:
            LOG.error("pinned readings were removed before their time", count=kept.unpinned)
            self._storage.shed(kept.unpinned, "pinned readings reached their limit")
        if kept.oldest_ns:
            await self._storage.act(partial(pins.forget, before_ns=kept.oldest_ns))

    async def _cut(self, spool: Spool) -> None:
        taken = []
        if self._influx is not None:
            taken.append(await beside(read_position, self._exported))
            self._metrics.influx_lag.set(max(0, spool.position - taken[0]))
        snapshot: int = await self._storage.act(snapshot_position)
        end, lost = await beside(partial(self._history.cut_to, snapshot=snapshot, taken=taken))
        await self._storage.act(partial(self._cut_spool, spool, end))
        if lost:
            LOG.error("raw readings were cut before they were archived or exported", count=lost)
            self._storage.shed(lost, "the spool reached its limit before history took them")
        self._metrics.spool_bytes.set(await beside(spool.bytes_used))

    def _cut_spool(self, spool: Spool, end: int, database: Database) -> None:
        # In the store's thread, which by now may be that of a store in memory: it has no business
        # with a disk that was left alone.
        if self._storage.spool is spool:
            spool.cut(end)
            forget_holes(database, before=end)


class Retention:
    """What the age of history is judged by: a clock set far ahead deletes nothing for a day.

    A board whose battery dies wakes up in 2038; by that date nothing would be young enough to keep.
    Somebody, or NTP, has a day to mend it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._believed = clock.now_ns() - clock.monotonic_ns()
        self._ahead_since: int | None = None

    def now_ns(self) -> int:
        """Return the present date, or the one that there would be, had nobody set the clock."""
        now, passed = self._clock.now_ns(), self._clock.monotonic_ns()
        if now - passed - self._believed <= FAR_NS:
            self._believed, self._ahead_since = now - passed, None
        elif self._ahead_since is None:
            self._ahead_since = passed
        elif passed - self._ahead_since >= DAY_NS:
            self._believed, self._ahead_since = now - passed, None
        return self._believed + passed


def snapshot_position(database: Database) -> int:
    """Return the spool position of the newest snapshot; 0 for none."""
    rows = database.execute("SELECT position FROM snapshot WHERE id = 1")
    return int(rows[0][0]) if rows else 0
