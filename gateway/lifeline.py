"""A child process ends with the process that started it, however that ends.

A killed edge can tell its children nothing. One that lives on would write to a store that is
another's by then, hold its port, or work for an hour on readings that nobody keeps.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

#: Who started this process, where it is to end with him.
PARENT: Final = "HAZGATE_PARENT"
#: prctl(2): the signal that the kernel sends when the parent ends.
PR_SET_PDEATHSIG: Final = 1


def environment() -> dict[str, str]:
    """Return the environment for a child that is to end with this process.

    It does not speak for this process with whoever started that.
    """
    own = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return {**own, PARENT: str(os.getpid())}


def tie() -> None:
    """Let this process end with its parent, where that asked for it; a child of a child is free."""
    asked = os.environ.get(PARENT)
    if asked is None or sys.platform != "linux":
        return
    if asked != str(os.getppid()):
        try:
            os.kill(int(asked), 0)
        except ProcessLookupError:
            # It ended before this process came to this line.
            os.kill(os.getpid(), signal.SIGTERM)
        except (PermissionError, ValueError):
            pass
        return  # started in a shell of its own, or a child of a child: free
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(asked):  # it ended just before
        os.kill(os.getpid(), signal.SIGTERM)
