"""To the parent: present state first, then what waits in the outbox, in the order it was made.

A row leaves the outbox only when the parent's receipt names it. A parent that is away, slow or
refusing costs nothing here: the outbox waits on disk, summaries wait in bounded memory, and
attempts back off with jitter so that a county's gateways do not all return in the same second.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from gateway import __version__
from gateway.db import Database, StoreError
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Cause, Clock, decode_event
from gateway.northbound import outbox, wire
from gateway.northbound.posting import (
    Posting,
    UplinkRejectedError,
    UplinkTooLargeError,
    UplinkUnavailableError,
)
from gateway.northbound.summary import Part
from gateway.observe import Metrics, log
from gateway.tasks import keep_going

HEARTBEAT_S: Final = 15.0
RETRY_FIRST_S: Final = 0.25
RETRY_LAST_S: Final = 30.0
#: A post is cut here, and halved down to the least when a parent or a proxy takes no such size.
POST_BYTES: Final = 512 * 1024
LEAST_BYTES: Final = 64 * 1024
#: Ten-second summaries that wait: an hour of them, at sites of up to `PARTS_KEPT` messages each.
SUMMARIES_KEPT: Final = 360
PARTS_KEPT: Final = 4
MADE_BY_READINGS: Final = frozenset({Cause.RAISE, Cause.CLEAR})
JITTER = secrets.SystemRandom()
LOG = log("northbound.uplink")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the uplink asks of the node, each call made on the event loop.

    Parameters
    ----------
    identity
        Node, life and epoch now (a lost store begins a new life).
    present
        Last events of the alarms that stand, and the sequence they are complete to.
    inventory
        What the node watches.
    status
        Journal head, coverage and standing troubles for the heartbeat.
    store
        Runs a function on the store, in its thread.
    anchored
        Told what the parent has anchored.
    """

    identity: Callable[[], Identity]
    present: Callable[[], wire.Present]
    inventory: wire.Inventory
    status: Callable[[], tuple[int, str, float, list[str]]]
    store: Callable[[Callable[[Database], Any]], Awaitable[Any]]
    anchored: Callable[[int, str], None]


