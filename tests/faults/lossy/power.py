"""A disk whose power can be cut, for programs that a test starts: `LossyDisk`.

The disk is served by a child in a mount namespace of its own. What is to see it is started with
`LossyDisk.within` before its command, in a process group of its own that dies with the power; a
test looks at it from outside through `LossyDisk.outside`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ROOT: Final = Path(__file__).parents[3]


def missing() -> str:
    """Return what this machine lacks for it, or an empty string."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "unshare and nsenter (Debian: util-linux) are not installed"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    if subprocess.run([*_unshare(), "true"], check=False, capture_output=True).returncode:
        return "a mount namespace cannot be made"
    return ""


def _unshare() -> list[str]:
    return ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


class LossyDisk:
    """A mounted disk that forgets what was not synced.

    Parameters
    ----------
    place
        An empty folder to mount it on.
    names_with_files
        A file's sync makes its name durable too, as with ext4; else only its folder's sync does.
    """

    def __init__(self, place: Path, *, names_with_files: bool = False) -> None:
        self.place = place
        self._options = ["--names-with-files"] if names_with_files else []
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.place.mkdir(parents=True, exist_ok=True)
        module = [sys.executable, "-m", "tests.faults.lossy.server"]
        self._server = subprocess.Popen(
            [*_unshare(), *module, str(self.place), *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        if self._answer() != "mounted":
            raise RuntimeError("the disk could not be mounted; the server says why on stderr")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        server = self.server
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.close()
        server.wait(timeout=30)
        server.stdout.close()

    @property
    def server(self) -> subprocess.Popen[bytes]:
        """The process that serves it."""
        assert self._server is not None
        return self._server

    @property
    def within(self) -> list[str]:
        """What stands before the command of a program that is to see it."""
        user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        return ["nsenter", "-t", str(self.server.pid), *user, "-m", f"--wdns={ROOT}", "--"]

    @property
    def outside(self) -> Path:
        """Where a process outside the namespace finds it."""
        return Path(f"/proc/{self.server.pid}/root{self.place}")

    def freeze(self) -> None:
        """Answer nothing from now on: the moment of the power cut."""
        self._order(do="freeze")
        self.frozen()

    def freeze_after(self, changes: int) -> None:
        """Freeze before the next change or sync after so many; `frozen` waits for it."""
        self._order(do="freeze", after=changes)

    def frozen(self) -> None:
        """Return when it is frozen."""
        self._expect("frozen")

    def cut(self, seed: int, *users: subprocess.Popen[bytes]) -> None:
        """End those who used it, each with its process group, and mount what is left."""
        for user in users:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(user.pid, signal.SIGKILL)
        self._order(do="cut", seed=seed)
        self._expect("cut")
        for user in users:
            user.wait(timeout=30)

    def write(self, seed: int, folder: Path) -> None:
        """Write what a cut with this seed would leave as plain files."""
        self._order(do="write", seed=seed, folder=str(folder))
        self._expect("written")

    def _order(self, **order: object) -> None:
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps(order).encode() + b"\n")
        self.server.stdin.flush()

    def _expect(self, answer: str) -> None:
        found = self._answer()
        if found != answer:
            raise RuntimeError(f"the disk's server answered {found!r} instead of {answer!r}")

    def _answer(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline().decode().strip()
