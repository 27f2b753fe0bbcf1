"""What waits to go up from a centre: its bounds, and the alarms that tell of it.

The same as at an edge. An event that the parent has not taken is kept up to a limit; what is shed
beyond it stays here, is counted in an event of the centre's own, and is a gap that the tier above
shows. The alarms are ``CENTRE/@CENTRE/RULE``, about the centre itself: no child has its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, Clock
from gateway.northbound import dead_letters, outbox
from gateway.northbound.settings import UplinkSettings
from gateway.northbound.uplink import Uplink
from gateway.observe import log
from gateway.supervision import child_alarms, own
from gateway.supervision.child_alarms import Edge
from gateway.supervision.opening import PARENT
from gateway.supervision.store import Store
from gateway.supervision.write import Write
from gateway.supervision.writer import BusyError
from gateway.tasks import Tasks

MEBIBYTE: Final = 2**20
LOOK_S: Final = 5.0
#: An event that counts what was shed comes no oftener.
TELL_NS: Final = 60 * NANOSECONDS
LOG = log("backlog")


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found.

    Events that wait for the parent, events shed untold, dead letters, and the alarms that are on.
    """

    waiting: int
    shed: int
    letters: int
    active: frozenset[str]


class Backlog:
    """Watches what waits in a centre's outbox.

    Parameters
    ----------
    settings
        Limits.
    parent
        Whether there is a tier above; an export has a bound of its own.
    uplinks
        Those that run now: none before the centre is paired.
    """

    def __init__(
        self,
        store: Store,
        settings: UplinkSettings,
        *,
        parent: bool,
        clock: Clock,
        uplinks: Callable[[], Sequence[Uplink]] = lambda: (),
    ) -> None:
        self._store = store
        self._settings = settings
        self._parent = parent
        self._clock = clock
        self._uplinks = uplinks
        self._now = asyncio.Event()
        #: When nothing waited last, or the parent took something.
        self._well_ns = clock.monotonic_ns()
        self._told_ns: int | None = None
        self._summaries = 0
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.keep("backlog", self._watch)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()

    def look_soon(self) -> None:
        """Look now: something was set aside."""
        self._now.set()

    async def look(self) -> None:
        """Look once: shed what is beyond the bounds, and let alarms and events tell."""
        found: Found = await self._store.act(self._find)
        now_ns = self._clock.monotonic_ns()
        for uplink in self._uplinks():
            self._well_ns = max(self._well_ns, uplink.taken_ns)
            self._summaries += uplink.take_shed()
        if not found.waiting:
            self._well_ns = now_ns
        after = self._settings.lagging
        states = {
            "outbox_lagging": after != "off" and now_ns - self._well_ns > after,
            "dead_letter": found.letters > 0,
            "state_refused": any(uplink.refused for uplink in self._uplinks()),
        }
        changed = {rule: on for rule, on in states.items() if (rule in found.active) != on}
        may_tell = self._told_ns is None or now_ns - self._told_ns >= TELL_NS
        shed = found.shed if may_tell else 0
        summaries = self._summaries if may_tell else 0
        if not (changed or shed or summaries):
            return
        await self._store.write(
            lambda write: _settle(write, changed, shed=shed, summaries=summaries)
        )
        if shed or summaries:
            LOG.error("events or summaries were shed", events=shed, summaries=summaries)
            self._told_ns, self._summaries = now_ns, self._summaries - summaries

    def _find(self, database: Database) -> Found:
        if self._parent:
            most = self._settings.outbox_mib * MEBIBYTE
            reserve = int(most * self._settings.alarm_reserve)
            outbox.shed(database, PARENT, most=most, alarms_most=reserve)
        dead_letters.prune(database, dead_letters.KEPT)
        node = self._store.node
        return Found(
            # What is kept from a time with a parent is no backlog while there is none.
            outbox.waiting(database, PARENT) if self._parent else 0,
            outbox.shed_untold(database, PARENT),
            dead_letters.count(database),
            child_alarms.active(database, node).get(node, frozenset()),
        )

    async def _watch(self) -> None:
        while True:
            # The store tells of its troubles itself; this task does not die of them.
            with suppress(StoreError, BusyError):
                await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._now.wait()
            self._now.clear()


def _settle(write: Write, changed: dict[str, bool], *, shed: int, summaries: int) -> None:
    edges = [Edge(write.node, rule, active) for rule, active in changed.items()]
    child_alarms.move(write, edges, limits={})
    if shed:
        note_shed(write, shed, "the outbox reached its limit", what="events", receiver=PARENT)
        # In the transaction of the event that tells of it.
        outbox.count_shed(write.database, PARENT, -shed)
    if summaries:
        why = "no receiver took them in time"
        note_shed(write, summaries, why, what="summaries", receiver=PARENT)


def note_shed(write: Write, count: int, why: str, **detail: str) -> None:
    """Write a durable event that counts what was not kept for a receiver."""
    own.tell(write, "shed", detail={"count": count, "why": why, **detail})
