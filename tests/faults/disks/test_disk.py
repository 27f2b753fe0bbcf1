"""What a power cut leaves of a disk: what was synced, and any part of the rest."""

from __future__ import annotations

import stat

import pytest

from tests.faults.disks.disk import PAGE, ROOT, SECTOR, Disk

SEEDS = range(300)
FILE = stat.S_IFREG | 0o640
FOLDER = stat.S_IFDIR | 0o750


def disk_with(content: bytes, *, names_with_files: bool = False) -> tuple[Disk, int]:
    """Return a disk on which one file is wholly durable, and its number."""
    disk = Disk(names_with_files=names_with_files)
    number = disk.make(ROOT, "file", FILE)
    disk.write(number, 0, content)
    disk.sync(number)
    disk.sync(ROOT)
    return disk, number


def left(disk: Disk, number: int) -> list[bytes]:
    """Return what a file holds after a cut with each seed."""
    return [bytes(disk.survivor(seed).nodes[number].content) for seed in SEEDS]


def named(disk: Disk) -> list[frozenset[str]]:
    """Return the names in the uppermost folder after a cut with each seed."""
    return [frozenset(disk.survivor(seed).nodes[ROOT].entries) for seed in SEEDS]


def test_what_was_synced_survives_every_cut() -> None:
    """Bytes, size and name that a sync covered are there whatever the seed."""
    content = bytes(range(256)) * 64
    disk, number = disk_with(content)
    disk.write(number, len(content), b"after" * 3000)
    for found in left(disk, number):
        assert found[: len(content)] == content


def test_a_synced_part_of_a_page_is_not_harmed_by_a_later_write_to_it() -> None:
    """A write beside synced bytes of the same page and sector leaves them as they are."""
    disk, number = disk_with(b"a" * 700)
    disk.write(number, 700, b"b" * 100)
    assert all(found[:700] == b"a" * 700 for found in left(disk, number))


def test_what_was_not_synced_is_lost_or_torn_or_there() -> None:
    """An un-synced page is there in some cuts, gone in some, and torn at a sector in some."""
    disk, number = disk_with(b"o" * PAGE)
    disk.write(number, 0, b"n" * PAGE)
    found = left(disk, number)
    assert {b"o" * PAGE, b"n" * PAGE} < set(found)
    torn = {each for each in found if len(set(each)) == 2}
    assert torn
    for each in torn:
        assert each.rindex(b"n") % SECTOR == SECTOR - 1


def test_a_later_write_may_survive_an_earlier_one() -> None:
    """Without a sync between them neither pages nor files keep the order of the writes."""
    disk, first = disk_with(b"o" * 3 * PAGE)
    second = disk.make(ROOT, "other", FILE)
    disk.sync(ROOT)
    disk.write(first, 0, b"1" * PAGE)
    disk.write(first, 2 * PAGE, b"2" * PAGE)
    disk.write(second, 0, b"3" * 10)
    cuts = [disk.survivor(seed).nodes for seed in SEEDS]
    assert any(
        cut[first].content[:1] == b"o" and cut[first].content[-PAGE : -PAGE + 1] == b"2"
        for cut in cuts
    )
    assert any(cut[first].content[:1] == b"o" and cut[second].content[:1] == b"3" for cut in cuts)
    assert any(cut[first].content[:1] == b"1" and not cut[second].content for cut in cuts)


def test_a_size_without_its_bytes_reads_as_zeros() -> None:
    """A file may have grown while the bytes written there have not arrived."""
    disk, number = disk_with(b"o" * PAGE)
    disk.write(number, PAGE, b"n" * PAGE)
    disk.write(number, 2 * PAGE, b"n" * PAGE)
    found = left(disk, number)
    assert b"o" * PAGE + bytes(PAGE) + b"n" * PAGE in found
    assert b"o" * PAGE in found


def test_a_truncation_that_was_not_synced_may_be_undone() -> None:
    """What was cut off is there again in some cuts, and stays off in others."""
    disk, number = disk_with(b"o" * 2 * PAGE)
    disk.resize(number, 100)
    found = left(disk, number)
    assert b"o" * 100 in found
    assert b"o" * 2 * PAGE in found
    disk.sync(number)
    assert set(left(disk, number)) == {b"o" * 100}


def test_a_rename_without_a_sync_of_its_folder_may_be_undone() -> None:
    """A file that was synced and renamed has one of its names, and both in no cut."""
    disk, _ = disk_with(b"x")
    disk.rename(ROOT, "file", ROOT, "new")
    assert set(named(disk)) == {frozenset({"file"}), frozenset({"new"})}
    disk.sync(ROOT)
    assert set(named(disk)) == {frozenset({"new"})}


def test_a_synced_file_in_an_unsynced_folder_may_be_gone() -> None:
    """A file's own sync makes no name durable, that of its folder none of the folder above."""
    disk, _ = disk_with(b"x")
    folder = disk.make(ROOT, "folder", FOLDER)
    number = disk.make(folder, "inner", FILE)
    disk.sync(number)
    disk.sync(folder)
    assert any("folder" not in names for names in named(disk))
    disk.sync(ROOT)
    assert all(number in disk.survivor(seed).nodes for seed in SEEDS)


def test_names_are_durable_with_their_files_where_that_is_asked_for() -> None:
    """On a disk like ext4 the sync of a file keeps its name."""
    disk, _ = disk_with(b"x", names_with_files=True)
    number = disk.make(ROOT, "second", FILE)
    disk.sync(number)
    assert all("second" in names for names in named(disk))


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_can_be_repeated(seed: int) -> None:
    """The same seed leaves the same disk; a cut of what was left takes nothing more."""
    disk, number = disk_with(b"o" * 3 * PAGE)
    for place in range(30):
        disk.write(number, place * 300, bytes([place]) * 300)
    first, again = disk.survivor(seed), disk.survivor(seed)
    assert first.nodes == again.nodes
    assert first.survivor(seed + 1).nodes[number].content == first.nodes[number].content
