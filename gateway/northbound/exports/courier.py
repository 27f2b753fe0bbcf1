"""The courier of an export: reads a destination's rows in order and brings them to its receiver.

A row leaves the outbox when the receiver has taken it, when it refuses it for ever while it takes
others (then it is a dead letter, with the reason), or when the export's filter leaves it out.
Nothing else removes it but the bound of the export (`keep`), which sheds the oldest and counts them
in an event. Between two rows of one alarm the order stays. A receiver that is away, slow or
refusing holds up nothing but its own rows: they wait on disk, and attempts back off with jitter. An
alarm that alone is not taken holds up nothing but itself.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from gateway.backoff import Backoff
from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, AlarmEvent, Clock, decode_event
from gateway.northbound import outbox
from gateway.northbound.exports.passing import DECLINED_TRIES, TRIES, Passing
from gateway.northbound.exports.port import (
    Outcome,
    Parcel,
    PostRefusedError,
    Receiver,
    ReceiverAwayError,
)
from gateway.northbound.exports.rows import shed, unchanged
from gateway.observe import ExportMetrics, log
from gateway.tasks import Tasks

RETRY_FIRST_S: Final = 0.5
RETRY_LAST_S: Final = 60.0
#: How long a batch may take; a receiver keeps a bound of its own for each thing it waits for.
DELIVER_S: Final = 120.0
#: How often it looks at the outbox unasked, and counts what waits.
LOOK_S: Final = 15.0
#: Between being woken and looking, s: each look asks the store's thread, which has alarms to write.
GATHER_S: Final = 0.1
#: An export without progress for so long is a trouble of its node.
TROUBLE_NS: Final = 60 * NANOSECONDS
#: A batch is cut here: what a post holds in memory, whatever people typed into comments.
BATCH_BYTES: Final = 512 * 1024
JITTER = secrets.SystemRandom()
LOG = log("northbound.exports")

Store = Callable[[Callable[[Database], Any]], Awaitable[Any]]


class Courier:
    """Delivers to one receiver.

    Parameters
    ----------
    name
        Of the export.
    receiver
        Takes batches.
    destination
        Whose rows of the outbox it delivers.
    wanted
        The export's filter.
    store
        Runs a function on the store, in its thread.
    keep
        Rows that may wait.
    lost
        Told what was shed: how many, and why; it makes a durable event of it.
    """

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        *,
        destination: str,
        wanted: Callable[[AlarmEvent], bool],
        store: Store,
        keep: int,
        lost: Callable[[int, str], None],
        clock: Clock,
        metrics: ExportMetrics,
    ) -> None:
        self.name = name
        self._receiver = receiver
        self._destination = destination
        self._wanted = wanted
        self._store = store
        self._keep = keep
        self._lost = lost
        self._clock = clock
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_LAST_S, random=JITTER)
        self._room = receiver.most
        self._passing = Passing(RETRY_FIRST_S, RETRY_LAST_S, random=JITTER)
        self._passing_since = 0
        self._reason = ""
        self._since = 0
        #: When the post under way began; 0 while there is none.
        self._begun = 0
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        for gauge in (self._metrics.waiting, self._metrics.connected):
            gauge.labels(self.name).set(0)
        # What waits is counted and bounded beside the posts: one that hangs must not hide it.
        for name, work in (("export", self._deliver), ("export's bound", self._watch)):
            self._tasks.keep(f"{name} {self.name}", work)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        await self._receiver.close()

    @property
    def trouble(self) -> str:
        """What hinders it, once it has for a minute; empty while all is well."""
        some = f"{len(self._passing)} alarm(s) not taken: {self._passing.reason}"
        for since, reason in (
            (self._since, self._reason),
            (self._begun, "it does not answer"),
            (self._passing_since, some),
        ):
            if since and self._clock.monotonic_ns() - since >= TROUBLE_NS:
                return f"export {self.name}: {reason}"
        return ""

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    async def _deliver(self) -> None:
        while True:
            pause = 0.0
            try:
                self._wake.clear()
                while await self._step():
                    pass
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._passing.wait(self._loop_s(), LOOK_S)):
                        await self._wake.wait()
                    # A flood comes in many commits: it is looked at a few times a second.
                    await asyncio.sleep(GATHER_S)
                continue
            except ReceiverAwayError as error:
                self._away(str(error))
                pause = error.wait_s
            except StoreError as error:
                self._away(str(error))
            await asyncio.sleep(pause + self._backoff.next())

    async def _step(self) -> bool:
        """Settle one batch; return whether more may wait."""
        without = self._passing.alarms(self._loop_s())
        rows: list[outbox.Row] = await self._store(
            lambda database: outbox.oldest(
                database, self._destination, self._receiver.most, without=without
            )
        )
        if not rows:
            if not without:
                self._passing.clear()
                self._passing_since = 0
                self._metrics.waiting.labels(self.name).set(0)
            return False
        parcels, left_out = self._sorted(rows)
        outcome = await self._delivered(parcels) if parcels else Outcome()
        doubted = bool(outcome.doubtful or outcome.declined)
        if not (outcome.taken or outcome.refused or doubted or left_out):
            # Perhaps one of them is to blame: with fewer at each attempt it will stand alone.
            self._room = max(1, self._room // 2)
            raise ReceiverAwayError(outcome.trouble or "it names no event in its receipt")
        hopeless = self._pass_over(parcels, outcome)
        whole = replace(outcome, refused=[*outcome.refused, *hopeless])
        await self._settle(whole, left_out, of=rows)
        if outcome.taken or outcome.refused:
            self._progress()
        elif doubted and self._passing.useless:
            raise ReceiverAwayError(self._passing.reason)
        return True

    def _pass_over(self, parcels: Sequence[Parcel], outcome: Outcome) -> list[tuple[int, str]]:
        """Note which alarms were not taken; return what is hopeless, with the reason."""
        sent = {parcel.number: parcel for parcel in parcels}
        self._passing.taken([sent[number].event.alarm for number in outcome.taken])
        before = len(self._passing)
        doubts = [(*each, TRIES) for each in outcome.doubtful]
        doubts += [(*each, DECLINED_TRIES) for each in outcome.declined]
        hopeless = [
            (number, f"not taken {tries} times, others were: {reason}")
            for number, reason, tries in doubts
            if self._passing.doubtful(
                sent[number].event.alarm, sent[number].id, reason, self._loop_s(), tries=tries
            )
        ]
        if len(self._passing) > before == 0:
            LOG.warning("the receiver does not take some alarms; they wait, the others go on",
                        export=self.name, reason=self._passing.reason)  # fmt: skip
        if not self._passing:
            self._passing_since = 0
        else:
            self._passing_since = self._passing_since or self._clock.monotonic_ns()
        return hopeless

    def _sorted(self, rows: Sequence[outbox.Row]) -> tuple[list[Parcel], list[int]]:
        """Return what to send at once, and the rows before its end that the filter leaves out."""
        parcels: list[Parcel] = []
        left_out: list[int] = []
        size = 0
        for row in rows:
            event = decode_event(row.entry)
            if not self._wanted(event):
                left_out.append(row.seq)
                continue
            size += len(row.entry)
            if parcels and (len(parcels) >= self._room or size > BATCH_BYTES):
                break
            parcels.append(Parcel(row.seq, event, row.entry))
        return parcels, left_out

    async def _delivered(self, parcels: Sequence[Parcel]) -> Outcome:
        self._begun = self._clock.monotonic_ns()
        try:
            async with asyncio.timeout(DELIVER_S):
                outcome = await self._receiver.deliver(parcels)
        except TimeoutError:
            raise ReceiverAwayError(f"it does not answer within {DELIVER_S:g} s") from None
        except PostRefusedError as error:
            if len(parcels) > 1:
                # Half as many, until the one that is to blame stands alone.
                self._room = max(1, len(parcels) // 2)
                return await self._delivered(parcels[: self._room])
            outcome = Outcome(declined=[(parcels[0].number, str(error))])
        finally:
            self._begun = 0
        if outcome.taken or outcome.refused:
            self._room = min(self._receiver.most, self._room * 2)
        return outcome

    async def _settle(
        self, outcome: Outcome, left_out: Sequence[int], *, of: Sequence[outbox.Row]
    ) -> None:
        if outcome.refused:
            LOG.error("the receiver refuses events for ever; kept as dead letters",
                      export=self.name, count=len(outcome.refused),
                      reason=outcome.refused[0][1])  # fmt: skip
        now = self._clock.now_ns()

        def settle(database: Database) -> None:
            if outcome.note is not None:
                # Before the rows go: after a crash between the two they come again, and are known.
                with database.transaction(durable=False):
                    outcome.note(database)
            # The store may have been lost meanwhile: in the new one the numbers are other events'.
            same = unchanged(database, self._destination, of)
            gone = [number for number in (*outcome.taken, *left_out) if number in same]
            outbox.received(database, self._destination, gone)
            if refused := [each for each in outcome.refused if each[0] in same]:
                outbox.set_aside(database, self._destination, refused, at_ns=now)

        await self._store(settle)
        self._metrics.events.labels(self.name).inc(len(outcome.taken))
        self._metrics.refused.labels(self.name).inc(len(outcome.refused))

    @staticmethod
    def _loop_s() -> float:
        loop = asyncio.get_running_loop()
        return loop.time()

    async def _watch(self) -> None:
        """Count what waits and keep the bound, now and then, whatever the receiver does."""
        while True:
            with suppress(StoreError):
                await self._count()
            await asyncio.sleep(LOOK_S)

    async def _count(self) -> None:
        """Count what waits; shed what is beyond the bound, and count that too."""
        # Some at a time: between two the store's thread has alarms to write.
        while await self._store(lambda database: shed(database, self._destination, self._keep)):
            pass
        await self._tell_shed()
        waiting: int = await self._store(
            lambda database: outbox.waiting(database, self._destination)
        )
        self._metrics.waiting.labels(self.name).set(waiting)

    async def _tell_shed(self) -> None:
        """Tell what was shed, also by the process before this one."""
        untold: int = await self._store(
            lambda database: outbox.shed_untold(database, self._destination)
        )
        if not untold:
            return
        LOG.error("events were shed: more waited than the export keeps",
                  export=self.name, count=untold, keep=self._keep)  # fmt: skip
        self._metrics.shed.labels(self.name).inc(untold)
        self._lost(untold, f"export {self.name}: more than {self._keep} events waited")
        # After the event, in the store's order: a crash between them counts twice, never not.
        await self._store(lambda database: outbox.count_shed(database, self._destination, -untold))

    def _away(self, reason: str) -> None:
        if reason != self._reason:
            LOG.warning("the receiver does not take events; they wait in the outbox",
                        export=self.name, reason=reason)  # fmt: skip
        self._since = self._since or self._clock.monotonic_ns()
        self._reason = reason
        self._metrics.connected.labels(self.name).set(0)

    def _progress(self) -> None:
        if self._since:
            LOG.info("the receiver takes events again", export=self.name)
        self._reason, self._since = "", 0
        self._backoff.reset()
        self._metrics.connected.labels(self.name).set(1)
