"""Whatever is above a node: its parent, an edge's own screen; each with its outbox and orders."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.model import Clock
from gateway.northbound import wire
from gateway.northbound.downlink import Downlink
from gateway.northbound.pairing import PairingError, pair, token_path, trusting
from gateway.northbound.sending import PARTS_KEPT
from gateway.northbound.settings import ParentSettings
from gateway.northbound.source import Gauges, Report, Source
from gateway.northbound.trust import Trust, read_pin
from gateway.northbound.uplink import Uplink
from gateway.observe import log
from gateway.tasks import Tasks, beside

PARENT: Final = "parent"
RETRY_S: Final = 5.0
LOG = log("roles.upward")


@dataclass(frozen=True, slots=True)
class Above:
    """One receiver: the name its outbox rows carry, and how to reach it."""

    name: str
    settings: ParentSettings


class Upward:
    """Connects to every receiver, pairing first where a code lies ready.

    Parameters
    ----------
    receivers
        Parent, screen, both or none.
    node
        Its id.
    folder
        The node's store: tokens are kept there.
    source
        What uplinks ask of the node.
    carry_out
        Takes orders with the name of the receiver they came from, and their bytes.
    trust
        Who the receivers are, where this node carries out orders itself.
    answered
        Told each receiver's name and its time as it answers a heartbeat.
    summaries
        How many periods of them may wait for each.
    """

    def __init__(
        self,
        receivers: Sequence[Above],
        *,
        node: str,
        folder: Path,
        source: Source,
        carry_out: Callable[[str, wire.Order, bytes], None],
        summaries: int,
        clock: Clock,
        metrics: Gauges,
        trust: Trust | None = None,
        answered: Callable[[str, int], None] = lambda _name, _clock_ns: None,
    ) -> None:
        self._summaries = summaries
        self.uplinks: list[Uplink] = []
        #: Summaries for those that have no uplink yet.
        self._early: dict[str, deque[Report]] = {each.name: deque() for each in receivers}
        self._early_shed = dict.fromkeys(self._early, 0)
        self._receivers = tuple(receivers)
        self._node = node
        self._folder = folder
        self._source = source
        self._carry_out = carry_out
        self._clock = clock
        self._metrics = metrics
        self._trust = trust
        self._answered = answered
        self._stack = AsyncExitStack()
        self._tasks = Tasks()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        for above in self._receivers:
            self._tasks.begin(f"connect {above.name}", self._connect(above))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        await self._stack.aclose()

    def offer(self, summary: Report) -> None:
        """Give a summary to every uplink; it waits for those that are not paired yet."""
        for uplink in self.uplinks:
            uplink.offer(summary)
        for name, early in self._early.items():
            while len(early) >= self._summaries * min(summary.of, PARTS_KEPT):
                early.popleft()
                self._early_shed[name] += 1
                self._metrics.summaries_shed.inc()
            early.append(summary)

    def answer(self, readings: wire.Readings) -> None:
        """Give the answer of an order to every uplink: who asked knows its own order."""
        for uplink in self.uplinks:
            uplink.answer(readings)

    def outbox_filled(self, channel: str) -> None:
        """Wake the uplinks; called in the store thread."""
        if channel == "outbox" and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.wake)

    def wake(self) -> None:
        """Let every uplink look at its outbox now."""
        for uplink in self.uplinks:
            uplink.wake()

    async def _connect(self, above: Above) -> None:
        token, verify = await self._means(above.settings)
        if self._trust is not None:
            path = token_path(above.settings, self._folder)
            self._trust.begin(above.name, await beside(read_pin, path))
        met = asyncio.Event()

        def answered(answer: wire.HeartbeatAnswer) -> None:
            self._answered(above.name, answer.clock_ns)
            if self._trust is not None:
                self._trust.answered(above.name, answer)
            met.set()

        uplink = Uplink(
            above.settings.url,
            token,
            destination=above.name,
            source=self._source,
            clock=self._clock,
            metrics=self._metrics,
            verify=verify,
            answered=answered,
            summaries=self._summaries,
        )
        await self._stack.enter_async_context(uplink)
        self.uplinks.append(uplink)
        uplink.note_shed(self._early_shed[above.name])
        for summary in self._early.pop(above.name):
            uplink.offer(summary)
        if self._trust is not None and self._trust.pin(above.name) is None:
            # Nobody's order can be judged before it is known who is there.
            await met.wait()
        carry_out = partial(self._carry_out, above.name)
        await self._stack.enter_async_context(
            Downlink(above.settings.url, token, carry_out=carry_out, verify=verify)
        )

    async def _means(self, settings: ParentSettings) -> tuple[str, ssl.SSLContext]:
        """Return the token and whom to trust; a file that cannot be read is told and awaited."""
        told = ""
        while True:
            try:
                token = await self._credential(settings)
                return token, await beside(trusting, settings)
            except (OSError, ValueError) as error:
                if str(error) != told:
                    told = str(error)
                    LOG.warning(
                        "token_file or ca_file cannot be used; events wait in the outbox",
                        reason=told,
                        url=settings.url,
                    )
            await asyncio.sleep(RETRY_S)

    async def _credential(self, settings: ParentSettings) -> str:
        """Return the token; wait for one, pairing whenever a code lies ready."""
        path = token_path(settings, self._folder)
        code = Path(settings.code_file) if settings.code_file else None
        told = ""
        while not await beside(path.exists):
            reason = (
                "not paired: events wait in the outbox; ask the centre for a code and run "
                "hazgate pair --config FILE --code CODE"
            )
            if code is not None and await beside(code.exists):
                text = await beside(_text, code)
                try:
                    await beside(_pair, settings, self._folder, text, self._node)
                except PairingError as error:
                    reason = str(error)
                else:
                    break
            if reason != told:
                LOG.warning(reason, url=settings.url, token=str(path))
                told = reason
            await asyncio.sleep(RETRY_S if code is None else 0.5)
        return (await beside(_text, path)).strip()


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii")


def _pair(settings: ParentSettings, folder: Path, code: str, node: str) -> None:
    pair(settings, folder, code, node=node)
