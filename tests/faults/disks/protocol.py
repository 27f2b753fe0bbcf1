"""The kernel's FUSE protocol (version 7), as far as files, folders and their syncs need it.

Only layouts: what the messages of `linux/fuse.h` look like in memory.
"""

from __future__ import annotations

import stat
import struct
from enum import IntEnum
from typing import Final

from tests.faults.disks.disk import PAGE, Node

REQUEST: Final = struct.Struct("<IIQQIIIHH")
REPLY: Final = struct.Struct("<IiQ")
INIT: Final = struct.Struct("<IIII")
INIT_REPLY: Final = struct.Struct("<IIIIHHIIHHI28x")
ATTRIBUTES: Final = struct.Struct("<QQQQQQIIIIIIIIII")
ENTRY: Final = struct.Struct("<QQQQII")
ATTRIBUTES_REPLY: Final = struct.Struct("<QII")
SET_ATTRIBUTES: Final = struct.Struct("<IIQQ")
TRANSFER: Final = struct.Struct("<QQIIQII")
WRITTEN: Final = struct.Struct("<II")
ALLOCATE: Final = struct.Struct("<QQQII")
STATISTICS: Final = struct.Struct("<QQQQQIIII24x")

#: No request is larger: a write of `MAX_WRITE` bytes and its head.
MAX_WRITE: Final = 1024 * 1024
BUFFER: Final = MAX_WRITE + PAGE
#: What may be kept by the kernel: all changes pass through here, so nothing goes stale.
FOR_EVER: Final = 2**31

ASYNC_READ, BIG_WRITES, PARALLEL_DIROPS = 1 << 0, 1 << 5, 1 << 18
NO_OPEN, MAX_PAGES, NO_OPENDIR = 1 << 17, 1 << 22, 1 << 24
WANTED: Final = ASYNC_READ | BIG_WRITES | PARALLEL_DIROPS | NO_OPEN | MAX_PAGES | NO_OPENDIR
SET_MODE, SET_SIZE = 1 << 0, 1 << 3


class Operation(IntEnum):
    """What the kernel asks for."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    READ = 15
    WRITE = 16
    STATFS = 17
    FSYNC = 20
    INIT = 26
    READDIR = 28
    FSYNCDIR = 30
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43
    RENAME2 = 45


#: Operations that nobody answers.
SILENT: Final = frozenset({Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT})
#: Operations that change what is on the disk, or make it durable.
CHANGING: Final = frozenset(
    {
        Operation.SETATTR,
        Operation.MKNOD,
        Operation.MKDIR,
        Operation.UNLINK,
        Operation.RMDIR,
        Operation.RENAME,
        Operation.WRITE,
        Operation.FSYNC,
        Operation.FSYNCDIR,
        Operation.FALLOCATE,
        Operation.RENAME2,
    }
)


def attributes(number: int, node: Node, *, owner: tuple[int, int]) -> bytes:
    """Return what `stat` shall tell of a node."""
    size = len(node.content)
    links = 2 if node.is_folder else 1
    times = (0, 0, 0, 0, 0, 0)
    return ATTRIBUTES.pack(
        number, size, -(-size // 512), *times, node.mode, links, *owner, 0, PAGE, 0
    )


def entry(number: int, node: Node, *, owner: tuple[int, int]) -> bytes:
    """Return the answer to a name that was found or made."""
    head = ENTRY.pack(number, 0, FOR_EVER, FOR_EVER, 0, 0)
    return head + attributes(number, node, owner=owner)


def listing(names: list[tuple[str, int, int]], offset: int, room: int) -> bytes:
    """Return the entries (name, number, mode) of a folder from `offset` on, as far as they fit."""
    found = b""
    for place, (name, number, mode) in enumerate(names[offset:], start=offset + 1):
        text = name.encode()
        one = struct.pack("<QQII", number, place, len(text), stat.S_IFMT(mode) >> 12) + text
        one += bytes(-len(one) % 8)
        if len(found) + len(one) > room:
            break
        found += one
    return found
