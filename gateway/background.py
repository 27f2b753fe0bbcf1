"""Run a module with what the machine has left over: `python -m gateway.background MODULE ...`.

Work that can wait, such as the archive, runs in a process of its own. A low priority is not enough
there: whoever wakes up to read the socket would still wait out its turn, some milliseconds each
time. In the kernel's idle class (sched(7)) it gives way at once, and it is put there before the
module and all that it imports are loaded.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from typing import Final

from gateway.lifeline import tie

NAME: Final = "gateway.background"


def command(module: str, *arguments: str) -> tuple[str, ...]:
    """Return how a module is started in the background."""
    return (sys.executable, "-m", NAME, module, *arguments)


def give_way() -> None:
    """Take only what nobody else wants of the processors, from now on."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def main(arguments: Sequence[str]) -> None:
    """Run a module as ``python -m`` would; it ends with the process that started it."""
    tie()
    give_way()
    module, *rest = arguments
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
