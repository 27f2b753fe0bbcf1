"""The watch: notices what does not happen. Silence sends nothing, so somebody has to look.

Once a second it finds links that went quiet, values that grew old and orders without an answer,
writes what changed and tells the screens: a screen never has to guess that something has become
stale.
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
from gateway.supervision import links, orders
from gateway.supervision.store import BusyError, Store, Write
from gateway.supervision.views import nodes as node_view
from gateway.supervision.views import points as point_view

EVERY_S = 1.0
STALE_AT_ONCE = 2_000
RAW_KEPT_NS = 3600 * NANOSECONDS
AHEAD_NS = 1 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Found:
    """What one look has found to be due."""

    links: tuple[tuple[str, str, str], ...]
    stale: tuple[tuple[str, str], ...]
    orders: bool
    old: bool

    def __bool__(self) -> bool:
        """Return whether there is anything to write."""
        return bool(self.links or self.stale or self.orders or self.old)


class Watch:
    """Looks once a second while it is entered.

    Parameters
    ----------
    store
        Read at each look; written only when something is due.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._stop = asyncio.Event()
        self._troubled = False

    async def __aenter__(self) -> Self:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="centre-watch")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop looking."""
        self._stop.set()
        await self._task

    async def look(self) -> Found:
        """Look once; write and tell what is due, and return it."""
        found = await self._store.read(lambda database: find(database, self._clock.now_ns()))
        if found:
            await self._store.write(lambda write: settle(write, found))
        return found

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await self.look()
            except (StoreError, BusyError) as error:
                if not self._troubled:
                    log("watch").error("cannot look", error=str(error))
                self._troubled = True
            else:
                if self._troubled:
                    log("watch").info("looks again")
                self._troubled = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._stop.wait()


def find(database: Database, now_ns: int) -> Found:
    """Return what is due at an instant."""
    changed = tuple(
        (node, before, after)
        for node, before, heard_ns, told in database.execute(
            "SELECT node, link, received_ns, told FROM heartbeat"
        )
        if before != (after := links.shown(heard_ns, now_ns, told=told))
    )
    stale = database.execute(
        "SELECT node, tag FROM latest WHERE fresh = 1 AND (stale_ns <= ? OR received_ns > ?) "
        "LIMIT ?",
        (now_ns, now_ns + AHEAD_NS, STALE_AT_ONCE),
    )
    old = database.execute(
        "SELECT 1 FROM raw_answer WHERE answered_ns < ? UNION ALL "
        "SELECT 1 FROM site_order WHERE action = 'readings' AND closed_ns > 0 AND closed_ns < ? "
        "LIMIT 1",
        (now_ns - RAW_KEPT_NS, now_ns - RAW_KEPT_NS),
    )
    return Found(
        changed,
        tuple((row[0], row[1]) for row in stale),
        orders.due(database, now_ns=now_ns),
        bool(old),
    )


def settle(write: Write, found: Found) -> None:
    """Write what a look has found; what has changed since is judged anew at the next look."""
    for node, before, after in found.links:
        write.execute(
            "UPDATE heartbeat SET link = ? WHERE node = ? AND link = ?", (after, node, before)
        )
        if "lost" in {before, after}:
            write.journal("link", detail={"node": node, "before": before, "after": after})
        write.tell_parent("nodes", node)
        node_view.publish(write, node)
    by_node: dict[str, list[str]] = {}
    for node, tag in found.stale:
        write.execute(
            "UPDATE latest SET fresh = 0 WHERE node = ? AND tag = ? "
            "AND (stale_ns <= ? OR received_ns > ?)",
            (node, tag, write.now_ns, write.now_ns + AHEAD_NS),
        )
        by_node.setdefault(node, []).append(tag)
    for node, tags in by_node.items():
        point_view.publish(write, node, tags)
    if found.orders:
        orders.expire(write)
    if found.old:
        before_ns = write.now_ns - RAW_KEPT_NS
        write.execute("DELETE FROM raw_answer WHERE answered_ns < ?", (before_ns,))
        write.execute(
            "DELETE FROM site_order WHERE action = 'readings' AND closed_ns > 0 AND closed_ns < ?",
            (before_ns,),
        )
