"""An edge as a process: signals, metrics, and one new start after a failed store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

from prometheus_client import start_http_server

from gateway.clock import SystemClock
from gateway.model import Clock
from gateway.observe import log
from gateway.roles.edge.disk_again import RETURNS, returns
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.site import Site
from gateway.roles.edge.storage import BACK, FAILURES, failures

LOG = log("roles.edge")


async def run_edge(
    site: Site,
    *,
    clock: Clock | None = None,
    ready: Callable[[EdgeNode], None] | None = None,
    stop: asyncio.Event | None = None,
) -> str:
    """Run until stopped; return why the store wants a new start, or an empty string.

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
    """
    ended = stop or asyncio.Event()
    again: list[str] = []

    def execute_again(reason: str) -> None:
        again.append(reason)
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not in a thread other than the main one, where a test may run an edge.
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, ended.set)
    async with EdgeNode(site, clock=clock or SystemClock(), again=execute_again) as node:
        metrics = site.settings.metrics
        server = None
        if metrics is not None:
            host, _, port = metrics.listen.rpartition(":")
            try:
                server, _ = start_http_server(int(port), host, registry=node.metrics.registry)
            except (OSError, OverflowError) as error:
                # The site is watched all the same.
                LOG.warning("no metrics", listen=metrics.listen, reason=str(error))
        if ready is not None:
            ready(node)
        waiting = asyncio.create_task(ended.wait())
        failed = asyncio.create_task(node.failed())
        await asyncio.wait({waiting, failed}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if failed.done() and not failed.cancelled():
            failed.result()
        failed.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await failed
        if server is not None:
            server.shutdown()
    return again[0] if again else ""


def execute_again(reason: str) -> None:
    """Start this very program anew in its place.

    After a failure of the store its count is one higher; back on the disk, it begins anew.
    """
    if reason == BACK:
        LOG.warning("back from memory to the disk; starting anew", reason=reason)
        counts = {FAILURES: "0", RETURNS: str(returns() + 1)}
    else:
        LOG.error("the store failed; starting anew once", reason=reason)
        counts = {FAILURES: str(failures() + 1)}
    environment = {**os.environ, **counts}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