class Uplink:
    """Delivers to one parent.

    Parameters
    ----------
    url, token
        Of the parent; the token is this node's credential.
    destination
        Whose rows of the outbox it delivers.
    verify
        Whose certificates to trust; True for the system's.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        destination: str,
        source: Source,
        clock: Clock,
        metrics: Metrics,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self.connected = False
        self.answers: deque[wire.Readings] = deque(maxlen=64)
        self._source = source
        self._destination = destination
        self._summaries: deque[Part] = deque()
        self._clock = clock
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._posting = Posting(url, token, verify=verify)
        self._lag = 0
        self._wait = RETRY_FIRST_S
        self._room = POST_BYTES
        self._count = 0
        self._reason = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(keep_going("uplink", self._deliver), name="uplink"),
            asyncio.create_task(keep_going("heartbeat", self._beat), name="heartbeat"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._posting.close()

    def offer(self, summary: Part) -> None:
        """Take a summary to deliver; an hour of them may wait, older ones are shed and counted."""
        while len(self._summaries) >= SUMMARIES_KEPT * min(summary.of, PARTS_KEPT):
            self._summaries.popleft()
            self._metrics.summaries_shed.inc()
        self._summaries.append(summary)
        self.wake()

    def wake(self) -> None:
        """Look at the outbox, the summaries and the answers now."""
        self._wake.set()

    async def _deliver(self) -> None:
        while True:
            pause = 0.0
            try:
                await self._session()
            except UplinkUnavailableError as error:
                self._away(str(error))
                pause = error.wait_s
            except UplinkRejectedError as error:
                self._away(str(error))
                self._wait = RETRY_LAST_S
            except StoreError as error:
                self._away(str(error))
            await asyncio.sleep(max(pause, self._wait * JITTER.uniform(0.5, 1.0)))
            self._wait = min(RETRY_LAST_S, self._wait * 2)
            self._set(connected=False)

    async def _session(self) -> None:
        """One stretch of delivery: present state, then everything that waits, until it breaks."""
        who = self._source.identity()
        self._count += 1
        whole = [
            self._whole(who, "inventory", msgspec.json.encode(self._source.inventory)),
            self._whole(who, "present", msgspec.json.encode(self._source.present())),
        ]
        try:
            self._told(await self._posting.items(who, whole))
        except UplinkTooLargeError:
            for each in whole:
                await self._post_whole(who, each)
        self._set(connected=True)
        while self._source.identity() == who:
            self._wake.clear()
            while await self._drain(who):
                pass
            # One post of each, then alarms again: they never wait behind an hour of summaries.
            if await self._post_summaries(who) | await self._post_answers(who):
                continue
            # Everything was taken: the next outage is a new one.
            self._wait = RETRY_FIRST_S
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._wake.wait()

    async def _drain(self, who: Identity) -> bool:
        """Send one batch of events; return whether more may wait."""
        found: list[tuple[int, bytes]] = await self._source.store(
            lambda database: outbox.oldest(database, self._destination, wire.MAX_ITEMS)
        )
        self._lag = len(found)
        if not found:
            self._metrics.outbox.set(0)
            return False
        rows = found[: fitting([len(entry) for _, entry in found], self._room)]
        items = [wire.item("event", f"{who.life}/{seq}", entry) for seq, entry in rows]
        try:
            receipts = await self._posting.items(who, items)
        except UplinkTooLargeError as error:
            if len(items) > 1 or len(rows[0][1]) <= LEAST_BYTES:
                self._send_less(error)
                return True
            receipts = [wire.Receipt(id=items[0].id, status="rejected", reason=str(error))]
        done = {r.id for r in receipts if r.status in {"stored", "duplicate"}}
        refused = {r.id: r.reason for r in receipts if r.status == "rejected"}
        received = [seq for seq, _ in rows if f"{who.life}/{seq}" in done]
        rejected = [
            (seq, refused[f"{who.life}/{seq}"]) for seq, _ in rows if f"{who.life}/{seq}" in refused
        ]
        if rejected:
            LOG.error("the parent rejects events; kept as dead letters", count=len(rejected),
                      reason=rejected[0][1])  # fmt: skip
        now = self._clock.now_ns()

        def settle(database: Database) -> int:
            outbox.received(database, self._destination, received)
            if rejected:
                outbox.set_aside(database, self._destination, rejected, at_ns=now)
            return outbox.waiting(database, self._destination)

        if self._source.identity() != who:
            # The store was lost meanwhile: in the new one these numbers are other events'.
            return False
        self._lag = await self._source.store(settle)
        self._note_delivered([entry for seq, entry in rows if f"{who.life}/{seq}" in done], now)
        self._metrics.outbox.set(self._lag)
        return self._lag > 0 and bool(received or rejected)

    def _note_delivered(self, entries: Sequence[bytes], now_ns: int) -> None:
        """Note how long after its message the parent had each alarm that a reading moved."""
        delivered = self._metrics.stage_seconds.labels("delivered")
        for event in map(decode_event, entries):
            if event.cause in MADE_BY_READINGS and not event.historical:
                delivered.observe((now_ns - event.received_ns) / NANOSECONDS)

    def _send_less(self, error: UplinkTooLargeError) -> None:
        """Halve the posts; where even the least is too large, it is the parent that is wrong."""
        if self._room <= LEAST_BYTES:
            raise UplinkUnavailableError(f"no post of {self._room} bytes is taken: {error}")
        self._room = max(LEAST_BYTES, self._room // 2)

    def _whole(self, who: Identity, kind: wire.Kind, body: bytes) -> wire.Item:
        return wire.item(kind, f"{who.epoch}/{kind[0]}{self._count}", body)

    async def _post_whole(self, who: Identity, item: wire.Item) -> None:
        """Send what is taken whole or not at all; alarms go on without it."""
        try:
            self._told(await self._posting.items(who, [item]))
        except UplinkTooLargeError as error:
            self._told([wire.Receipt(id=item.id, status="rejected", reason=str(error))])

    @staticmethod
    def _told(receipts: Sequence[wire.Receipt]) -> None:
        for receipt in receipts:
            if receipt.status == "rejected":
                LOG.error("the parent rejects it", item=receipt.id, reason=receipt.reason)

    async def _post_summaries(self, who: Identity) -> bool:
        """Send the oldest summaries, as many as fit; return whether more wait."""
        waiting = self._summaries
        bodies: list[tuple[Part, bytes]] = []
        room = self._room
        for summary in waiting:
            body = msgspec.json.encode(summary.summary())
            room -= len(body)
            bodies.append((summary, body))
            if room < len(body):
                break  # The next is about as large: not made in vain.
        if not bodies:
            return False
        items = [wire.item("summary", f"{who.epoch}/s{s.name}", body) for s, body in bodies]
        try:
            self._told(await self._posting.items(who, items))
        except UplinkTooLargeError as error:
            if len(items) > 1:
                self._send_less(error)
                return True
            self._told([wire.Receipt(id=items[0].id, status="rejected", reason=str(error))])
            self._metrics.summaries_shed.inc()
        for summary, _ in bodies:
            # The oldest may have been shed meanwhile.
            if waiting and waiting[0] is summary:
                waiting.popleft()
        return bool(waiting)

    async def _post_answers(self, who: Identity) -> bool:
        """Send the oldest answer; return whether more wait."""
        if not self.answers:
            return False
        answer = self.answers[0]
        body = msgspec.json.encode(answer)
        await self._post_whole(who, wire.item("readings", f"{who.epoch}/r{answer.order}", body))
        if self.answers and self.answers[0] is answer:
            self.answers.popleft()
        return bool(self.answers)

    async def _beat(self) -> None:
        while True:
            if self.connected:
                try:
                    await self._heartbeat()
                except (UplinkUnavailableError, UplinkRejectedError) as error:
                    LOG.warning("heartbeat not taken", reason=str(error))
            await asyncio.sleep(HEARTBEAT_S if self.connected else 0.5)

    async def _heartbeat(self) -> None:
        who = self._source.identity()
        seq, head, coverage, trouble = self._source.status()
        beat = wire.Heartbeat(
            node=who.node,
            life=who.life,
            epoch=who.epoch,
            last_seq=seq,
            head=head,
            lag=self._lag,
            coverage=coverage,
            clock_ns=self._clock.now_ns(),
            version=__version__,
            trouble=trouble,
        )
        answer = await self._posting.heartbeat(beat)
        if answer.anchored_seq:
            self._source.anchored(answer.anchored_seq, answer.anchored_head)

    def _away(self, reason: str) -> None:
        if reason != self._reason:
            LOG.warning("the parent cannot be reached; events wait in the outbox", reason=reason)
        self._reason = reason
        self._set(connected=False)

    def _set(self, *, connected: bool) -> None:
        if connected and not self.connected:
            LOG.info("connected to the parent")
            self._reason = ""
        self.connected = connected
        self._metrics.parent_connected.set(int(connected))


def fitting(sizes: Sequence[int], room: int) -> int:
    """Return how many of these, at least one, fit into a post of so many bytes."""
    for count, size in enumerate(sizes):
        room -= size
        if room < 0:
            return max(1, count)
    return len(sizes)
