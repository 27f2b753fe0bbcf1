"""Whether the event loop still turns: a thread of its own watches, and has the process begin anew.

A loop that stands takes no message and sounds no siren; nothing that runs on it can say so. Time
is counted in rounds of the watching thread, not by a clock: a process that was stopped, a machine
that was suspended or is overloaded stops the watcher as well, and is not restarted for it. What
holds the interpreter's lock holds the watcher too: then systemd, told nothing more, ends it
(``WatchdogSec=``).
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

#: One look at the loop, s; it beats twice as often.
ROUND_S: Final = 1.0
#: Rounds without a beat after which the process begins anew; and while it is being built, where a
#: disk, a kernel to compile and a long spool take their time.
LIMIT: Final = 20
LIMIT_STARTING: Final = 120
#: A loop that stood so many rounds and goes on again tells of it.
TOLD: Final = 5
#: With this the process ends where it cannot begin anew by itself; its supervisor starts it.
STATUS: Final = 70
#: A start that goes on asks systemd for so much more time at each look, microseconds.
MORE_TIME: Final = 60_000_000
#: What begins anew in its place is not yet watched, and is given so long to say that it is ready.
ANEW: Final = f"WATCHDOG=1\nWATCHDOG_USEC={LIMIT_STARTING * 1_000_000}"
FRAMES: Final = 4


class Watchdog:
    """Watches one event loop for the length of a block.

    Parameters
    ----------
    restart
        Called in the watching thread with why; where it returns, the process ends at once with
        `STATUS`. It must take no lock: whoever stands may hold it.
    round_s
        Length of a look.
    """

    def __init__(self, restart: Callable[[str], None], *, round_s: float = ROUND_S) -> None:
        self._restart = restart
        self._round_s = round_s
        self._limit = LIMIT_STARTING
        self._told: Callable[[str], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched = 0
        # The loop moves the first, the thread the second.
        self._beats = 0
        self._stood = 0
        self._resting = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        notify(ANEW)

    def follow(self) -> None:
        """Watch the loop that this runs on, from now on."""
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._beat()

    def ready(self, told: Callable[[str], None] | None = None) -> None:
        """Note that everything is built: from now on no stall is excused.

        Parameters
        ----------
        told
            Called on the loop with what it has got over by itself.
        """
        self._told = told
        self._limit = LIMIT
        stated = os.environ.get("WATCHDOG_USEC", "")
        notify("READY=1" + (f"\nWATCHDOG_USEC={stated}" if stated else ""))

    def rest(self) -> None:
        """Restart nothing any more: the process is ending, and whoever ends it watches that."""
        self._resting = True

    def _beat(self) -> None:
        if self._loop is None:
            return
        self._loop.call_later(self._round_s / 2, self._beat)
        self._beats += 1
        stood, self._stood = self._stood, 0
        if stood >= TOLD and self._told is not None:
            self._told(f"the event loop stood still for {stood * self._round_s:g} s")

    def _run(self) -> None:
        seen, quiet = 0, 0
        while not self._ended.wait(self._round_s):
            if self._loop is None:
                continue
            if self._beats != seen:
                seen, quiet = self._beats, 0
                starting = self._limit == LIMIT_STARTING
                notify(f"EXTEND_TIMEOUT_USEC={MORE_TIME}\nWATCHDOG=1" if starting else "WATCHDOG=1")
                continue
            quiet += 1
            self._stood = quiet
            if quiet >= self._limit and not self._resting:
                self._begin_anew(quiet)
                return

    def _begin_anew(self, quiet: int) -> None:
        why = f"the event loop stood still for {quiet * self._round_s:g} s in {self._where()}"
        complain(why)
        notify(ANEW)
        try:
            self._restart(why)
        finally:
            os._exit(STATUS)

    def _where(self) -> str:
        """Return where the loop stands, innermost first; without reading a file."""
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001 there is no other way
        found: list[str] = []
        while frame is not None and len(found) < FRAMES:
            code = frame.f_code
            found.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        return " < ".join(found)


def notify(state: str) -> None:
    """Tell the service manager that started this process, if one asked to be told; never blocks."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as there:
        there.sendto(state.encode(), address)


def complain(why: str) -> None:
    """Write to the log's end of a process whose log may be what stands; never blocks."""
    line = f"watchdog: {why}; starting anew\n".encode()[: select.PIPE_BUF]
    with suppress(OSError, ValueError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, line)
