"""Folders whose names last: each is synced in the one above it before it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import folders
from gateway.clock import SystemClock
from gateway.northbound.spool import Configuration
from gateway.roles.edge.recovery import open_store


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Path]]:
    """Return the files and folders that were synced."""
    found: set[Path] = set()
    real = os.fsync

    def noted(handle: int) -> None:
        found.add(Path(f"/proc/self/fd/{handle}").readlink())
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    return found


def test_every_new_folder_is_synced_in_the_one_above(tmp_path: Path, synced: set[Path]) -> None:
    """A folder made three deep has a durable name on each level."""
    folders.make(tmp_path / "a" / "b" / "c", mode=0o700)
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= synced
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_there_is_synced_again(tmp_path: Path, synced: set[Path]) -> None:
    """Who made it may have died before: its name is kept now, and what it holds stays."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x", encoding="utf-8")
    folders.make(tmp_path / "a")
    assert tmp_path in synced
    assert (tmp_path / "a" / "file").exists()


def test_a_file_in_the_place_is_refused(tmp_path: Path) -> None:
    """A file of that name is told, not taken for a folder."""
    (tmp_path / "a").write_text("x", encoding="utf-8")
    with pytest.raises(FileExistsError):
        folders.make(tmp_path / "a")


def test_a_new_store_has_durable_names(tmp_path: Path, synced: set[Path]) -> None:
    """The folders of store and spool are on the disk before anything is acknowledged."""
    opened = open_store(
        tmp_path / "new" / "data",
        configuration=Configuration(hash="h", tags=["T"]),
        clock=SystemClock(),
    )
    opened.close()
    assert {tmp_path, tmp_path / "new", tmp_path / "new" / "data"} <= synced
