"""To the parent: a connection begins with the present state, then everything that waits is sent.

A parent that is away, slow or refusing costs nothing here: the outbox waits on disk, summaries wait
in bounded memory, and attempts back off with jitter so that a county's gateways do not all return
in the same second. An edge and a centre have the same uplink; what it sends is their `Source`'s.

That the node lives is said beside all this, whether anything is delivered or not: else a parent
that is slow or asks to wait would take the silence it asked for as the loss of the node.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from gateway import __version__
from gateway.backoff import Backoff
from gateway.db import StoreError
from gateway.identity import Identity
from gateway.model import Clock
from gateway.northbound import wire
from gateway.northbound.posting import (
    Posting,
    UplinkRejectedError,
    UplinkTooLargeError,
    UplinkUnavailableError,
    UplinkUnreadableError,
)
from gateway.northbound.sending import Sending
from gateway.northbound.source import Gauges, Report, Source
from gateway.observe import log
from gateway.tasks import Tasks

HEARTBEAT_S: Final = 15.0
#: An hour of them.
SUMMARIES_KEPT: Final = 360
RETRY_FIRST_S: Final = 0.25
RETRY_LAST_S: Final = 30.0
#: A present state of which something was refused is told again after so long.
WHOLE_AGAIN_S: Final = 600.0
#: A heartbeat comes a little early, each time by another stretch; by a longer one while the parent
#: is away, since whoever is answered connects: those it was lost to together come back apart.
EARLY: Final = 0.8
EARLY_AWAY: Final = 0.5
RANDOM: Final = secrets.SystemRandom()
#: What a parent may answer to anything.
REFUSED: Final = (
    UplinkUnavailableError,
    UplinkRejectedError,
    UplinkTooLargeError,
    UplinkUnreadableError,
)
LOG = log("northbound.uplink")


class Uplink:
    """Delivers to one parent.

    Parameters
    ----------
    url, token
        Of the parent; the token is this node's credential.
    destination
        Whose rows of the outbox it delivers.
    verify
        Whose certificates to trust.
    answered
        Given what the parent answers to each heartbeat.
    summaries
        How many periods of them may wait.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        destination: str,
        source: Source,
        clock: Clock,
        metrics: Gauges,
        verify: ssl.SSLContext,
        summaries: int = SUMMARIES_KEPT,
        answered: Callable[[wire.HeartbeatAnswer], None] = lambda _: None,
    ) -> None:
        self.connected = False
        self.destination = destination
        self._answered = answered
        self._source = source
        self._clock = clock
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._met = asyncio.Event()
        self._answers = asyncio.Event()
        self._posting = Posting(url, token, verify=verify, clock=clock)
        self._sending = Sending(
            self._posting,
            source,
            destination=destination,
            clock=clock,
            metrics=metrics,
            summaries=summaries,
            random=RANDOM,
        )
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_LAST_S, random=RANDOM)
        self._count = 0
        self._reason = ""
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.keep("uplink", self._deliver)
        self._tasks.keep("heartbeat", self._beat)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        await self._posting.close()

    def offer(self, summary: Report) -> None:
        """Take a summary to deliver; where too many wait, the oldest are shed and counted."""
        self._sending.offer(summary)
        self.wake()

    def answer(self, readings: wire.Readings) -> None:
        """Take the readings that an order asked for, to deliver them."""
        self._sending.answers.append(readings)
        self.wake()

    @property
    def taken_ns(self) -> int:
        """When the parent last took an event, by the clock that never goes back."""
        return self._sending.taken_ns

    @property
    def refused(self) -> str:
        """Why the parent did not take all of the present state; empty where it did."""
        return self._sending.refused

    def note_shed(self, count: int) -> None:
        """Note that so many summaries were shed before they were offered here."""
        self._sending.summaries_shed += count

    def take_shed(self) -> int:
        """Return how many summaries were shed since this was last asked."""
        shed, self._sending.summaries_shed = self._sending.summaries_shed, 0
        return shed

    def wake(self) -> None:
        """Look at the outbox, the summaries and the answers now."""
        self._wake.set()

    async def _deliver(self) -> None:
        while True:
            asked_s = wait = 0.0
            try:
                await self._session()
            except UplinkUnavailableError as error:
                self._away(str(error))
                # Whom a parent asks to wait for the same time does not come back at the same time.
                asked_s, wait = error.wait_s, self._backoff.next()
            except UplinkRejectedError as error:
                self._away(str(error))
                wait = self._backoff.longest()
            except (StoreError, UplinkUnreadableError, UplinkTooLargeError) as error:
                self._away(str(error))
                wait = self._backoff.next()
            await asyncio.sleep(asked_s)
            self._answers.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    # A parent that answers a heartbeat is there again.
                    await self._answers.wait()
            self._set(connected=False)

    async def _session(self) -> None:
        """One stretch of delivery: present state, live, backlog, until it breaks."""
        who = self._source.identity()
        self._count += 1
        connection = f"{who.epoch}/{self._count}"
        sending = self._sending
        await sending.whole(who, await self._source.whole(connection))
        self._set(connected=True)
        began_s = asyncio.get_running_loop().time()
        while self._source.identity() == who:
            if sending.refused and asyncio.get_running_loop().time() - began_s >= WHOLE_AGAIN_S:
                # A proxy's limit may have been raised, or what stood in the way has ended.
                break
            if await self._round(who, connection):
                continue
            if self._source.identity() != who:
                # This round has taken the call that told of it.
                break
            if not sending.lag:
                # Everything was taken: the next outage is a new one.
                self._backoff.reset()
            wait_s = sending.paused_s if sending.held else HEARTBEAT_S
            if not sending.held:
                sending.rest()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(HEARTBEAT_S, wait_s)):
                    await self._wake.wait()

    async def _round(self, who: Identity, connection: str) -> bool:
        """Send one post of each sort; return whether there may be more to send.

        Before each goes what is live: an alarm waits for one post at most, however much else does.
        """
        sending = self._sending
        self._wake.set()
        more = False
        for send in (sending.backlog, sending.summaries, sending.answer):
            if self._wake.is_set():
                self._wake.clear()
                # A node below is told of before its events: else the parent lets them wait.
                changed, left = await sending.live(who, connection)
                more |= changed or left
                if left:
                    # A post may not have held all of it.
                    self._wake.set()
            more |= await send(who)
        return more

    async def _beat(self) -> None:
        """Say each 15 s that the node lives, and at once where a connection begins."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            early = EARLY if self.connected else EARLY_AWAY
            due = began + HEARTBEAT_S * RANDOM.uniform(early, 1.0)
            met = True
            try:
                async with asyncio.timeout_at(due):
                    await self._met.wait()
            except TimeoutError:
                met = False
            self._met.clear()
            began, away = loop.time(), not self.connected
            try:
                await self._heartbeat()
            except REFUSED as error:
                if not away:
                    LOG.warning("heartbeat not taken", reason=str(error))
            else:
                # Not the one of a connection that has ended meanwhile: it would end each wait.
                if away and not met:
                    self._answers.set()

    async def _heartbeat(self) -> None:
        who = self._source.identity()
        seq, head, coverage, trouble = self._source.status()
        # While a disk hangs, what it has not written waits as well: nobody above has all of it.
        lag = self._sending.lag + self._source.unwritten()
        beat = wire.Heartbeat(
            node=who.node,
            life=who.life,
            epoch=who.epoch,
            last_seq=seq,
            head=head,
            # Without a connection at least the present state waits.
            lag=lag if self.connected else max(1, lag),
            coverage=coverage,
            clock_ns=self._clock.now_ns(),
            version=__version__,
            trouble=trouble,
        )
        answer = await self._posting.heartbeat(beat)
        self._answered(answer)
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
            self._met.set()
        self.connected = connected
        self._metrics.parent_connected.set(int(connected))
