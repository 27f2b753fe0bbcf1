"""What is sent to the parent, and when it has left: posts of a size that the parent takes.

A row leaves the outbox only when a receipt names it. What is told whole is taken whole or not at
all, and alarms go on without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from gateway.db import Database
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Cause, Clock, decode_event
from gateway.northbound import outbox, wire
from gateway.northbound.posting import Posting, UplinkTooLargeError, UplinkUnavailableError
from gateway.northbound.source import Gauges, Report, Source, Whole
from gateway.observe import log

#: A post is cut here, and halved down to the least when a parent or a proxy takes no such size.
POST_BYTES: Final = 512 * 1024
LEAST_BYTES: Final = 64 * 1024
#: Ten-second summaries that wait: an hour of them, at sites of up to `PARTS_KEPT` messages each.
SUMMARIES_KEPT: Final = 360
PARTS_KEPT: Final = 4
ANSWERS_KEPT: Final = 64
MADE_BY_READINGS: Final = frozenset({Cause.RAISE, Cause.CLEAR})
LOG = log("northbound.uplink")


class Sending:
    """Sends to one parent what its node has for it; every method raises the errors of `posting`.

    Parameters
    ----------
    posting
        The parent.
    destination
        Whose rows of the outbox it sends.
    """

    def __init__(
        self, posting: Posting, source: Source, *, destination: str, clock: Clock, metrics: Gauges
    ) -> None:
        self.answers: deque[wire.Readings] = deque(maxlen=ANSWERS_KEPT)
        self.lag = 0
        self._posting = posting
        self._source = source
        self._destination = destination
        self._clock = clock
        self._metrics = metrics
        self._summaries: deque[Report] = deque()
        self._room = POST_BYTES

    def offer(self, summary: Report) -> None:
        """Take a summary to send; an hour of them may wait, older ones are shed and counted."""
        while len(self._summaries) >= SUMMARIES_KEPT * min(summary.of, PARTS_KEPT):
            self._summaries.popleft()
            self._metrics.summaries_shed.inc()
        self._summaries.append(summary)

    async def whole(self, who: Identity, whole: Whole) -> None:
        """Send what a connection begins with, as many items to a post as fit."""
        waiting: list[wire.Item] = []
        room = self._room
        for item in whole.items:
            room -= len(bytes(item.body))
            if waiting and (room < 0 or len(waiting) == wire.MAX_ITEMS):
                await self._told(who, waiting)
                waiting, room = [], self._room - len(bytes(item.body))
            waiting.append(item)
        if waiting:
            await self._told(who, waiting)

    async def events(self, who: Identity) -> bool:
        """Send one post of events; return whether more may wait."""
        found: list[tuple[int, bytes]] = await self._source.store(
            lambda database: outbox.oldest(database, self._destination, wire.MAX_ITEMS)
        )
        self.lag = len(found)
        if not found:
            self._metrics.outbox.set(0)
            return False
        rows = found[: fitting([len(entry) for _, entry in found], self._room)]
        items = [self._source.event(who, seq, entry) for seq, entry in rows]
        try:
            receipts = await self._posting.items(who, items)
        except UplinkTooLargeError as error:
            if len(items) > 1 or len(rows[0][1]) <= LEAST_BYTES:
                self._send_less(error)
                return True
            receipts = [wire.Receipt(id=items[0].id, status="rejected", reason=str(error))]
        return await self._settle(list(zip(items, rows, strict=True)), receipts)

    async def _settle(
        self,
        sent: Sequence[tuple[wire.Item, tuple[int, bytes]]],
        receipts: Sequence[wire.Receipt],
    ) -> bool:
        done = {r.id for r in receipts if r.status in {"stored", "duplicate"}}
        refused = {r.id: r.reason for r in receipts if r.status == "rejected"}
        received = [row for item, row in sent if item.id in done]
        rejected = [(seq, refused[item.id]) for item, (seq, _) in sent if item.id in refused]
        if rejected:
            LOG.error("the parent rejects events; kept as dead letters", count=len(rejected),
                      reason=rejected[0][1])  # fmt: skip
        now = self._clock.now_ns()

        def settle(database: Database) -> int:
            outbox.received(database, self._destination, [seq for seq, _ in received])
            if rejected:
                outbox.set_aside(database, self._destination, rejected, at_ns=now)
            return outbox.waiting(database, self._destination)

        self.lag = await self._source.store(settle)
        self._note_delivered([entry for _, entry in received], now)
        self._metrics.outbox.set(self.lag)
        return self.lag > 0 and bool(received or rejected)

    def _note_delivered(self, entries: Sequence[bytes], now_ns: int) -> None:
        """Note how long after its message the parent had each alarm that a reading moved."""
        delivered = self._metrics.stage_seconds.labels("delivered")
        for event in map(decode_event, entries):
            if event.cause in MADE_BY_READINGS and not event.historical:
                delivered.observe((now_ns - event.received_ns) / NANOSECONDS)

    async def summaries(self, who: Identity) -> bool:
        """Send the oldest summaries, as many as fit; return whether more wait."""
        waiting = self._summaries
        made: list[tuple[Report, wire.Item]] = []
        room = self._room
        for summary in islice(waiting, wire.MAX_ITEMS):
            item = summary.item(who.epoch)
            size = len(bytes(item.body))
            room -= size
            made.append((summary, item))
            if room < size:
                break  # The next is about as large: not made in vain.
        if not made:
            return False
        items = [item for _, item in made]
        try:
            self._tell(await self._posting.items(who, items))
        except UplinkTooLargeError as error:
            if len(items) > 1:
                self._send_less(error)
                return True
            self._tell([wire.Receipt(id=items[0].id, status="rejected", reason=str(error))])
            self._metrics.summaries_shed.inc()
        for summary, _ in made:
            # The oldest may have been shed meanwhile.
            if waiting and waiting[0] is summary:
                waiting.popleft()
        return bool(waiting)

    async def answer(self, who: Identity) -> bool:
        """Send the oldest answer; return whether more wait."""
        if not self.answers:
            return False
        answer = self.answers[0]
        body = wire.encode(answer)
        await self._told(who, [wire.item("readings", f"{who.epoch}/r{answer.order}", body)])
        if self.answers and self.answers[0] is answer:
            self.answers.popleft()
        return bool(self.answers)

    async def _told(self, who: Identity, items: Sequence[wire.Item]) -> None:
        """Send what waits nowhere: too much at once is halved, what is too large left out."""
        try:
            receipts = await self._posting.items(who, items)
        except UplinkTooLargeError as error:
            if len(items) > 1:
                half = len(items) // 2
                await self._told(who, items[:half])
                await self._told(who, items[half:])
                return
            receipts = [wire.Receipt(id=items[0].id, status="rejected", reason=str(error))]
        self._tell(receipts)
        self._source.receipts(receipts)

    @staticmethod
    def _tell(receipts: Sequence[wire.Receipt]) -> None:
        for receipt in receipts:
            if receipt.status == "rejected":
                LOG.error("the parent rejects it", item=receipt.id, reason=receipt.reason)

    def _send_less(self, error: UplinkTooLargeError) -> None:
        """Halve the posts; where even the least is too large, it is the parent that is wrong."""
        if self._room <= LEAST_BYTES:
            raise UplinkUnavailableError(f"no post of {self._room} bytes is taken: {error}")
        self._room = max(LEAST_BYTES, self._room // 2)


def fitting(sizes: Sequence[int], room: int) -> int:
    """Return how many of these, at least one, fit into a post of so many bytes."""
    for count, size in enumerate(sizes):
        room -= size
        if room < 0:
            return max(1, count)
    return len(sizes)
