"""What a disk holds when its power goes: everything that was synced, and any part of the rest.

Each file has the content that programs read and the content that a sync has covered. Between them
lie the writes since, in order. Names are kept apart from files: a name that was made, moved or
removed is durable when its *folder* was synced (the harsher reading of POSIX; ext4 does it with the
file's own sync, which `names_with_files` asks for).

`survivor` draws one of the disks that a power cut may leave:

* nothing un-synced at all; or everything up to some moment, over all files, the write at that
  moment torn; or for each page and each size of each file any of its versions, one page of each
  file torn between two of them. Files are drawn apart: a later write of one may be there and an
  earlier one of another not;
* of the names in each folder those up to some change.

A page has 4096 bytes and is torn at a multiple of 512. What a write did not touch it never harms.
"""

from __future__ import annotations

import random
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

PAGE: Final = 4096
SECTOR: Final = 512
ROOT: Final = 1


class Change(NamedTuple):
    """One change of a file that no sync has covered: bytes written there, and the size after it.

    A change of size alone has no bytes.
    """

    at: int
    offset: int
    data: bytes
    size: int


class Naming(NamedTuple):
    """One change of a folder that no sync has covered; `node` is None for a name removed."""

    at: int
    name: str
    node: int | None


@dataclass(slots=True)
class Node:
    """A file or a folder.

    Parameters
    ----------
    mode
        As `stat` tells it.
    content, durable
        What programs read, and what a sync has covered.
    changes
        Between the two, in order.
    entries, durable_entries, namings
        The same for a folder.
    """

    mode: int
    content: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    changes: list[Change] = field(default_factory=list)
    entries: dict[str, int] = field(default_factory=dict)
    durable_entries: dict[str, int] = field(default_factory=dict)
    namings: list[Naming] = field(default_factory=list)

    @property
    def is_folder(self) -> bool:
        """Whether it holds names."""
        return stat.S_ISDIR(self.mode)


class Disk:
    """Files and folders by number, as programs see them and as a power cut would leave them.

    Parameters
    ----------
    names_with_files
        A file's sync makes its name durable too.
    """

    def __init__(self, *, names_with_files: bool = False) -> None:
        self.nodes: dict[int, Node] = {ROOT: Node(stat.S_IFDIR | 0o755)}
        self.names_with_files = names_with_files
        #: Counts the changes: they have one order over all files.
        self.moment = 0
        self._next = ROOT + 1

    def make(self, parent: int, name: str, mode: int) -> int:
        """Make a file or a folder and return its number."""
        number = self._next
        self._next += 1
        self.nodes[number] = Node(mode)
        self.name(parent, name, number)
        return number

    def name(self, parent: int, name: str, number: int | None) -> None:
        """Let a name stand for a node, or for none."""
        folder = self.nodes[parent]
        self.moment += 1
        folder.namings.append(Naming(self.moment, name, number))
        put(folder.entries, name, number)

    def rename(self, parent: int, name: str, other: int, new: str) -> None:
        """Move a name; within a folder it is one change, over two folders one in each."""
        number = self.nodes[parent].entries[name]
        self.name(other, new, number)
        self.name(parent, name, None)
        if parent == other:
            # Never one without the other.
            first, second = self.nodes[parent].namings[-2:]
            self.nodes[parent].namings[-1] = second._replace(at=first.at)

    def write(self, number: int, offset: int, data: bytes) -> None:
        """Write bytes; a gap before them reads as zeros."""
        node = self.nodes[number]
        size = max(len(node.content), offset + len(data))
        self._change(node, offset, data, size)

    def resize(self, number: int, size: int) -> None:
        """Cut a file off or lengthen it with zeros."""
        self._change(self.nodes[number], 0, b"", size)

    def _change(self, node: Node, offset: int, data: bytes, size: int) -> None:
        self.moment += 1
        change = Change(self.moment, offset, data, size)
        apply(node.content, change)
        node.changes.append(change)

    def sync(self, number: int) -> None:
        """Make a file's content durable, or a folder's names."""
        node = self.nodes[number]
        if node.is_folder:
            node.durable_entries = dict(node.entries)
            node.namings.clear()
            return
        for change in node.changes:
            apply(node.durable, change)
        node.changes.clear()
        if self.names_with_files:
            for folder in self.nodes.values():
                if folder.is_folder and number in folder.entries.values():
                    self.sync_names(folder)

    def sync_names(self, folder: Node) -> None:
        """Make all names of a folder durable."""
        folder.durable_entries = dict(folder.entries)
        folder.namings.clear()

    def survivor(self, seed: int) -> Disk:
        """Return one of the disks that a power cut at this moment may leave."""
        chance = random.Random(seed)
        draw = chance.choice([nothing, up_to_a_moment, any_pages, any_pages])
        moment = chance.randint(self._oldest(), self.moment)
        left = Disk(names_with_files=self.names_with_files)
        left.moment, left._next = self.moment, self._next
        left.nodes = {}
        for number, node in self.nodes.items():
            survived = Node(node.mode)
            survived.entries = names(node, draw, chance, moment)
            survived.content = draw(node, chance, moment) if node.changes else node.durable[:]
            survived.durable = survived.content[:]
            survived.durable_entries = dict(survived.entries)
            left.nodes[number] = survived
        left.forget_unnamed()
        return left

    def _oldest(self) -> int:
        """Return the moment before the oldest change that no sync has covered."""
        firsts = [node.changes[0].at for node in self.nodes.values() if node.changes]
        firsts += [node.namings[0].at for node in self.nodes.values() if node.namings]
        return min(firsts, default=self.moment) - 1

    def forget_unnamed(self) -> None:
        """Drop what no name leads to, and names that lead to nothing."""
        reached, ahead = {ROOT}, [ROOT]
        while ahead:
            folder = self.nodes[ahead.pop()]
            for number in folder.entries.values():
                if number not in reached:
                    reached.add(number)
                    ahead.append(number)
        self.nodes = {number: node for number, node in self.nodes.items() if number in reached}


