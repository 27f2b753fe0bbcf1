"""The watch: notices what does not happen. Silence sends nothing, so somebody has to look.

Once a second it finds children that went quiet, lag behind or cannot be believed, values that grew
old, orders without an answer and copies without a receipt, writes what changed and tells the
screens: a screen never has to guess that something has become stale.

Durations run on the monotonic clock. Where the wall clock jumps, that is journalled, what falls due
by it moves along, and the ledger of on-line time begins a new span. Time in which the centre itself
stood still is silence of nobody; time that a look takes is not such a time, for children are heard
meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, Clock
from gateway.observe import log
from gateway.supervision import child_alarms, child_rules, escalation, online, orders
from gateway.supervision.children import Children, Judged
from gateway.supervision.links import Pulses
from gateway.supervision.readers import For
from gateway.supervision.settings import WatchSettings
from gateway.supervision.store import Store
from gateway.supervision.views import nodes as node_view
from gateway.supervision.views import points as point_view
from gateway.supervision.write import Write
from gateway.supervision.writer import BusyError

EVERY_S = 1.0
#: A centre whose event loop moves again after so long was not listening meanwhile.
STOOD_STILL_S = 5.0
STALE_AT_ONCE = 2_000
RAW_KEPT_NS = 3600 * NANOSECONDS
AHEAD_NS = 1 * NANOSECONDS
#: Two statements, each by an index of its own: else every fresh value is read each second.
STALE = (
    "SELECT node, tag FROM latest WHERE fresh = 1 AND stale_ns <= ? UNION ALL "
    "SELECT node, tag FROM latest WHERE fresh = 1 AND received_ns > ? LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What one look has found to be due.

    `anew` says that a new span of the ledger has to begin.
    """

    children: Judged
    stale: tuple[tuple[str, str], ...]
    expired: tuple[str, ...]
    orders: bool
    copies: bool
    old: bool
    checkpoint: bool
    anew: bool

    def __bool__(self) -> bool:
        """Return whether there is anything to write."""
        return bool(
            self.children or self.stale or self.expired or self.orders or self.copies
            or self.old or self.checkpoint or self.anew
        )  # fmt: skip


