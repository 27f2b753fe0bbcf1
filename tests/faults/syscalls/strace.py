"""Faults in the system calls of one process, made by strace: an error, a delay, or its death.

strace counts the calls of each thread apart. So "the Nth call" is the Nth of whichever thread comes
to it first.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.faults.catalogue import UnavailableError
from tests.faults.site.program import until

ATTACH_S: Final = 20.0
#: Syncs once; tells whether that failed.
PROBE: Final = "import os, sys; os.fdatasync(os.open(sys.argv[1], os.O_RDWR))"


@cache
def trouble() -> str:
    """Return why strace cannot inject here; empty where it can: that is tried, not assumed."""
    if not shutil.which("strace"):
        return "strace is not installed; on Debian: apt-get install strace"
    with tempfile.NamedTemporaryFile() as file:
        command = [*injecting("fdatasync", "error=EIO"), sys.executable, "-c", PROBE, file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    failed = "Input/output error" in done.stderr
    return "" if failed else f"strace injects nothing: {done.stderr.strip()[-200:]}"


def needed() -> None:
    """Raise `UnavailableError` where strace cannot inject."""
    if trouble():
        raise UnavailableError(trouble())


def injecting(calls: str, what: str, *, ends: bool = False, path: Path | None = None) -> list[str]:
    """Return what stands before a command whose calls are to be tampered with from its start.

    The tracer is a grandchild: the process that is started is the program itself. A signal is not
    delivered this way, at least by strace 6.1: for that there are `tests.faults.syscalls.held` and
    `Attached`.

    Parameters
    ----------
    ends
        Whether `let_go` may end it. Such a tracer hears signals, and looks at every call: the
        filter that spares it the others stays behind, and fails what it filters.
    path
        Of the only file whose calls are counted; every file's unless given.
    """
    how = ["-I2"] if ends else ["--seccomp-bpf"]
    if path is not None:
        how += ["-P", str(path)]
    return [
        "strace", "-D", "-f", "-qq", *how, "-o", os.devnull,
        "-e", f"trace={calls}", "-e", f"inject={calls}:{what}",
    ]  # fmt: skip


def listing(calls: str, output: Path) -> list[str]:
    """Return what stands before a command whose calls are to be written down, with their files."""
    return [
        "strace", "-D", "-f", "-y", "-s", "0", "-qq", "--seccomp-bpf", "-o", str(output),
        "-e", "signal=none", "-e", f"trace={calls}",
    ]  # fmt: skip


async def let_go(pid: int) -> None:
    """End the tracer that `injecting` put before a process; from here on its calls are its own.

    Raises
    ------
    TimeoutError
        It did not end.
    """
    if tracer := tracer_of(pid):
        with suppress(ProcessLookupError):
            os.kill(tracer, signal.SIGTERM)
        await until(lambda: not tracer_of(pid), ATTACH_S, what="the end of strace")


def tracer_of(pid: int) -> int:
    """Return who traces a process; 0 for nobody, or where it has ended, and its tracer with it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.partition("TracerPid:")[2].split()[0])


def stopped(pid: int) -> bool:
    """Whether every thread of a process stands still, and nobody traces it."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text(encoding="ascii")
        if "State:\tT" not in status or "TracerPid:\t0\n" not in status:
            return False
    return True


class Attached:
    """Tampers with the calls of a running process, its threads and children, for a block.

    Parameters
    ----------
    pid
        The process.
    calls, what
        As strace names them: ``fdatasync`` and ``error=EIO:when=3``.
    file
        Only calls on this file are counted and tampered with; on all unless given.
    output
        What strace writes down of them.
    """

    def __init__(
        self,
        pid: int,
        calls: str,
        what: str,
        *,
        file: Path | None = None,
        output: Path = Path(os.devnull),
    ) -> None:
        needed()
        self._pid = pid
        self._command = [
            "strace", "-f", "-o", str(output), "-p", str(pid),
            "-e", f"trace={calls}", "-e", f"inject={calls}:{what}",
            *(("-P", str(file)) if file is not None else ()),
        ]  # fmt: skip
        self._tracer: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        self._tracer = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            await until(self._traced, ATTACH_S, what="strace")
        except TimeoutError:
            self.detach()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.detach()

    def detach(self) -> None:
        """Let the process go; from here on its calls are its own."""
        if self._tracer is not None:
            with suppress(ProcessLookupError):
                self._tracer.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 5
            while self._tracer.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            # A tracer that holds a call back for a minute does not hear the first signal.
            self._tracer.kill()
            self._tracer.wait()
            self._tracer = None

    def _traced(self) -> bool:
        """Whether every thread is traced by now."""
        assert self._tracer is not None
        own = str(self._tracer.pid)
        threads = list(Path(f"/proc/{self._pid}/task").iterdir())
        return all(f"TracerPid:\t{own}\n" in (t / "status").read_text() for t in threads)
