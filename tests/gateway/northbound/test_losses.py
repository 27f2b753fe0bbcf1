"""A damaged spool is told, with what it cost at most; whatever else ends a segment is not."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.northbound.losses import Hole, holes, losses
from gateway.northbound.spool import encode_readings, marker, segments
from gateway.northbound.spool_writer import Spool
from tests.gateway.northbound.spooling import LEAD, SESSION, TAGS, Writer, batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a spool of two segments, 60 readings each."""
    writer = Writer(tmp_path / "spool")
    for _ in range(2):
        writer.append(SESSION, *(encode_readings(batch(20, float(n))) for n in range(3)))
        writer.begin_segment()
    writer.close()
    return tmp_path / "spool"


def end(folder: Path) -> int:
    """Return the position after everything."""
    spool = Spool(folder, TAGS)
    spool.close()
    return spool.position


def lost(folder: Path, *, committed: int, told: Iterable[Hole] = ()) -> list[Hole]:
    """Return what a start finds lost."""
    return losses(holes(folder, committed=committed, told=told), committed=committed)


def harm(path: Path, place: int) -> None:
    """Turn a byte over."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def test_a_sound_spool_has_lost_nothing(folder: Path) -> None:
    """Neither a whole spool nor one of which the store knows less has losses."""
    assert lost(folder, committed=end(folder)) == []
    assert lost(folder, committed=0) == []
    assert lost(folder.parent / "none", committed=0) == []


@pytest.mark.parametrize("which", [0, 1])
def test_every_damaged_segment_is_told(folder: Path, which: int) -> None:
    """From the damaged record on the readings of a segment are gone, and not more are told."""
    committed = end(folder)
    harm(segments(folder)[which][1], LEAD + len(SESSION) + 20)
    (loss,) = lost(folder, committed=committed)
    assert loss.position == segments(folder)[which][0] + len(SESSION)
    assert 60 <= loss.readings <= 70


def test_a_segment_that_was_cut_off_is_told(folder: Path) -> None:
    """The end of a file may be lost too: in a record, or with its head."""
    committed = end(folder)
    path = segments(folder)[1][1]
    os.truncate(path, path.stat().st_size - 30)
    (loss,) = lost(folder, committed=committed)
    assert 20 <= loss.readings <= 25
    os.truncate(path, LEAD - 3)
    (loss,) = lost(folder, committed=committed)
    assert loss.position == segments(folder)[1][0]


def test_what_was_never_durable_is_no_loss(folder: Path) -> None:
    """A torn end beyond the store's position is what a kill leaves, and a hole there too."""
    committed = end(folder)
    with segments(folder)[1][1].open("ab") as file:
        file.write(encode_readings(batch(5))[:-3])
    assert lost(folder, committed=committed) == []
    Spool(folder, TAGS).close()
    beyond = Spool(folder, TAGS)
    beyond.append(SESSION, committed + 500)
    beyond.close()
    assert lost(folder, committed=committed) == []
    # Nor is it taken for damage when more has been committed, if it was noted at a start.
    noted = holes(folder, committed=committed, told=())
    assert lost(folder, committed=beyond.position, told=noted) == []
    assert lost(folder, committed=beyond.position) == [Hole(committed, 500)]


def test_what_is_in_the_archive_is_not_looked_at(folder: Path) -> None:
    """A segment that was archived may be cut at any time."""
    committed = end(folder)
    harm(segments(folder)[0][1], LEAD + len(SESSION) + 20)
    marker(segments(folder)[0][1]).touch()
    assert lost(folder, committed=committed) == []


@pytest.mark.parametrize("which", [0, 1])
def test_a_segment_cut_off_between_two_records_is_told(folder: Path, which: int) -> None:
    """Nothing in the file shows it, but no event has told that readings are missing there."""
    committed = end(folder)
    first, path = segments(folder)[which]
    record = len(encode_readings(batch(20)))
    os.truncate(path, path.stat().st_size - record)
    follows = segments(folder)[1][0] if which == 0 else committed
    assert lost(folder, committed=committed) == [Hole(follows - record, record)]
    assert lost(folder, committed=committed, told=[Hole(first, follows - first)]) == []


def test_a_spool_without_a_segment_has_lost_all_that_was_not_told(tmp_path: Path) -> None:
    """A folder that somebody emptied is damage as well."""
    (loss,) = lost(tmp_path, committed=2900, told=[Hole(0, 1450)])
    assert loss == Hole(1450, 1450)
    assert loss.readings == 50


def test_only_what_lies_in_no_hole_that_was_told_is_lost(tmp_path: Path) -> None:
    """Holes may lie over one another and in any order, and what is between them is told."""
    told = [Hole(60, 10), Hole(10, 20), Hole(15, 5), Hole(25, 15), Hole(95, 30)]
    assert lost(tmp_path, committed=100, told=told) == [Hole(0, 10), Hole(40, 20), Hole(70, 25)]


def test_readings_shed_on_a_full_disk_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that a full disk broke off leaves nothing behind, and the spool goes on beyond it."""
    spool = Spool(tmp_path, TAGS)
    spool.append(encode_readings(batch(10)), 0)
    first = spool.position
    real = os.write

    def full(handle: int, data: memoryview) -> int:
        if len(data) > 50:
            return real(handle, data[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    blob = encode_readings(batch(3))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            spool.append(blob, first)
    spool.append(encode_readings(batch(10)), first + len(blob))
    spool.close()
    assert len(segments(tmp_path)) == 2
    shed = Hole(first, len(blob))
    assert lost(tmp_path, committed=spool.position, told=[shed]) == []
    assert lost(tmp_path, committed=spool.position) == [shed]
