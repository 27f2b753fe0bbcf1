"""Stands before a program's command: it stops itself with everything imported and nothing opened.

A tracer may then attach to it, and let it go on. strace can start a program itself too, but what it
does cheaply there (``--seccomp-bpf``) delivers no signal, and without that it slows every import.
"""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
from typing import Final

#: What an edge imports late, as it starts.
LATE: Final = ("gateway.roles.edge.run", "gateway.roles.edge.node", "apsw", "numba")
#: Stands before the command.
HELD: Final = (sys.executable, "-m", "tests.faults.syscalls.held")


def main() -> None:
    """Run ``python -m MODULE ...``, which stands in the arguments, after a stop."""
    _, option, module, *arguments = sys.argv[1:]
    assert option == "-m"
    for name in LATE:
        importlib.import_module(name)
    sys.argv = [module, *arguments]
    os.kill(os.getpid(), signal.SIGSTOP)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
