"""SQLite on a recorded disk: each write and sync of a store, to be cut off after any of them.

`Recording` is an SQLite VFS that does what SQLite asks and notes it. `replayed` plays the notes on
a `Disk`, one by one, so that a test can look at what a power cut after each would have left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import apsw

from tests.faults.disks.disk import ROOT, Disk

FILE: Final = 0o100640
#: Their first sync is one of their folder too: so does SQLite's own VFS.
WITH_FOLDER: Final = ("-wal", "-journal")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done: `make`, `write`, `resize`, `sync`, `remove`, or a `note`."""

    what: str
    name: str = ""
    offset: int = 0
    data: bytes = b""
    note: Any = None


class Recording:
    """Records every store that is opened in this process within the block.

    Parameters
    ----------
    folder
        Of the stores; others are left alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[Step] = []
        self._vfs: apsw.VFS | None = None

    def __enter__(self) -> Self:
        self._before = apsw.vfs_names()[0]
        self._vfs = _Recorder(self, self._before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._vfs is not None
        self._vfs.unregister()

    def note(self, what: object) -> None:
        """Note what holds from now on, whatever is cut off later."""
        self.steps.append(Step("note", note=what))


class _Recorder(apsw.VFS):
    def __init__(self, recording: Recording, base: str) -> None:
        self.recording = recording
        self.base = base
        super().__init__("hazgate-recording", base, makedefault=True)

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "")
        if path.parent != self.recording.folder or flags[0] & apsw.SQLITE_OPEN_READONLY:
            return apsw.VFSFile(self.base, name, flags)
        if not path.exists():
            self.recording.steps.append(Step("make", path.name))
        return _File(self.recording, self.base, path.name, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802, FBT001
        super().xDelete(name, sync_folder)
        path = Path(name)
        if path.parent == self.recording.folder:
            self.recording.steps.append(Step("remove", path.name, int(sync_folder)))


class _File(apsw.VFSFile):
    def __init__(
        self,
        recording: Recording,
        base: str,
        short: str,
        name: str | apsw.URIFilename | None,
        flags: list[int],
    ) -> None:
        self.recording = recording
        self.short = short
        super().__init__(base, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self.recording.steps.append(Step("write", self.short, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self.recording.steps.append(Step("resize", self.short, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self.recording.steps.append(Step("sync", self.short))


def replayed(steps: list[Step]) -> Iterator[tuple[Disk, Any]]:
    """Yield the disk after each thing that was done to it, and the last note before."""
    disk = Disk()
    note = None
    for step in steps:
        if step.what == "note":
            note = step.note
            continue
        number = disk.nodes[ROOT].entries.get(step.name)
        if step.what == "make":
            disk.make(ROOT, step.name, FILE)
        elif number is None:
            continue  # removed while it was open
        elif step.what == "write":
            disk.write(number, step.offset, step.data)
        elif step.what == "resize":
            disk.resize(number, step.offset)
        elif step.what == "sync":
            disk.sync(number)
            if step.name.endswith(WITH_FOLDER):
                disk.sync(ROOT)
        else:
            disk.name(ROOT, step.name, None)
            if step.offset:
                disk.sync(ROOT)
        yield disk, note
