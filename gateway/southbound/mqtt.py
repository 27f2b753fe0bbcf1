"""The broker session: subscribe, hand messages over in batches, acknowledge when told to.

Acknowledgement is manual. A message is acknowledged in arrival order, only on the connection it
came on, and only when the caller says that it is durable; until then the broker keeps it. The
session outlives connections (MQTT 5 session expiry, MQTT 3.1.1 clean session off), so what was not
acknowledged comes again. One connection at a time is `gateway.southbound.connection`'s.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import numpy as np

from gateway.backoff import Backoff
from gateway.model import Clock
from gateway.southbound.arrivals import MARKER, Arrivals, Receipt, own_topic
from gateway.southbound.connection import Connection
from gateway.southbound.fence import Fence
from gateway.southbound.packets import COLUMNS, FLAGS, OWN, Bytes, Spans, find
from gateway.southbound.settings import BrokerSettings
from gateway.tasks import Tasks

RETRY_FIRST_S: Final = 0.2
RETRY_LAST_S: Final = 30.0
#: A clock that shows less than this before the last message was not set, but read at once; ns.
AT_ONCE_NS: Final = 1_000_000
RANDOM: Final = secrets.SystemRandom()


class BrokerSession:
    """A session with one broker that is made again whenever it breaks.

    Parameters
    ----------
    settings
        Address, version, credentials.
    node
        Node id: the client id unless the settings name one, and the fence's topic.
    filters
        Topics to subscribe, at QoS 1.
    clock
        Stamps the received time.
    deliver
        Takes messages in arrival order, on the event loop, about once for each read of the socket;
        they lie in a buffer that is used again. Returns whether the broker has room to send more
        while the session waits a moment.
    changed
        Told None when subscribed, and the reason when the session breaks.
    heard_itself
        Whether the broker is known to deliver what the node says to itself.

    Notes
    -----
    Nothing is started before ``async with``; `close` is part of leaving it.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        node: str,
        filters: Sequence[str],
        clock: Clock,
        deliver: Callable[[Arrivals], bool],
        changed: Callable[[str | None], None],
        heard_itself: bool = False,
    ) -> None:
        self.settings = settings
        self.connection = 0
        self._node = node
        self._filters = tuple(filters)
        self._clock = clock
        self._deliver = deliver
        self._changed = changed
        self._topic = own_topic(node)
        self._own = np.frombuffer(bytearray(self._topic.encode()), np.uint8)
        self._fence = Fence(self._topic, clock, known=heard_itself)
        self._line: Connection | None = None
        self._paused = False
        self._next_ns = 0
        self._tasks = Tasks()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = self._tasks.begin("broker session", self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        self._drop(send_disconnect=True)

    def warm_up(self) -> None:
        """Compile what finds packets, or load it, before the first message."""
        find(self._own, 0, 0, False, self._own, np.zeros((1, COLUMNS), np.int32))

    @property
    def task(self) -> asyncio.Task[None]:
        """The task that keeps the session; it ends by cancellation alone."""
        if self._task is None:
            raise RuntimeError("the session is not entered")
        return self._task

    @property
    def connected(self) -> bool:
        """Whether the session stands: connected, every subscription answered."""
        return self._line is not None and self._line.stands

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Tell the broker that these are durable; those of an earlier connection are left alone."""
        if self._line is None:
            return
        mine = [each.identifiers for each in receipts if each.connection == self.connection]
        if mine:
            self._line.acknowledge(np.concatenate(mine))

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Send a message now; False when there is no session to send it on."""
        if self._line is None or not self._line.stands:
            return False
        return self._line.publish(topic, payload, qos=qos)

    def mark(self) -> None:
        """Send a marker to oneself: it comes back as a message like any other."""
        self.publish(self._topic, MARKER, qos=0)

    @property
    def fenced(self) -> bool:
        """Whether messages that waited in the broker's queue may still be coming."""
        return self._fence.stands

    @property
    def holds(self) -> bool:
        """Whether no delay and no silence may run out meanwhile."""
        return self._fence.holds

    @property
    def overdue(self) -> str:
        """Why that queue has been coming for so long, where somebody should know."""
        return self._fence.trouble

    @property
    def heard_itself(self) -> bool:
        """Whether anything that the node said to itself has ever come back."""
        return self._fence.known

    def pause(self) -> None:
        """Stop reading the socket: the broker waits.

        A session that is being made is made first, so that the siren can be commanded; what comes
        until it stands is handed over.
        """
        self._paused = True
        if self._line is not None and self._line.stands:
            self._line.watch.pause()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        if self._line is not None:
            self._line.watch.resume()

    async def _run(self) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_LAST_S, random=RANDOM)
        while True:
            reason = await self._connect_once()
            if self.connected:
                backoff.reset()
            self._drop()
            self._changed(reason)
            await asyncio.sleep(backoff.next())

    async def _connect_once(self) -> str:
        """Connect and keep the connection; return why it ended, or was never made."""
        try:
            line = Connection(
                self.settings,
                node=self._node,
                filters=self._filters,
                fence=self._fence,
                take=self._hand_over,
                stands=self._stands,
            )
            await line.open()
        except (OSError, ValueError) as error:
            return str(error)
        self.connection += 1
        self._line = line
        await line.keep()
        return line.reason

    def _stands(self) -> None:
        if self._paused:
            self.pause()
        self._changed(None)

    def _hand_over(self, buffer: Bytes, spans: Spans) -> bool:
        """Hand packets over, cut after each of our own; return whether the broker has room.

        Each packet has a nanosecond of its own, later than those before it: the order in which they
        came is all that tells which of two without a time is the newer.
        """
        now, passed = self._clock.now_ns(), self._clock.monotonic_ns()
        if 0 < self._next_ns - now < AT_ONCE_NS:
            now = self._next_ns
        self._next_ns = now + len(spans)
        room = True
        begin = 0
        cuts = np.flatnonzero(spans[:, FLAGS] & OWN).tolist()
        for cut in (*cuts, len(spans)):
            own = cut < len(spans)
            end = cut + 1 if own else cut
            if begin == end:
                continue
            arrivals = Arrivals(
                buffer=buffer,
                spans=spans[begin:end],
                connection=self.connection,
                received_ns=now + begin,
                monotonic_ns=passed + begin,
                fenced=self._fence.stands,
            )
            if arrivals.fenced:
                self._fence.wait()
            if own:
                said = arrivals.payload(-1)
                if said in {MARKER, self._fence.said}:
                    self._fence.hear(said)
                if said == MARKER:
                    arrivals = replace(arrivals, marked=True)
            room = self._deliver(arrivals)
            begin = end
        return room

    def _drop(self, *, send_disconnect: bool = False) -> None:
        line, self._line = self._line, None
        self._fence.take_down()  # nothing comes while it is away; the next puts up its own
        if line is not None:
            line.close(send_disconnect=send_disconnect)
