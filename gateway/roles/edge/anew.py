"""The same program anew in its own place, also where the disk does not let this process go.

A process executes itself: it stays the same to whoever started it. Where a thread of it waits for a
disk that does not answer, the kernel would let that wait for the thread, for ever, and nobody would
watch the site. So another process is started then, and this one ends as far as it can. The other
finds the store held by one that has ended (`db.lock`), and runs on memory.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from gateway.observe import log
from gateway.roles.edge.disk_again import FAILURES, RETURNS, failures, returns
from gateway.roles.edge.self_fault import LONGEST
from gateway.roles.edge.storage import BACK, FAILED
from gateway.tasks import stands_beside
from gateway.watchdog import ANEW, notify

#: Where a process that begins anew is told why.
RESTARTED: Final = "HAZGATE_RESTARTED"
#: What the kernel calls a thread that no signal ends.
WAITS: Final = "D"
TASKS: Final = Path("/proc/self/task")
#: What any call to a sound disk is over in, s.
SOUND_S: Final = 1.0
LOOK_S: Final = 0.05
LOG = log("roles.edge")


def execute_again(reason: str) -> None:
    """Start this very program anew in its place.

    After a failure of the store its count is one higher; back on the disk, it begins anew.
    """
    _begin(reason, left=False)


def leave(reason: str, hangs: bool) -> NoReturn:  # noqa: FBT001
    """End at once, or begin anew: threads that stand in calls of the kernel are waited for nowhere.

    Parameters
    ----------
    reason
        Why the program starts anew in its place; empty where it was asked to end.
    hangs
        Whether one is known to stand there.
    """
    if reason:
        notify(ANEW)
        _begin(reason, left=hangs)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def restart(reason: str) -> None:
    """Start this very program anew from the watchdog's thread: no log, whose lock may be held."""
    with suppress(OSError):
        _execute(reason, {}, left=False)


def hangs(tasks: Path = TASKS) -> bool:
    """Return whether a thread of this process waits for a disk, and goes on waiting.

    Parameters
    ----------
    tasks
        Where the kernel tells of them.
    """
    until = time.monotonic() + SOUND_S
    while stands_beside() or waiting(tasks):
        if time.monotonic() >= until:
            return True
        time.sleep(LOOK_S)
    return False


def waiting(tasks: Path = TASKS) -> bool:
    """Return whether a thread waits in a call that no signal ends, at this moment."""
    try:
        found = list(tasks.iterdir())
    except OSError:
        return False  # a kernel that does not tell
    return any(_state(task) == WAITS for task in found)


def _state(task: Path) -> str:
    try:
        told = (task / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it has ended
    # Its name stands before, in parentheses, and may hold any letter.
    return told.rpartition(")")[2].strip()[:1]


def _begin(reason: str, *, left: bool) -> None:
    counts: dict[str, str] = {}
    if reason.startswith(BACK):
        LOG.warning("back from memory to the disk; starting anew", reason=reason)
        counts = {FAILURES: "0", RETURNS: str(returns() + 1)}
    elif reason.startswith(FAILED):
        LOG.error("the store failed; starting anew once", reason=reason)
        counts = {FAILURES: str(failures() + 1)}
    else:
        LOG.error("a part of the gateway died; starting anew", reason=reason)
    _execute(reason, counts, left=left)


def _execute(reason: str, counts: dict[str, str], *, left: bool) -> None:
    why = reason.replace("\0", " ")[:LONGEST]
    environment = {**os.environ, **counts, RESTARTED: why}
    arguments = [sys.executable, *sys.orig_argv[1:]]
    if left or hangs():
        _replace(arguments, environment)
    os.execve(sys.executable, arguments, environment)


def _replace(arguments: list[str], environment: dict[str, str]) -> NoReturn:
    """Start another process in the place of this one, and end."""
    pid = os.posix_spawn(sys.executable, arguments, environment)
    # systemd hears of this process's end only when its last thread has ended, and after its own
    # patience gives the unit up for good. So it is told who watches now, which `NotifyAccess=main`
    # lets this process say. The death of a process that it did not start it may not notice; its
    # watchdog does.
    notify(f"MAINPID={pid}")
    close_sockets()
    os._exit(0)


def close_sockets() -> None:
    """Close the connections: the thread that stays would keep them open, and their addresses."""
    for file in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            if str(file.readlink()).startswith("socket:"):
                os.close(int(file.name))
