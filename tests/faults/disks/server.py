"""Serves a `Disk` to the kernel and cuts its power when told to: a program of its own.

Orders come as lines of JSON on stdin, answers go to stdout; with the orders the mount ends:

* ``{"do": "freeze", "users": [12]}``: the power is gone: the sessions of these processes are
  killed, and nothing is answered any more; ``"after": 40`` waits for the 41st change or sync.
* ``{"do": "cut", "seed": 7}``: drop what the power cut takes and mount what is left.
* ``{"do": "write", "seed": 7, "folder": "/tmp/x"}``: write what a cut with this seed would leave as
  plain files, to look at; the disk stays as it is.
* ``{"do": "hang"}``: from here on no sync is answered, and no signal ends who waits for one, until
  ``{"do": "answer"}``.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.faults.disks import protocol
from tests.faults.disks.disk import PAGE, ROOT, Disk
from tests.faults.disks.protocol import CHANGING, SILENT, Operation

MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
C: Final = ctypes.CDLL(None, use_errno=True)
SYNCS: Final = frozenset({Operation.FSYNC, Operation.FSYNCDIR})
#: Names, sizes and blocks of a disk that is never full.
STATISTICS: Final = protocol.STATISTICS.pack(
    1 << 28, 1 << 27, 1 << 27, 1 << 20, 1 << 19, PAGE, 255, PAGE, 0
)


class RefusedError(OSError):
    """The kernel is told this error."""


class Server:
    """Answers the kernel for one disk.

    Parameters
    ----------
    place
        Where it is mounted.
    disk
        What it serves.
    """

    def __init__(self, place: Path, disk: Disk) -> None:
        self._place = place
        self._disk = disk
        self._owner = (os.getuid(), os.getgid())
        self._frozen = False
        self._left: int | None = None
        self._users: list[int] = []
        self._device = -1
        #: Syncs that wait for their answer, each with its file; None while none hangs.
        self._hanging: list[tuple[int, int]] | None = None
        self._answers: dict[int, Callable[[int, memoryview], bytes]] = {
            Operation.LOOKUP: self._lookup,
            Operation.GETATTR: self._stat,
            Operation.SETATTR: self._set,
            Operation.MKNOD: self._make_file,
            Operation.MKDIR: self._make_folder,
            Operation.UNLINK: self._unlink,
            Operation.RMDIR: self._unlink,
            Operation.RENAME: lambda number, body: self._rename(number, body, 8),
            Operation.RENAME2: lambda number, body: self._rename(number, body, 16),
            Operation.READ: self._read,
            Operation.WRITE: self._write,
            Operation.STATFS: lambda *_: STATISTICS,
            Operation.FSYNC: self._sync,
            Operation.FSYNCDIR: self._sync,
            Operation.INIT: self._begin,
            Operation.READDIR: self._list,
            Operation.DESTROY: lambda *_: b"",
            Operation.FALLOCATE: self._allocate,
        }

    def mount(self) -> None:
        """Show the disk to the programs of this namespace."""
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        uid, gid = self._owner
        options = f"fd={self._device},rootmode=40000,user_id={uid},group_id={gid},allow_other"
        texts = [b"lossy", str(self._place).encode(), b"fuse.lossy"]
        if C.mount(*texts, MS_NOSUID | MS_NODEV, options.encode()):
            number = ctypes.get_errno()
            raise OSError(number, f"mount: {os.strerror(number)}", str(self._place))

    def serve(self) -> None:
        """Answer kernel and orders until the orders end."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        orders = b""
        while True:
            if not self._frozen:
                poll.register(self._device, select.POLLIN)
            for file, _ in poll.poll():
                if file == 0:
                    more = os.read(0, 65536)
                    if not more:
                        return
                    *lines, orders = (orders + more).split(b"\n")
                    for line in lines:
                        if self._order(json.loads(line)):
                            poll.unregister(self._device)
                elif not self._frozen:
                    self._take()
                    if self._frozen:
                        poll.unregister(self._device)

    def unmount(self) -> None:
        """End the connection, on which whoever waits for an answer gets none, and the mount."""
        os.close(self._device)
        C.umount2(str(self._place).encode(), MNT_DETACH)

    def _order(self, order: dict[str, Any]) -> bool:
        """Follow an order; return whether the kernel is no longer answered because of it."""
        if order["do"] == "freeze":
            self._left, self._users = order.get("after"), order["users"]
            if self._left is None and not self._frozen:
                self._freeze()
                return True
        elif order["do"] == "write":
            write(self._disk.survivor(order["seed"]), Path(order["folder"]))
            tell("written")
        elif order["do"] == "cut":
            self._cut(order["seed"])
        elif order["do"] == "hang":
            self._hanging = []
            tell("hanging")
        elif order["do"] == "answer":
            hanging, self._hanging = self._hanging or [], None
            for unique, number in hanging:
                self._disk.sync(number)
                self._reply(unique)
            tell("answered")
        return False

    def _freeze(self) -> None:
        # Killed before anybody notices that the disk hangs: a dead machine acknowledges nothing.
        for user in self._users:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(user, signal.SIGKILL)
        self._frozen, self._left = True, None
        tell("frozen")

    def _cut(self, seed: int) -> None:
        self.unmount()
        self._disk = self._disk.survivor(seed)
        self._frozen, self._left = False, None
        self.mount()
        tell("cut")

    def _take(self) -> None:
        """Answer one request."""
        if self._left == 0:
            self._freeze()  # before the request is read: who sent it may still be killed
            return
        try:
            request = os.read(self._device, protocol.BUFFER)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:
                return  # taken back by who sent it
            raise
        _, operation, unique, number, *_ = protocol.REQUEST.unpack_from(request)
        if operation in SILENT:
            return
        if self._left is not None and operation in CHANGING:
            self._left -= 1
        if self._hanging is not None and operation in SYNCS:
            self._hanging.append((unique, number))
            if len(self._hanging) == 1:
                tell("held")
            return
        answer, failure = b"", 0
        try:
            answer = self._answer(operation, number, memoryview(request)[protocol.REQUEST.size :])
        except OSError as error:
            failure = -(error.errno or errno.EIO)
        self._reply(unique, answer, failure)

    def _reply(self, unique: int, answer: bytes = b"", failure: int = 0) -> None:
        head = protocol.REPLY.pack(protocol.REPLY.size + len(answer), failure, unique)
        try:
            os.writev(self._device, [head, answer])
        except OSError as error:
            if error.errno != errno.ENOENT:  # who asked is gone
                raise

    def _answer(self, operation: int, number: int, body: memoryview) -> bytes:
        answer = self._answers.get(operation)
        if answer is None:
            # Opening, closing, extended attributes: the kernel asks once, and never again.
            raise RefusedError(errno.ENOSYS, "")
        return answer(number, body)

    def _begin(self, _number: int, body: memoryview) -> bytes:
        major, minor, ahead, flags = protocol.INIT.unpack_from(body)
        pages = protocol.MAX_WRITE // PAGE
        return protocol.INIT_REPLY.pack(
            major, min(minor, 31), ahead, flags & protocol.WANTED, 64, 48, protocol.MAX_WRITE, 1,
            pages, 0, 0,
        )  # fmt: skip

    def _lookup(self, parent: int, body: memoryview) -> bytes:
        number = self._disk.nodes[parent].entries.get(text(body))
        if number is None:
            raise RefusedError(errno.ENOENT, "")
        return self._entry(number)

    def _entry(self, number: int) -> bytes:
        return protocol.entry(number, self._disk.nodes[number], owner=self._owner)

    def _stat(self, number: int, _body: memoryview) -> bytes:
        found = protocol.attributes(number, self._disk.nodes[number], owner=self._owner)
        return protocol.ATTRIBUTES_REPLY.pack(protocol.FOR_EVER, 0, 0) + found

    def _set(self, number: int, body: memoryview) -> bytes:
        valid, _, _, size = protocol.SET_ATTRIBUTES.unpack_from(body)
        node = self._disk.nodes[number]
        if valid & protocol.SET_SIZE:
            self._disk.resize(number, size)
        if valid & protocol.SET_MODE:
            mode = int.from_bytes(body[68:72], "little")
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        return self._stat(number, body)

    def _make_file(self, parent: int, body: memoryview) -> bytes:
        mode = int.from_bytes(body[:4], "little")
        return self._make(parent, text(body[16:]), stat.S_IFREG | stat.S_IMODE(mode))

    def _make_folder(self, parent: int, body: memoryview) -> bytes:
        mode = int.from_bytes(body[:4], "little")
        return self._make(parent, text(body[8:]), stat.S_IFDIR | stat.S_IMODE(mode))

    def _make(self, parent: int, name: str, mode: int) -> bytes:
        if name in self._disk.nodes[parent].entries:
            raise RefusedError(errno.EEXIST, "")
        return self._entry(self._disk.make(parent, name, mode))

    def _unlink(self, parent: int, body: memoryview) -> bytes:
        name = text(body)
        number = self._disk.nodes[parent].entries.get(name)
        if number is None:
            raise RefusedError(errno.ENOENT, "")
        if self._disk.nodes[number].entries:
            raise RefusedError(errno.ENOTEMPTY, "")
        self._disk.name(parent, name, None)
        return b""

    def _rename(self, parent: int, body: memoryview, head: int) -> bytes:
        other = int.from_bytes(body[:8], "little")
        old, new, _ = bytes(body[head:]).split(b"\0")
        if old.decode() not in self._disk.nodes[parent].entries:
            raise RefusedError(errno.ENOENT, "")
        self._disk.rename(parent, old.decode(), other, new.decode())
        return b""

    def _read(self, number: int, body: memoryview) -> bytes:
        _, offset, size, *_ = protocol.TRANSFER.unpack_from(body)
        return bytes(memoryview(self._disk.nodes[number].content)[offset : offset + size])

    def _write(self, number: int, body: memoryview) -> bytes:
        _, offset, size, *_ = protocol.TRANSFER.unpack_from(body)
        start = protocol.TRANSFER.size
        self._disk.write(number, offset, bytes(body[start : start + size]))
        return protocol.WRITTEN.pack(size, 0)

    def _sync(self, number: int, _body: memoryview) -> bytes:
        self._disk.sync(number)
        return b""

    def _allocate(self, number: int, body: memoryview) -> bytes:
        _, offset, length, mode, _ = protocol.ALLOCATE.unpack_from(body)
        if mode:
            raise RefusedError(errno.EOPNOTSUPP, "")
        size = max(len(self._disk.nodes[number].content), offset + length)
        self._disk.resize(number, size)
        return b""

    def _list(self, number: int, body: memoryview) -> bytes:
        _, offset, room, *_ = protocol.TRANSFER.unpack_from(body)
        nodes = self._disk.nodes
        own = [(".", number, stat.S_IFDIR), ("..", ROOT, stat.S_IFDIR)]
        held = [(name, n, nodes[n].mode) for name, n in nodes[number].entries.items()]
        return protocol.listing(own + held, offset, room)


def text(body: memoryview) -> str:
    """Return the name that a request ends with."""
    return bytes(body).rstrip(b"\0").decode()


def tell(what: str) -> None:
    """Answer an order."""
    os.write(1, what.encode() + b"\n")


def write(disk: Disk, folder: Path, number: int = ROOT) -> None:
    """Write a disk's files as plain ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, inner in disk.nodes[number].entries.items():
        node = disk.nodes[inner]
        if node.is_folder:
            write(disk, folder / name, inner)
        else:
            (folder / name).write_bytes(node.content)
            (folder / name).chmod(stat.S_IMODE(node.mode))


def main() -> None:
    """Mount, say so, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("--names-with-files", action="store_true", help="as ext4 does")
    arguments = parser.parse_args()
    server = Server(arguments.place, Disk(names_with_files=arguments.names_with_files))
    try:
        server.mount()
    except OSError as error:
        sys.exit(f"{error}")
    try:
        tell("mounted")
        server.serve()
    finally:
        server.unmount()


if __name__ == "__main__":
    main()
