"""What an edge tells of itself to whoever is above it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.alarms.definitions import AlarmDefinition
from gateway.db import Database
from gateway.journal import close_segment
from gateway.model import NANOSECONDS, Clock, State
from gateway.northbound import wire
from gateway.northbound.source import Source, Whole, own_whole
from gateway.pipeline.points import Points
from gateway.roles.edge.inventory import inventory_of
from gateway.roles.edge.line import Line
from gateway.roles.edge.site import Site
from gateway.roles.edge.storage import Storage
from gateway.roles.edge.work import Work

#: A point is covered when it was heard within this, or within three of its intervals.
COVERED_NS = 60 * NANOSECONDS
#: The present state waits so long for the disk, s; a slower disk's is told as it last was durable.
PATIENCE_S = 5.0


class Telling:
    """Answers what uplinks ask of an edge.

    Parameters
    ----------
    own
        The alarms the node raises about itself.
    points_told
        Whether the inventory has points.
    troubles
        What stands beside these alarms, in words.
    """

    def __init__(
        self,
        site: Site,
        *,
        storage: Storage,
        line: Line,
        own: Sequence[AlarmDefinition],
        clock: Clock,
        points_told: bool,
        troubles: Callable[[], list[str]] = list,
    ) -> None:
        self._site = site
        self._storage = storage
        self._line = line
        self._own = tuple(own)
        self._clock = clock
        self._inventory = inventory_of(site, points=points_told)
        self._troubles = troubles
        self._durable: wire.Present | None = None
        self._covered_ns = covered_ns(site.plant.points)

    def source(self, *, rejected: Callable[[], None]) -> Source:
        """Return what an uplink asks, for any number of uplinks."""
        return Source(
            identity=lambda: self._storage.identity,
            whole=self._whole,
            status=self._status,
            store=self._storage.act,
            anchored=self._anchored,
            rejected=lambda _: rejected(),
            unwritten=self._unwritten,
        )

    async def _whole(self, connection: str) -> Whole:
        present = await self._present()
        encoded = partial(own_whole, connection, self._inventory, present)
        return await asyncio.to_thread(encoded)

    async def _present(self) -> wire.Present:
        """Return where every alarm stands, as far as a power cut does not undo it.

        What was undone comes again otherwise, under numbers that a parent would know already: it
        would show as acknowledged, or as ended, what stands here for good.
        """
        desk = self._line.desk
        present = wire.Present(
            life=self._storage.identity.life,
            seq=desk.chain.seq,
            alarms=[msgspec.Raw(entry) for entry in desk.present()],
        )
        # The store's thread answers in order: what was handed over before is durable then.
        reached = asyncio.ensure_future(self._storage.act(lambda _: None))
        last = self._durable
        try:
            if last is not None and last.life == present.life:
                await asyncio.wait([reached], timeout=PATIENCE_S)
                if not reached.done():
                    # What came since waits in the outbox; a parent forgets nothing by it.
                    return last
            await reached
        finally:
            reached.cancel()
        self._durable = present
        return present

    def _status(self) -> tuple[int, str, float, list[str]]:
        desk, heard = self._line.desk, self._line.engine.heard
        trouble = [each.rule for each in self._own if desk.status(each.alarm).state != State.NORMAL]
        share = coverage(heard, self._covered_ns, self._clock.now_ns())
        # Of what is durable: a parent anchors it, and a power cut may undo what is not.
        return *self._storage.head, share, trouble + self._troubles()

    def _unwritten(self) -> int:
        return max(0, self._line.desk.chain.seq - self._storage.head[0])

    def _anchored(self, seq: int, head: str) -> None:
        parent = self._site.settings.parent
        url = parent.url if parent else ""
        # Of the store that this is written to, whichever the node has when it is.
        now, key = self._clock.now_ns(), self._storage.key

        def write(database: Database) -> None:
            database.execute(
                "INSERT INTO journal_anchor (seq, head, anchored_ns, parent) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (seq) DO NOTHING",
                (seq, head, now, url),
            )
            with database.transaction():
                close_segment(database, key, at_ns=now, force=True)

        self._storage.submit(Work(act=write))


def covered_ns(points: Points) -> npt.NDArray[np.int64]:
    """Return for how long each point may be silent and still be covered, shape (points,)."""
    return np.maximum(COVERED_NS, 3 * points.interval_ns)


def coverage(heard: npt.NDArray[np.int64], covered: npt.NDArray[np.int64], now_ns: int) -> float:
    """Return the share of points that are no blind spots, 0 to 1; 1 where there are none."""
    if not heard.size:
        return 1.0
    return float(np.count_nonzero(heard > now_ns - covered)) / heard.size