Draw = Callable[[Node, random.Random, int], bytearray]


def put(entries: dict[str, int], name: str, number: int | None) -> None:
    """Change one name of a folder."""
    if number is None:
        entries.pop(name, None)
    else:
        entries[name] = number


def apply(content: bytearray, change: Change) -> None:
    """Make one change."""
    end = change.offset + len(change.data)
    if change.size < len(content):
        del content[change.size :]
    elif change.size > len(content):
        content.extend(bytes(change.size - len(content)))
    content[change.offset : end] = change.data


def names(node: Node, draw: Draw, chance: random.Random, moment: int) -> dict[str, int]:
    """Return the names of a folder up to some change."""
    entries = dict(node.durable_entries)
    if draw is nothing or not node.namings:
        return entries
    if draw is any_pages:
        moment = chance.choice([node.namings[0].at - 1, *(each.at for each in node.namings)])
    for each in node.namings:
        if each.at <= moment:
            put(entries, each.name, each.node)
    return entries


def nothing(node: Node, _chance: random.Random, _moment: int) -> bytearray:
    """Only what was synced."""
    return node.durable[:]


def up_to_a_moment(node: Node, chance: random.Random, moment: int) -> bytearray:
    """Every change up to a moment; the one at it is torn."""
    content = node.durable[:]
    for change in node.changes:
        if change.at < moment:
            apply(content, change)
        elif change.at == moment:
            kept = chance.randint(0, len(change.data))
            # The cut falls on a sector of the disk, not of the write.
            kept = max(0, (change.offset + kept) // SECTOR * SECTOR - change.offset)
            size = max(len(content), change.offset + kept) if change.data else change.size
            apply(content, change._replace(data=change.data[:kept], size=size))
    return content


def any_pages(node: Node, chance: random.Random, _moment: int) -> bytearray:
    """Any version of each page, and of the size; the last page changed is torn."""
    size = chance.choice([len(node.durable), *(change.size for change in node.changes)])
    content = node.durable[:]
    resize(content, size)
    torn = node.changes[-1]
    last = max(torn.offset, torn.offset + len(torn.data) - 1) // PAGE
    for page, versions in page_versions(node).items():
        chosen = chance.choice(versions)
        if page == last:
            later = chance.choice(versions)
            place = chance.randrange(PAGE // SECTOR + 1) * SECTOR
            chosen = later[:place] + chosen[place:]
        start = page * PAGE
        if start < size:
            content[start : start + PAGE] = chosen[: size - start]
    return content


def page_versions(node: Node) -> dict[int, list[bytes]]:
    """Return what each page that was changed has held since the sync, oldest first."""
    content = node.durable[:]
    versions: dict[int, list[bytes]] = {}
    for change in node.changes:
        before = len(content)
        start, end = change.offset, change.offset + len(change.data)
        if not change.data:
            start, end = change.size, before  # what is cut off; lengthening changes no page
        touched = range(start // PAGE, -(-end // PAGE))
        for page in touched:
            versions.setdefault(page, [page_of(content, page)])
        apply(content, change)
        for page in touched:
            versions[page].append(page_of(content, page))
    return versions


def page_of(content: bytearray, page: int) -> bytes:
    """Return a whole page; what lies beyond the end reads as zeros."""
    return bytes(content[page * PAGE : (page + 1) * PAGE]).ljust(PAGE, b"\0")


def resize(content: bytearray, size: int) -> None:
    """Cut off or lengthen with zeros."""
    del content[size:]
    content.extend(bytes(size - len(content)))
