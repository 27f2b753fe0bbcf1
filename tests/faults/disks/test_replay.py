"""The stores of edge and centre, cut off after each of their writes and syncs."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.db import Database
from tests.faults.disks.recording import Recording, replayed
from tests.faults.disks.stores import (
    Batches,
    Kept,
    centre_faults,
    centre_load,
    edge_faults,
    edge_load,
    laid_out,
)

MEMORY = Path("/dev/shm")  # noqa: S108 - no sync of these worlds need reach a disk


@pytest.fixture
def world() -> Iterator[Path]:
    """Return a folder for what a cut leaves, in memory where there is such a place."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield folder / "world"
    shutil.rmtree(folder)


def cut_everywhere(folder: Path, world: Path, recording: Recording, *, others: int) -> list[str]:
    """Open the edge's store as each cut leaves it; return what is wrong."""
    found = []
    for number, (disk, kept) in enumerate(replayed(recording.steps)):
        for seed in range(number, number + others):
            laid_out(disk.survivor(seed), world, folder / "node.key")
            found += [f"step {number}, seed {seed}: {text}" for text in edge_faults(world, kept)]
    return found


@pytest.mark.more
@pytest.mark.timeout(300)
def test_the_edges_store_stands_after_a_cut_at_every_step(tmp_path: Path, world: Path) -> None:
    """Each commit is there whole or not at all, and every one that had returned is there."""
    with Recording(tmp_path) as recording:
        edge_load(tmp_path, recording, commits=30, chance=random.Random(5))
    steps = [step.what for step in recording.steps]
    assert steps.count("sync") > 50
    assert {step.name for step in recording.steps if step.what == "sync"} >= {"store.db"}
    assert cut_everywhere(tmp_path, world, recording, others=3) == []


@pytest.mark.timeout(300)
def test_an_edge_that_does_not_sync_its_commits_is_caught(
    tmp_path: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``synchronous=NORMAL`` the same cuts find commits that are gone."""
    whole = Database.transaction
    monkeypatch.setattr(Database, "transaction", lambda self, **_: whole(self, durable=False))
    with Recording(tmp_path) as recording:
        edge_load(tmp_path, recording, commits=12, chance=random.Random(5))
    found = cut_everywhere(tmp_path, world, recording, others=1)
    assert any("had been committed" in text for text in found)
    assert all("had been committed" in text for text in found), found


@pytest.mark.more
@pytest.mark.timeout(300)
async def test_the_centre_keeps_what_it_answered_at_every_step(tmp_path: Path, world: Path) -> None:
    """What was told as stored is there after each cut, and what is sent again is there once."""
    batches = Batches.made(6, 4)
    with Recording(tmp_path) as recording:
        await centre_load(tmp_path, recording, batches)
    found = []
    for number, (disk, stored) in enumerate(replayed(recording.steps)):
        laid_out(disk.survivor(number), world, tmp_path / "node.key")
        found += [
            f"step {number}: {text}" for text in await centre_faults(world, stored or 0, batches)
        ]
    assert found == []


def test_nothing_noted_means_nothing_promised(tmp_path: Path) -> None:
    """A store that is gone breaks the promise of the first commit and none before."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert list(edge_faults(tmp_path / "a", None)) == []
    assert any("had been committed" in text for text in edge_faults(tmp_path / "b", Kept(1, 100)))
