"""The exports of a node: a courier for each table of its file, beside everything else.

They start last and stop first. Each has its rows in the outbox, so the node commits the same
transaction whether their receivers answer or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Final, Self

from gateway.db import StoreError
from gateway.model import Clock
from gateway.northbound.exports.courier import Courier, Store
from gateway.northbound.exports.opening import Settings, courier_of
from gateway.northbound.exports.rows import destination, forget
from gateway.observe import ExportMetrics, log
from gateway.tasks import Tasks

LOG: Final = log("roles.exporting")


def destinations_of(exports: Sequence[Settings]) -> list[str]:
    """Return under which names the rows of exports stand in the outbox."""
    return [destination(export.name) for export in exports]


class Exports:
    """Runs the couriers of a node.

    Parameters
    ----------
    exports
        What its file says.
    node
        Its id.
    store
        Runs a function on the store, in its thread.
    lost
        Told what an export sheds: how many, and why; it makes a durable event of it.
    """

    def __init__(
        self,
        exports: Sequence[Settings],
        *,
        node: str,
        store: Store,
        lost: Callable[[int, str], None],
        clock: Clock,
        metrics: ExportMetrics,
    ) -> None:
        self._exports = tuple(exports)
        self._names = destinations_of(exports)
        self._node = node
        self._store = store
        self._lost = lost
        self._clock = clock
        self._metrics = metrics
        self._couriers: list[Courier] = []
        self._missing: list[str] = []
        self._stack = AsyncExitStack()
        self._tasks = Tasks()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        # Nobody waits for it: the disk may hang.
        self._tasks.begin("forget exports", self._forget())
        for export in self._exports:
            try:
                courier = courier_of(
                    export,
                    node=self._node,
                    store=self._store,
                    lost=self._lost,
                    clock=self._clock,
                    metrics=self._metrics,
                )
            except ModuleNotFoundError as error:
                # The node watches all the same, and the other exports run.
                why = f"{error.name} is not installed"
                LOG.warning(
                    "an export cannot run here; its events wait in the outbox",
                    export=export.name,
                    reason=why,
                )
                self._missing.append(f"export {export.name}: {why}")
                continue
            self._couriers.append(await self._stack.enter_async_context(courier))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        await self._stack.aclose()

    @property
    def troubles(self) -> list[str]:
        """What hinders exports, each as a line for the heartbeat."""
        return [*self._missing, *(each.trouble for each in self._couriers if each.trouble)]

    def filled(self, channel: str) -> None:
        """Wake the couriers; called in the store thread."""
        if channel == "outbox" and self._exports and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.wake)

    def wake(self) -> None:
        """Let every courier look at the outbox now."""
        for courier in self._couriers:
            courier.wake()

    async def _forget(self) -> None:
        """Let go of what waits for exports that the file has no more."""
        try:
            gone: dict[str, int] = await self._store(partial(forget, names=self._names))
        except StoreError:
            return  # the store thread has said so; they wait for the next start
        for name, count in gone.items():
            LOG.warning("the file has this export no more; what waited for it is let go",
                        destination=name, count=count)  # fmt: skip
