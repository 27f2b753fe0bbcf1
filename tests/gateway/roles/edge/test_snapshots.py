"""Snapshots as files beside the store: the one that counts is whole, or it is known not to be."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from gateway.roles.edge import snapshots
from gateway.roles.edge.snapshots import SnapshotLostError
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, until, write_site

BODY = bytes(range(256)) * 1000


def test_what_was_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In however many pieces it was written, the snapshot comes back whole."""
    monkeypatch.setattr(snapshots, "PIECE_BYTES", 1000)
    for body in (b"", b"x", BODY):
        assert snapshots.read(tmp_path, snapshots.write(tmp_path, 7, body)) == body


def test_a_store_of_before_holds_its_snapshot_itself(tmp_path: Path) -> None:
    """What is no note of a file is the snapshot: a store is taken up as it was left."""
    assert snapshots.read(tmp_path, BODY) == BODY


@pytest.mark.parametrize("damage", ["gone", "torn", "changed"])
def test_a_damaged_file_is_not_taken_for_a_snapshot(tmp_path: Path, damage: str) -> None:
    """A file that is missing, cut or changed is refused: the spool is run instead."""
    held = snapshots.write(tmp_path, 7, BODY)
    (path,) = tmp_path.iterdir()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(BODY[:-1] if damage == "torn" else BODY[:-1] + b"\x00")
    with pytest.raises(SnapshotLostError):
        snapshots.read(tmp_path, held)


def test_the_one_that_counts_is_never_touched(tmp_path: Path) -> None:
    """Another of the same position has a name of its own; pruning leaves what the store names."""
    first = snapshots.write(tmp_path, 7, b"first")
    snapshots.write(tmp_path, 7, b"second, never committed")
    assert snapshots.read(tmp_path, first) == b"first"
    snapshots.prune(tmp_path, first)
    assert len(list(tmp_path.iterdir())) == 1
    assert snapshots.read(tmp_path, first) == b"first"


def _writing() -> bool:
    return any(task.get_name() == "snapshot" for task in asyncio.all_tasks())


@pytest.mark.broker
async def test_a_running_edge_keeps_one_snapshot_and_starts_from_it(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Each snapshot takes the place of the last; the next start runs what came after it alone."""
    path = write_site(tmp_path, port=broker.port)
    folder = snapshots.folder_in(tmp_path / "data")
    async with running(path, client_port=broker.port) as edge:
        node = edge.node
        for value in (20.0, 150.0):
            await edge.say(value)
            await until(lambda: not node.line.owed.receipts)
            before = set(folder.glob("*"))
            node.storage.snapshots.keep(node.line.position, node.line.engine.snapshot())
            await until(lambda before=before: len(set(folder.glob("*")) - before) == 1)
            # While one is being written no other begins.
            await until(lambda: not _writing())
            assert len(list(folder.glob("*"))) == 1
    assert len(list(folder.glob("*"))) == 1
    async with running(path, client_port=broker.port) as edge:
        assert edge.active("A/h")
        assert edge.node.line.engine.inside("gw/A/h") is False


def test_half_a_snapshot_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses in the middle keeps no part of it: that room is the alarms'."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(snapshots.os, "fdatasync", refuse)
    with pytest.raises(OSError, match="No space"):
        snapshots.write(tmp_path, 7, BODY)
    assert list(tmp_path.iterdir()) == []
