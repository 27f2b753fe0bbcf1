"""The real program as a process: started, watched, killed, measured."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway import lifeline

#: A start may take so long on a machine that does other things too.
START_S: Final = 90.0
END_S: Final = 40.0


class Program:
    """`hazgate edge` or `hazgate centre` on the file `ROLE.toml` of a folder.

    Parameters
    ----------
    role
        Edge or centre.
    folder
        Of its file and its log.
    module
        What is run: the product, or a mutant of it.
    before
        Stands before the command: a tracer, a namespace, limits.
    environment
        Added to this process's own.
    """

    def __init__(
        self,
        role: str,
        folder: Path,
        *,
        module: str = "gateway",
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = folder / f"{role}.log"
        self.before = tuple(before)
        self.process: subprocess.Popen[bytes] | None = None
        self._role, self._module = role, module
        config = str(folder / f"{role}.toml")
        self._command = [sys.executable, "-m", module, role, "--config", config]
        # It ends with the laboratory, however that ends.
        self._environment = {**lifeline.environment(), **(environment or {})}
        self._seen = 0

    def elsewhere(self, folder: Path) -> Program:
        """Return the same program on the file of another folder."""
        return Program(
            self._role,
            folder,
            module=self._module,
            before=self.before,
            environment=self._environment,
        )

    @property
    def pid(self) -> int:
        """Of the running program."""
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def said(self) -> str:
        """What it logged since its start."""
        data = self.log.read_bytes() if self.log.exists() else b""
        return data[self._seen :].decode(errors="replace")

    def start(self) -> None:
        """Start it in a session of its own, so that nothing of it outlives the laboratory."""
        self._seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*self.before, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                start_new_session=True,
            )

    async def logged(self, text: str, *, within_s: float = START_S) -> None:
        """Return when it has logged this since its start.

        Raises
        ------
        RuntimeError
            It ended before, with what it logged.
        """
        deadline = time.monotonic() + within_s
        while text not in self.said:
            if not self.alive or time.monotonic() > deadline:
                raise RuntimeError(f"no {text!r} from {self.log.stem}: {self.said[-2000:]}")
            await asyncio.sleep(0.01)

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait until it and its children are gone.

        Raises
        ------
        TimeoutError
            It does not end.
        """
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(timeout=END_S)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(
                f"{self.log.stem} did not end within {END_S:g} s of {signal.Signals(number).name}"
            ) from error
        self.clear()

    def clear(self) -> None:
        """Kill whatever of its session is left."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and go on."""
        assert self.process is not None
        self.process.send_signal(number)


async def until(condition: Callable[[], object], seconds: float, *, what: str = "") -> float:
    """Wait for a condition; return how long it took, s.

    Raises
    ------
    TimeoutError
        It did not come in time.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what or 'it'} did not come within {seconds:g} s")
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def took(condition: Callable[[], object], seconds: float) -> float | None:
    """Wait for a condition; return how long it took, or None where it did not come in time."""
    try:
        return await until(condition, seconds)
    except TimeoutError:
        return None


def resources(pid: int) -> dict[str, float]:
    """Return resident memory (MiB), descriptors and threads of a process; empty when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        words = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return {
            "memory, MiB": int(words["VmRSS"].split()[0]) / 1024,
            "threads": int(words["Threads"]),
            "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        }
    except (OSError, KeyError, ValueError):
        return {}
