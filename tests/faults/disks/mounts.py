"""Disks of the laboratory's own: mounts that nobody else sees and that end with it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.faults.catalogue import UnavailableError

#: unshare(2)
CLONE_NEWNS: Final = 0x00020000
MEBIBYTE: Final = 1024 * 1024


def own_namespace() -> bool:
    """Give this process mounts of its own, before it has threads; return whether it may."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        return False
    return not subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode


class SmallDisk:
    """A file system of this size at a folder, for the length of a block.

    Parameters
    ----------
    folder
        Made and mounted over.
    size_mib
        How much fits.
    inodes
        How many files and folders; as many as memory allows unless given.
    """

    def __init__(self, folder: Path, *, size_mib: int, inodes: int = 0) -> None:
        self.folder = folder
        self._options = f"size={size_mib}m" + (f",nr_inodes={inodes}" if inodes else "")
        self._filler = folder / "filler"
        self._names = folder / "names"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "-o", self._options, "none", str(self.folder))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)

    def fill(self) -> None:
        """Take every byte that is left."""
        handle = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (MEBIBYTE, 4096, 1):
                with suppress(OSError):
                    while os.write(handle, b"\0" * size):
                        pass
        finally:
            os.close(handle)

    def fill_names(self) -> None:
        """Make files until no more can be made."""
        self._names.mkdir()
        with suppress(OSError):
            for number in count():
                (self._names / f"{number}").touch()

    def free(self) -> None:
        """Give back what was taken."""
        self._filler.unlink(missing_ok=True)
        shutil.rmtree(self._names, ignore_errors=True)

    @property
    def room(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


class ReadOnly:
    """A folder that cannot be written, by anybody, for the length of a block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        mount("--bind", str(self.folder), str(self.folder))
        try:
            mount("-o", "remount,bind,ro", str(self.folder))
            if os.access(self.folder, os.W_OK):
                raise UnavailableError("a folder that was mounted read-only can be written here")  # noqa: TRY301
        except BaseException:
            self.writable()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.writable()

    def writable(self) -> None:
        """End it before the block does."""
        subprocess.run(
            ["umount", "--lazy", str(self.folder)], check=False, stderr=subprocess.DEVNULL
        )


def mount(*arguments: str) -> None:
    """Mount.

    Raises
    ------
    UnavailableError
        This user may not, or the kernel cannot.
    """
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnavailableError(f"mount: {os.strerror(error.errno or errno.ENOENT)}") from error
    if done.returncode:
        raise UnavailableError(done.stderr.strip() or "mount failed")
