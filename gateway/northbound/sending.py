"""What is sent to the parent, and when it has left: posts of a size that the parent takes.

A row leaves the outbox only when a receipt names it. What is told whole is taken whole or not at
all, and alarms go on without it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from gateway.backoff import Random
from gateway.db import Database
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Cause, Clock, decode_event
from gateway.northbound import outbox, wire
from gateway.northbound.doubts import BACKLOG, IN_A_ROW, LIVE, Doubts
from gateway.northbound.outbox import Row
from gateway.northbound.pace import Pace
from gateway.northbound.posting import (
    Posting,
    UplinkTooLargeError,
    UplinkTurnError,
    UplinkUnavailableError,
    UplinkUnreadableError,
)
from gateway.northbound.source import Gauges, Report, Source, Whole
from gateway.observe import log

#: A post is cut here, and halved down to the least when a parent or a proxy takes no such size.
POST_BYTES: Final = 512 * 1024
LEAST_BYTES: Final = 64 * 1024
PARTS_KEPT: Final = 4
ANSWERS_KEPT: Final = 64
#: A parent that turns a backlog away without a word of when is asked again after so long.
SOONEST_TURN_S: Final = 1.0
MADE_BY_READINGS: Final = frozenset({Cause.RAISE, Cause.CLEAR})
T = TypeVar("T")
LOG = log("northbound.uplink")


class Sending:
    """Sends to one parent what its node has for it; every method raises the errors of `posting`.

    Parameters
    ----------
    posting
        The parent.
    destination
        Whose rows of the outbox it sends.
    summaries
        How many may wait, at a site whose period is one message; up to `PARTS_KEPT` times as many
        at a larger one.
    random
        Draws by how much longer than asked a backlog waits for its turn.
    """

    def __init__(
        self,
        posting: Posting,
        source: Source,
        *,
        destination: str,
        clock: Clock,
        metrics: Gauges,
        summaries: int,
        random: Random,
    ) -> None:
        self.answers: deque[wire.Readings] = deque(maxlen=ANSWERS_KEPT)
        #: Not yet told of in an event.
        self.summaries_shed = 0
        self.lag = 0
        #: Why the parent did not take all of what it is told whole; empty where it did.
        self.refused = ""
        #: When the parent last took or rejected an event, by the clock that never goes back.
        self.taken_ns = clock.monotonic_ns()
        self._posting = posting
        self._source = source
        self._destination = destination
        self._clock = clock
        self._metrics = metrics
        self._summaries: deque[Report] = deque()
        self._kept = summaries
        self._room = POST_BYTES
        self._doubts = Doubts()
        self._random = random
        self._pace = Pace()
        self._paused_to_s = 0.0
        #: Whether this round left something for after the pause.
        self.held = False
        self._after = 0
        #: Posts of other things that were not understood one after another.
        self._row = 0
        self._understood = False
        self._refused = ""

    def offer(self, summary: Report) -> None:
        """Take a summary to send; where too many wait, the oldest are shed and counted."""
        while len(self._summaries) >= self._kept * min(summary.of, PARTS_KEPT):
            self._summaries.popleft()
            self._shed(1)
        self._summaries.append(summary)

    def _shed(self, count: int) -> None:
        self.summaries_shed += count
        self._metrics.summaries_shed.inc(count)

    async def whole(self, who: Identity, whole: Whole) -> None:
        """Send what a connection begins with, as many items to a post as fit."""
        self._after = whole.seq
        self._doubts.again()
        self._row, self._understood = 0, False
        # For as long as the parent asked it to be, a backlog is held over a new connection too.
        self._pace = Pace()
        self._refused = ""
        await self._posts(who, whole.items)
        self.refused = self._refused
        if self._row and not self._understood:
            raise UplinkUnavailableError("the parent understands nothing of the present state")
        self.lag = await self._source.store(
            lambda database: outbox.waiting(database, self._destination)
        )
        self._metrics.outbox.set(self.lag)

    async def changes(self, who: Identity, connection: str) -> bool:
        """Send some of what has changed since of what is told whole; return whether any did."""
        items = await self._source.changes(connection)
        self._refused = ""
        await self._posts(who, items)
        self.refused = self.refused or self._refused
        return bool(items)

    async def live(self, who: Identity, connection: str) -> tuple[bool, bool]:
        """Send what has changed, and one post of what was made since the connection began.

        What had changed when these events were made goes before them. An alarm that has older
        events waiting sends those first: its events arrive in order.

        Returns
        -------
        changed, left
            Whether anything had changed, and whether any event left.
        """
        doubts, after = self._doubts, self._after
        rows: list[Row] = await self._source.store(
            lambda database: outbox.live(
                database, self._destination, doubts.most[LIVE], after=after, skip=doubts.skip
            )
        )
        changed = await self.changes(who, connection)
        return changed, await self._events(who, rows, of=LIVE)

    async def backlog(self, who: Identity) -> bool:
        """Send one post of what waited when the connection began; return whether any left."""
        doubts, after = self._doubts, self._after
        once_more = await self._once_more(who)
        self.held = self.paused_s > 0
        if self.held:
            return once_more
        most = min(doubts.most[BACKLOG], self._pace.most)
        rows: list[Row] = await self._source.store(
            lambda database: outbox.oldest(
                database, self._destination, most, up_to=after, skip=doubts.skip
            )
        )
        try:
            left = await self._paced(self._events(who, rows)) if rows else False
        except UplinkTurnError as error:
            return self._turned_away(error) or once_more
        return left or once_more

    async def _once_more(self, who: Identity) -> bool:
        """Send an event alone that was refused among others; it may be live: no pause holds it."""
        due = self._doubts.due()
        if due is None:
            return False
        rows: list[Row] = await self._source.store(
            lambda database: outbox.named(database, self._destination, due)
        )
        if not rows:
            self._doubts.forget(due)
        return await self._events(who, rows, urgency=LIVE)

    async def _paced(self, post: Awaitable[T]) -> T:
        """Send a post of what waited, and note how long the parent takes for it."""
        begun_s = asyncio.get_running_loop().time()
        found = await post
        ended_s = asyncio.get_running_loop().time()
        self._pace.answered(ended_s - begun_s)
        self._paused_to_s = ended_s + self._pace.pause_s
        return found

    def _turned_away(self, error: UplinkTurnError) -> bool:
        """Wait with what waited for as long as is asked, and a stretch that nobody else waits."""
        self.held = True
        asked_s = max(error.wait_s, SOONEST_TURN_S)
        self._paused_to_s = (
            asyncio.get_running_loop().time() + asked_s + self._random.uniform(0.0, asked_s)
        )
        return False

    @property
    def paused_s(self) -> float:
        """How long the backlog is not sent yet, for the sake of others' live alarms.

        By the machine's own clock, as the parent's is, however fast the node's runs.
        """
        return max(0.0, self._paused_to_s - asyncio.get_running_loop().time())

    def rest(self) -> None:
        """Everything was sent that could be: what was passed over has its turn again."""
        self._doubts.again()

    async def _events(
        self,
        who: Identity,
        found: Sequence[Row],
        *,
        of: wire.Urgency = BACKLOG,
        urgency: wire.Urgency | None = None,
    ) -> bool:
        """Send as many of these as fit into a post; return whether any left the outbox."""
        if not found or self._source.identity() != who:
            # Of another life, they follow its present state.
            return False
        rows = found[: fitting([len(row.entry) for row in found], self._room)]
        seqs = [row.seq for row in rows]
        items = [self._source.event(who, row.seq, row.entry) for row in rows]
        try:
            receipts = await self._posting.items(who, items, urgency=urgency or of)
        except UplinkTooLargeError as error:
            if len(items) > 1 or len(rows[0].entry) <= LEAST_BYTES:
                self._send_less(error)
                return True
            receipts = [wire.Receipt(id=items[0].id, status="rejected", reason=str(error))]
        except UplinkUnreadableError as error:
            if not self._doubts.refused(seqs, str(error), of=of):
                raise UplinkUnavailableError(f"no event is taken: {error}") from error
            return True
        return await self._settle(who, list(zip(items, rows, strict=True)), receipts, of=of)

    async def _settle(
        self,
        who: Identity,
        sent: Sequence[tuple[wire.Item, Row]],
        receipts: Sequence[wire.Receipt],
        *,
        of: wire.Urgency,
    ) -> bool:
        done = {r.id for r in receipts if r.status in {"stored", "duplicate"}}
        refused = {r.id: r.reason for r in receipts if r.status == "rejected"}
        received = [row for item, row in sent if item.id in done]
        rejected = [
            (row.seq, refused[item.id])
            for item, row in sent
            if item.id in refused and item.id not in done
        ]
        unnamed = [row.seq for item, row in sent if item.id not in done and item.id not in refused]
        if received:
            self._doubts.taken([row.seq for row in received], of=of)
            rejected += self._doubts.hopeless()
        if unnamed and not self._doubts.unnamed(unnamed):
            raise UplinkUnavailableError(f"the parent names no receipt for {len(unnamed)} events")
        now = self._clock.now_ns()

        def settle(database: Database) -> int:
            outbox.received(database, self._destination, [row.seq for row in received])
            if rejected:
                outbox.set_aside(database, self._destination, rejected, at_ns=now)
            return outbox.waiting(database, self._destination)

        if self._source.identity() != who:
            # The store was lost meanwhile: in the new one these numbers are other events'.
            return False
        self.lag = await self._source.store(settle)
        self._metrics.outbox.set(self.lag)
        self._note_delivered([row.entry for row in received], now)
        if received or rejected:
            self.taken_ns = self._clock.monotonic_ns()
        if rejected:
            LOG.error("the parent rejects events; kept as dead letters", count=len(rejected),
                      reason=rejected[0][1])  # fmt: skip
            self._source.rejected(len(rejected))
        # Behind those that no receipt names there may be others.
        return bool(received or rejected or unnamed)

    def _note_delivered(self, entries: Sequence[bytes], now_ns: int) -> None:
        """Note how long after its message the parent had each alarm that a reading moved."""
        delivered = self._metrics.stage_seconds.labels("delivered")
        for event in map(decode_event, entries):
            if event.cause in MADE_BY_READINGS and not event.historical:
                delivered.observe((now_ns - event.received_ns) / NANOSECONDS)

    async def summaries(self, who: Identity) -> bool:
        """Send the oldest summaries, as many as fit; return whether more wait."""
        if self.paused_s:
            self.held = True
            return False
        waiting = self._summaries
        made: list[tuple[Report, wire.Item]] = []
        room = self._room
        for summary in islice(waiting, self._pace.most):
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
            took = await self._paced(self._told(who, items, urgency=BACKLOG))
        except UplinkTurnError as error:
            return self._turned_away(error)
        self._shed(len(items) - took)
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

    async def _posts(self, who: Identity, items: Iterable[wire.Item]) -> None:
        waiting: list[wire.Item] = []
        room = self._room
        for item in items:
            size = len(bytes(item.body))
            room -= size
            if waiting and (room < 0 or len(waiting) == wire.MAX_ITEMS):
                await self._told(who, waiting)
                waiting, room = [], self._room - size
            waiting.append(item)
        if waiting:
            await self._told(who, waiting)

    async def _told(
        self, who: Identity, items: Sequence[wire.Item], *, urgency: wire.Urgency = "state"
    ) -> int:
        """Send what waits in no outbox; return how many items were taken.

        A post that is too large, or not understood, is halved until what is wrong with it stands
        alone, and that is done without.
        """
        try:
            receipts = await self._posting.items(who, items, urgency=urgency)
        except (UplinkTooLargeError, UplinkUnreadableError) as error:
            if len(items) > 1:
                half = len(items) // 2
                first = await self._told(who, items[:half], urgency=urgency)
                return first + await self._told(who, items[half:], urgency=urgency)
            self._row += isinstance(error, UplinkUnreadableError)
            if self._row >= IN_A_ROW:
                raise UplinkUnavailableError(f"nothing is taken: {error}") from error
            receipts = [wire.Receipt(id=items[0].id, status="rejected", reason=str(error))]
        else:
            self._row, self._understood = 0, True
        rejected = [receipt for receipt in receipts if receipt.status == "rejected"]
        for receipt in rejected:
            LOG.error("the parent rejects it", item=receipt.id, reason=receipt.reason)
            self._refused = self._refused or receipt.reason or "it does not say why"
        if {item.id for item in items} - {receipt.id for receipt in receipts}:
            self._refused = self._refused or "the parent names no receipt for a part of it"
        self._source.receipts(receipts)
        return len(items) - len(rejected)

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