class Watch:
    """Looks once a second while it is entered.

    Parameters
    ----------
    store
        Read at each look; written only when something is due.
    """

    def __init__(self, store: Store, clock: Clock, settings: WatchSettings) -> None:
        self.limits = child_rules.limits(settings)
        self._store = store
        self._clock = clock
        self._settings = settings
        self._stop = asyncio.Event()
        self._looking = asyncio.Lock()
        self._troubled = False
        self._watched = 0
        self._noted_ns = 0
        self._steps = 0
        self._stepped = False
        self._stood_still = 0

    async def __aenter__(self) -> Self:
        """Begin to listen and to look."""
        self._pulses = Pulses(self._clock.monotonic_ns())
        self._children = Children(self._store.node, self._settings, self._pulses)
        await self._store.read(self._children.await_all)
        self._moved_s = asyncio.get_running_loop().time()
        self._moved_ns = self._clock.monotonic_ns()
        self._tasks = (
            asyncio.create_task(self._run(), name="centre-watch"),
            asyncio.create_task(self._listen(), name="centre-watch-listens"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop looking, and note up to when it was done."""
        self._stop.set()
        for task in self._tasks:
            await task
        if self._watched:
            with contextlib.suppress(StoreError, BusyError):
                await self._store.write(lambda write: online.note(write, self._watched, ()))

    def heard(self, node: str) -> None:
        """Note that a child has spoken; on the event loop, whatever the disk does."""
        self._pulses.beat(node, self._clock.monotonic_ns())

    async def look(self) -> Found:
        """Look once; write and tell what is due, and return it."""
        async with self._looking:
            stood_still = self._stood_still
            # First, so that nothing is found due by a clock that was set.
            await self._follow()
            monotonic_ns, now_ns = self._clock.monotonic_ns(), self._clock.now_ns()
            found = await self._store.read(
                lambda database: self._find(database, now_ns=now_ns, monotonic_ns=monotonic_ns),
                whom=For.ALARMS,
            )
            if found:
                self._watched = await self._store.write(lambda write: self._settle(write, found))
                self._children.noted(found.children.changes, anew=found.anew)
                self._noted_ns, self._stepped = monotonic_ns, False
                # What happened while this look was under way begins a span of its own.
                self._stood_still -= stood_still
            return found

    async def _follow(self) -> None:
        """Let what ends by the clock move at once where it was set, though nobody writes."""
        if self._store.times.look().step_ns:
            await self._store.write(lambda _: None)
        self._stepped |= self._store.times.steps != self._steps
        self._steps = self._store.times.steps

    async def _listen(self) -> None:
        """Notice, also while a look is under way, that the centre stood still."""
        while not self._stop.is_set():
            self._move()
            await self._next()

    def _move(self) -> None:
        """Leave out the time since this was last called, if nothing else ran in it either."""
        loop_s, now_ns = asyncio.get_running_loop().time(), self._clock.monotonic_ns()
        if loop_s - self._moved_s > STOOD_STILL_S:
            away_ns = now_ns - self._moved_ns
            self._pulses.pause(max(0, away_ns - int(EVERY_S * NANOSECONDS)))
            self._stood_still += 1
            log("watch").warning("stood still", seconds=round(away_ns / NANOSECONDS, 1))
        self._moved_s, self._moved_ns = loop_s, now_ns

    async def _next(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._stop.wait()

    async def _run(self) -> None:
        while not self._stop.is_set():
            # Before anything is judged, whichever of the two tasks moves first.
            self._move()
            try:
                await self.look()
                await self._store.prove()
            except (StoreError, BusyError) as error:
                if not self._troubled:
                    log("watch").error("cannot look", error=str(error))
                self._troubled = True
            else:
                if self._troubled:
                    log("watch").info("looks again")
                self._troubled = False
            await self._next()

    def _find(self, database: Database, *, now_ns: int, monotonic_ns: int) -> Found:
        anew = self._stepped or self._stood_still > 0 or not self._watched
        if anew:
            self._children.noted((), anew=True)
        stale = database.execute(
            STALE,
            (now_ns, now_ns + AHEAD_NS, STALE_AT_ONCE),
        )
        old = database.execute(
            "SELECT 1 FROM raw_answer WHERE answered_ns < ? UNION ALL "
            "SELECT 1 FROM site_order WHERE action = 'readings' AND closed_ns > 0 "
            "AND closed_ns < ? LIMIT 1",
            (now_ns - RAW_KEPT_NS, now_ns - RAW_KEPT_NS),
        )
        return Found(
            children=self._children.judge(database, now_ns=now_ns, monotonic_ns=monotonic_ns),
            stale=tuple(dict.fromkeys((row[0], row[1]) for row in stale)),
            expired=child_alarms.expired(database, now_ns=now_ns),
            orders=orders.due(database, now_ns=now_ns),
            copies=escalation.due(database, now_ns=now_ns),
            old=bool(old),
            checkpoint=monotonic_ns - self._noted_ns >= online.CHECKPOINT_NS,
            anew=anew,
        )

    def _settle(self, write: Write, found: Found) -> int:
        """Write what a look has found and return the number of the ledger's present span."""
        watched = online.begin(write) if found.anew else self._watched
        online.note(write, watched, found.children.changes)
        settle_links(write, found.children)
        child_alarms.move(write, found.children.edges, limits=self.limits)
        child_alarms.expire(write, found.expired, limits=self.limits)
        settle_values(write, found.stale)
        if found.orders:
            orders.expire(write)
        if found.copies:
            escalation.escalate(write)
        if found.old:
            forget(write)
        return watched


def settle_links(write: Write, judged: Judged) -> None:
    """Write how links stand; what has changed since is judged anew at the next look."""
    for node, before, after in judged.links:
        write.execute(
            "UPDATE heartbeat SET link = ? WHERE node = ? AND link = ?", (after, node, before)
        )
        if "lost" in {before, after}:
            write.journal("link", detail={"node": node, "before": before, "after": after})
        write.tell_parent("nodes", node)
        node_view.publish(write, node)


def settle_values(write: Write, stale: tuple[tuple[str, str], ...]) -> None:
    """Write which values have grown old, and tell it."""
    by_node: dict[str, list[str]] = {}
    for node, tag in stale:
        write.execute(
            "UPDATE latest SET fresh = 0 WHERE node = ? AND tag = ? "
            "AND (stale_ns <= ? OR received_ns > ?)",
            (node, tag, write.now_ns, write.now_ns + AHEAD_NS),
        )
        by_node.setdefault(node, []).append(tag)
    for node, tags in by_node.items():
        point_view.publish(write, node, tags)


def forget(write: Write) -> None:
    """Delete answers and orders for readings that nobody looks at any more."""
    before_ns = write.now_ns - RAW_KEPT_NS
    write.execute("DELETE FROM raw_answer WHERE answered_ns < ?", (before_ns,))
    write.execute(
        "DELETE FROM site_order WHERE action = 'readings' AND closed_ns > 0 AND closed_ns < ?",
        (before_ns,),
    )
