"""Everything above an edge: its parent and its own screen, each with its outbox and orders."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway import folders
from gateway.model import Clock
from gateway.northbound import wire
from gateway.northbound.downlink import Downlink
from gateway.northbound.pairing import PairingError, pair, token_path, trusting
from gateway.northbound.settings import ParentSettings
from gateway.northbound.summary import Part
from gateway.northbound.uplink import Source, Uplink
from gateway.observe import Metrics, log
from gateway.roles.edge.child import keep_running
from gateway.roles.edge.settings import ScreenSettings

PARENT: Final = "parent"
SCREEN: Final = "screen"
RETRY_S: Final = 5.0
LOG = log("roles.edge.upward")


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
        Takes orders, whoever gives them.
    """

    def __init__(
        self,
        receivers: Sequence[Above],
        *,
        node: str,
        folder: Path,
        source: Source,
        carry_out: Callable[[wire.Order], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.uplinks: list[Uplink] = []
        self._receivers = tuple(receivers)
        self._node = node
        self._folder = folder
        self._source = source
        self._carry_out = carry_out
        self._clock = clock
        self._metrics = metrics
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        for above in self._receivers:
            name = f"connect {above.name}"
            self._tasks.append(asyncio.create_task(self._connect(above), name=name))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def offer(self, summary: Part) -> None:
        """Give a summary to every uplink."""
        for uplink in self.uplinks:
            uplink.offer(summary)

    def answer(self, readings: wire.Readings) -> None:
        """Give the answer of an order to every uplink: who asked knows its own order."""
        for uplink in self.uplinks:
            uplink.answers.append(readings)
            uplink.wake()

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
        uplink = Uplink(
            above.settings.url,
            token,
            destination=above.name,
            source=self._source,
            clock=self._clock,
            metrics=self._metrics,
            verify=verify,
        )
        await self._stack.enter_async_context(uplink)
        self.uplinks.append(uplink)
        await self._stack.enter_async_context(
            Downlink(above.settings.url, token, carry_out=self._carry_out, verify=verify)
        )

    async def _means(self, settings: ParentSettings) -> tuple[str, ssl.SSLContext | bool]:
        """Return the token and whom to trust; a file that cannot be read is told and awaited."""
        told = ""
        while True:
            try:
                token = await self._credential(settings)
                return token, await asyncio.to_thread(trusting, settings)
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
        while not path.exists():
            reason = (
                "not paired: events wait in the outbox; ask the centre for a code and run "
                "hazgate pair --config SITE --code CODE"
            )
            if code is not None and code.exists():
                text = await asyncio.to_thread(code.read_text, encoding="ascii")
                try:
                    await asyncio.to_thread(
                        partial(pair, settings, self._folder, text, node=self._node)
                    )
                except PairingError as error:
                    reason = str(error)
                else:
                    break
            if reason != told:
                LOG.warning(reason, url=settings.url, token=str(path))
                told = reason
            await asyncio.sleep(RETRY_S if code is None else 0.5)
        return (await asyncio.to_thread(path.read_text, encoding="ascii")).strip()


class LocalScreen:
    """A centre of the site's own, as a child process, kept running.

    Parameters
    ----------
    settings
        Where it listens.
    node, name, division
        Of the gateway it shows.
    folder
        The node's store; the screen's own store lies in ``screen`` below it.
    """

    def __init__(
        self, settings: ScreenSettings, *, node: str, name: str, division: str, folder: Path
    ) -> None:
        self._settings = settings
        self._node = node
        self._name = name
        self._division = division
        self._folder = folder.absolute() / "screen"
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._write)
        config = str(self._folder / "centre.toml")
        child = keep_running(
            "screen", sys.executable, "-m", "gateway", "centre", "--config", config
        )
        self._task = asyncio.create_task(child, name="screen")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def above(self) -> Above:
        """The screen as a receiver of events."""
        settings = ParentSettings(
            url=f"http://{self._settings.listen}",
            token_file=str(self._folder / "gateway.token"),
            code_file=str(self._folder / f"pairing-{self._node}.code"),
        )
        return Above(SCREEN, settings)

    def _write(self) -> None:
        folders.make(self._folder, mode=0o700)
        text = (
            f'[node]\nid = "{self._node}-screen"\nname = "{self._name}"\n'
            f'division = "{self._division}"\n[listen]\naddress = "{self._settings.listen}"\n'
            f'[store]\nfolder = "{self._folder}"\n[pairing]\nnodes = ["{self._node}"]\n'
        )
        (self._folder / "centre.toml").write_text(text, encoding="utf-8")
