"""An edge as a process: signals, metrics, and how it ends where the store, or a part, died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from gateway.clock import SystemClock
from gateway.model import NANOSECONDS, Clock
from gateway.observe import log
from gateway.roles.edge.anew import RESTARTED
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.serving import MetricsServer, serve
from gateway.roles.edge.site import Site
from gateway.watchdog import Watchdog

DIED: Final = "a part of the gateway died"
#: What dies sooner after its start is left to the supervisor, who pauses between two starts.
YOUNG_NS: Final = 60 * NANOSECONDS
LOG = log("roles.edge")


async def run_edge(
    site: Site,
    *,
    clock: Clock | None = None,
    ready: Callable[[EdgeNode], None] | None = None,
    stop: asyncio.Event | None = None,
    watchdog: Watchdog | None = None,
    leave: Callable[[str, bool], None] = lambda *_: None,
) -> str:
    """Run until stopped; return why a new start is wanted, or an empty string.

    Whoever is asked to stop does not begin anew, whatever fails while it ends.

    Parameters
    ----------
    site
        Checked and bound.
    clock
        The machine's unless given.
    ready
        Called once the node is built and connecting.
    stop
        Set to end it; SIGTERM and SIGINT do the same.
    watchdog
        Watches the loop.
    leave
        Called at the end, where whoever ends in order may wait for a disk, with what is returned
        and whether something of this process still stands in a call that the disk does not answer.
    """
    if watchdog is not None:
        watchdog.follow()
    asked, ended = stop or asyncio.Event(), asyncio.Event()
    again: list[str] = []

    def execute_again(reason: str) -> None:
        again.append(reason)
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not in a thread other than the main one, where a test may run an edge.
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, asked.set)
    # Told once: what this process starts, or begins anew for, is another matter.
    restarted = os.environ.pop(RESTARTED, "")
    building = EdgeNode(
        site, clock=clock or SystemClock(), again=execute_again, restarted=restarted
    )
    async with building as node, _callbacks(node):
        began_ns = node.clock.monotonic_ns()
        server = _metrics(node)
        if watchdog is not None:
            watchdog.ready(node.fault.tell)
        if ready is not None:
            ready(node)
        died = await _end(node, asked, ended)
        if watchdog is not None:
            watchdog.rest()
        if died is not None:
            again.append(f"{DIED}: {died!r}")
            node.fault.tell(again[-1])
            if node.clock.monotonic_ns() - began_ns < YOUNG_NS:
                raise died
        if server is not None:
            server.shutdown()
    return _over(node, again[0] if again and not asked.is_set() else "", leave)


def _over(node: EdgeNode, reason: str, leave: Callable[[str, bool], None]) -> str:
    """Return why a new start is wanted, to somebody who can end in order."""
    if node.alone.any or node.storage.failed:
        leave(reason, node.alone.any)
    return reason


def _metrics(node: EdgeNode) -> MetricsServer | None:
    """Serve the metrics, where the site wants them and they can be served."""
    metrics = node.site.settings.metrics
    if metrics is None:
        return None
    host, _, port = metrics.listen.rpartition(":")
    try:
        return serve(host, int(port), node.metrics.registry)
    except (OSError, OverflowError) as error:
        # The site is watched all the same.
        LOG.warning("no metrics", listen=metrics.listen, reason=str(error))
        return None


async def _end(node: EdgeNode, *ends: asyncio.Event) -> BaseException | None:
    """Wait for one of these events, or until something of the node dies; return what it died of."""
    waiting = [asyncio.create_task(event.wait()) for event in ends]
    failed = asyncio.create_task(node.failed())
    await asyncio.wait({*waiting, failed}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if failed.done() and not failed.cancelled():
        return failed.exception()
    failed.cancel()
    await asyncio.gather(failed, return_exceptions=True)
    return None


@contextlib.asynccontextmanager
async def _callbacks(node: EdgeNode) -> AsyncIterator[None]:
    """Let a callback that raises be the gateway's own fault, and not a line in a log alone."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        # What a network or a disk refuses is told elsewhere; a future that nobody asks is what a
        # library's broken connection leaves.
        future = context.get("future")
        dropped = future is not None and not isinstance(future, asyncio.Task)
        if isinstance(error, Exception) and not isinstance(error, OSError) and not dropped:
            node.fault.tell(f"{context.get('message', 'unhandled')}: {error!r}")

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
