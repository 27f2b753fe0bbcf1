"""The system calls of a run that make something durable, and how to come to each of them again.

A call is named by the part of the run that it lies in, its file, and how many of its kind on that
file came before. strace counts the calls of each thread apart, and the first thread to reach a
count dies of it: a call that another thread's would be taken for is *shadowed*. A run is therefore
cut into parts, each of which begins behind a call that has been made (its *mark*), until nothing is
shadowed.

Only files of the store count: what a cold cache of kernels or a log writes is no durability.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

SYNCS: Final = ("fdatasync", "fsync", "sync_file_range", "msync")
WRITES: Final = ("pwrite64", "pwritev", "pwritev2", "write", "writev")
NAMES: Final = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir")
SIZES: Final = ("ftruncate", "truncate", "fallocate")
CALLS: Final = (*SYNCS, *WRITES, *NAMES, *SIZES)
#: These name their file by a path, all others by a descriptor.
BY_PATH: Final = frozenset({*NAMES, "truncate"})
#: Stands for every file.
ANY: Final = "*"
#: Files whose names no run can know from another.
VARIES: Final = re.compile(r"^snapshots/.")
LINE: Final = re.compile(r"^(\d+) +([a-z_0-9]+)\((.*)")
PATH: Final = re.compile(r'"([^"]*)"')
DESCRIPTOR: Final = re.compile(r"^[^<,]*<([^>]*)>")


class Call(NamedTuple):
    """A call: who made it, and on which file, relative to the store; empty for one that is none."""

    thread: str
    name: str
    file: str


class Mark(NamedTuple):
    """A call behind which a part begins."""

    name: str
    file: str


class Point(NamedTuple):
    """A call of a run, as it is found again: the Nth of its name on its file in a part."""

    part: str
    name: str
    file: str
    n: int

    def __str__(self) -> str:
        """Return it as a case's plan spells it."""
        return f"{self.part}:{self.name}:{self.file}:{self.n}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the point that a plan spells."""
        part, name, file, n = text.split(":")
        return cls(part, name, file, int(n))


def listed(text: str, store: Path) -> list[Call]:
    """Return the calls that strace wrote down (with ``-y``), in the order of their beginnings."""
    found = []
    for line in text.splitlines():
        if (match := LINE.match(line)) is None:
            continue  # the end of a call, or a signal
        thread, name, rest = match.groups()
        path = PATH.search(rest) if name in BY_PATH else DESCRIPTOR.match(rest)
        found.append(Call(thread, name, relative(path.group(1) if path else "", store)))
    return found


def relative(path: str, store: Path) -> str:
    """Return a path from the store's folder: that itself, what lies in it, and its parent."""
    if not path.startswith("/"):
        return ""
    found = os.path.relpath(path, store)
    return "" if found.startswith("../") else found


def split(calls: Sequence[Call], marks: Mapping[str, Mark | None]) -> dict[str, list[Call]]:
    """Cut calls into parts: the first begins at once, each other behind its mark."""
    names = iter(marks)
    part = next(names)
    parts: dict[str, list[Call]] = {part: []}
    coming = next(names, None)
    for call in calls:
        parts[part].append(call)
        mark = marks[coming] if coming is not None else None
        if coming is not None and mark is not None and call[1:] == mark:
            part, coming = coming, next(names, None)
            parts[part] = []
    return parts


def points(part: str, calls: Sequence[Call]) -> tuple[list[Point], list[Call]]:
    """Return the points of a part, and those calls that are shadowed by another thread's."""
    counts: Counter[tuple[str, str, str]] = Counter()
    reached: set[Point] = set()
    found, shadowed = [], []
    for call in calls:
        ways = []
        for file in (call.file, ANY):
            counts[call.thread, call.name, file] += 1
            point = Point(part, call.name, file, counts[call.thread, call.name, file])
            first = point not in reached
            reached.add(point)
            if first and not (file == call.file and VARIES.match(file)):
                ways.append(point)
        if call.file and ways:
            found.append(ways[0])
        elif call.file:
            shadowed.append(call)
    return found, shadowed
