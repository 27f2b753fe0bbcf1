"""A disk whose power can be cut, for programs that a test starts: `LossyDisk`.

A child serves and mounts it; when the test ends, however it ends, the child unmounts it and ends
too. Programs that use it are started in a session of their own, which dies with the power.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ROOT: Final = Path(__file__).parents[3]


@cache
def missing() -> str:
    """Return what this machine lacks for it, or an empty string."""
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(
            _server(Path(folder)), stdin=subprocess.DEVNULL, capture_output=True, cwd=ROOT,
            check=False,
        )  # fmt: skip
    if not tried.returncode:
        return ""
    reason = tried.stderr.decode().strip().splitlines()[-1:]
    return f"no disk can be mounted ({''.join(reason)}); run as root or under unshare -rm"


def _server(place: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "tests.faults.disks.server", str(place), *options]


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
        self._server = subprocess.Popen(
            _server(self.place, *self._options),
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

    def fail(self, *users: int, after: int | None = None) -> None:
        """Let the power go: the sessions of these processes are killed, the disk answers no more.

        Parameters
        ----------
        users
            Leaders of the sessions that die with it.
        after
            Not now, but before the next change or sync after so many; `failed` waits for it.
        """
        self._order(do="freeze", after=after, users=users)

    def failed(self) -> None:
        """Return when the power is gone."""
        self._expect("frozen")

    def restore(self, seed: int) -> None:
        """Let the power come back: mount what a cut with this seed leaves."""
        self._order(do="cut", seed=seed)
        self._expect("cut")

    def hang(self) -> None:
        """Answer no sync from here on: who waits for one cannot be killed meanwhile.

        `held` has to be called before anything else.
        """
        self._order(do="hang")
        self._expect("hanging")

    def held(self) -> None:
        """Return when somebody waits for a sync."""
        self._expect("held")

    def answer(self) -> None:
        """Answer them after all, and those that come."""
        self._order(do="answer")
        self._expect("answered")

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
