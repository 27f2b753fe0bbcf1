"""What a smaller machine would be: slow syncs, a quarter of one core.

The edge itself is not touched: `strace` holds every fdatasync and fsync back on its way out, and
the kernel (a control group, version 2 or 1), else `systemd-run`, else `cpulimit`, gives it the
share of a core. Whatever did it is named; where nothing can, the row says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

SYNC_MS: Final = 20
QUARTER: Final = 0.25
PERIOD_US: Final = 100_000
GONE_S: Final = 10.0
GROUPS: Final = Path("/sys/fs/cgroup")
#: A process enters its group itself, before it becomes the program that is limited.
ENTER: Final = 'echo $$ > "$0" && exec "$@"'
#: Tells how long one sync of a child takes: whether they are held back is tried, not assumed.
PROBE: Final = (
    "import os, sys, time; f = open(sys.argv[1], 'wb'); f.write(b'1'); f.flush(); "
    "t = time.monotonic(); os.fdatasync(f.fileno()); print(time.monotonic() - t)"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the machine shall be worse: ms that each sync takes longer, and the share of one core."""

    sync_ms: int = 0
    cores: float = 0.0


SLOW_DISK: Final = Wanted(sync_ms=SYNC_MS)
QUARTER_BOX: Final = Wanted(sync_ms=SYNC_MS, cores=QUARTER)


class Hardship:
    """A worse machine for one process, for the length of a block.

    Parameters
    ----------
    wanted
        How it shall be worse.

    Attributes
    ----------
    by
        What makes it so, in words.
    missing
        Why it cannot be had here; empty where it can.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.by = ""
        self.missing = ""
        self._wanted = wanted
        self._before: list[str] = []
        self._group: Path | None = None
        self._limits = False
        self._limiter: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        means = []
        if self._wanted.cores:
            means.append(self._share(self._wanted.cores))
        if self._wanted.sync_ms:
            means.append(self._slow_syncs(self._wanted.sync_ms))
        self.by = ", ".join(each for each in means if each)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.ended()
        if self._group is not None:
            _remove(self._group)

    def command(self, program: Sequence[str]) -> list[str]:
        """Return what to execute in place of a program; the process id stays the program's."""
        return [*self._before, *program]

    def started(self, process: int) -> None:
        """Tell that the program runs."""
        if self._limits:
            percent = str(int(100 * self._wanted.cores))
            self._limiter = subprocess.Popen(
                ["cpulimit", "-q", "-z", "-l", percent, "-p", str(process)],
                stdout=subprocess.DEVNULL,
            )

    def ended(self) -> None:
        """Tell that the program has ended."""
        if self._limiter is not None:
            self._limiter.kill()
            self._limiter.wait()
            self._limiter = None

    def _share(self, cores: float) -> str:
        made = _group(cores)
        if made is not None:
            self._group, version = made
            self._before = ["sh", "-c", ENTER, str(self._group / "cgroup.procs")]
            return f"{cores:g} core by a control group (version {version})"
        scope = ["systemd-run", "--quiet", "--scope", "-p", f"CPUQuota={100 * cores:g}%"]
        if _works([*scope, "true"]):
            self._before = scope
            return f"{cores:g} core by systemd-run"
        if shutil.which("cpulimit"):
            self._limits = True
            return f"{cores:g} core by cpulimit"
        self.missing = "no control group may be made, and there is neither systemd nor cpulimit"
        return ""

    def _slow_syncs(self, milliseconds: int) -> str:
        # The tracer is a grandchild, so that the process that is watched and killed is the edge.
        tracer = [
            "strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", os.devnull,
            "-e", "trace=fdatasync,fsync",
            "-e", f"inject=fdatasync,fsync:delay_exit={1_000 * milliseconds}",
        ]  # fmt: skip
        if not shutil.which("strace"):
            self.missing = "strace is not installed; on Debian: apt-get install strace"
            return ""
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run(
                [*tracer, sys.executable, "-c", PROBE, file.name],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode or float(done.stdout) < milliseconds / 1e3:
            self.missing = f"strace does not slow a sync here: {done.stderr.strip()[-200:]}"
            return ""
        self._before = [*tracer, *self._before]
        return f"each sync {milliseconds} ms slower by strace"


def _group(cores: float) -> tuple[Path, int] | None:
    """Make a control group with a quota; return its folder and which version it is."""
    own = dict(
        line.split(":", 2)[1:]
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    )
    quota = int(cores * PERIOD_US)
    for version, parent, setting, value in (
        (2, GROUPS / own.get("", "/").strip("/"), "cpu.max", f"{quota} {PERIOD_US}"),
        (1, GROUPS / "cpu" / own.get("cpu", "/").strip("/"), "cpu.cfs_quota_us", f"{quota}"),
    ):
        group = parent / f"hazgate-bench-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if not (group / setting).exists():
                raise FileNotFoundError(setting)
            (group / setting).write_text(value, encoding="ascii")
        except OSError:
            group.rmdir()
            continue
        return group, version
    return None


def _remove(group: Path) -> None:
    """Remove a group when the last of its processes has gone."""
    deadline = time.monotonic() + GONE_S
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _works(command: Sequence[str]) -> bool:
    try:
        return not subprocess.run(command, capture_output=True, check=False, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False
