"""The short form of the laboratory's power cuts, damage and upgrades, in the ordinary tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.simulation.broker import mosquitto
from tests.faults.catalogue import Case, load_catalogue
from tests.faults.disks.power import missing
from tests.faults.laboratory import run_case

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
needs_disk = pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")


@pytest.mark.broker
@pytest.mark.timeout(400)
@needs_mosquitto
@needs_disk
async def test_ten_power_cuts_lose_and_double_nothing(tmp_path: Path) -> None:
    """After 10 cuts of the edge everything acknowledged is there, once, and it verifies."""
    case = Case(number=0, seed=41, faults=10)
    found = await run_case(load_catalogue()["T27"], case, keep=tmp_path / "unsound")
    assert found.violations == {}
    assert found.faults == 10
    assert found.figures["others looked at"] == 40


@pytest.mark.broker
@pytest.mark.more
@pytest.mark.timeout(600)
@needs_mosquitto
@needs_disk
@pytest.mark.parametrize(
    ("mutant", "breaks"), [("normal_commits", {"I2", "I3", "I8"}), ("no_spool_sync", {"I1"})]
)
async def test_an_edge_that_does_not_sync_is_caught(
    tmp_path: Path, mutant: str, breaks: set[str]
) -> None:
    """The same cuts find what is lost by a build that leaves a sync out."""
    case = Case(number=0, seed=43, faults=10)
    found = await run_case(load_catalogue()["T27"], case, keep=tmp_path / "unsound", mutant=mutant)
    assert breaks & found.violations.keys()


@pytest.mark.broker
@pytest.mark.timeout(200)
@needs_mosquitto
async def test_a_damaged_site_is_watched(tmp_path: Path) -> None:
    """Of 16 damaged files each is found or harmless, and the next reading is judged in time."""
    case = Case(number=0, seed=33, faults=16)
    found = await run_case(load_catalogue()["T33"], case, keep=tmp_path / "unsound")
    assert found.violations == {}
    assert found.figures["told at the start"] > 0


@pytest.mark.broker
@pytest.mark.timeout(200)
@needs_mosquitto
@pytest.mark.parametrize("what", ["edge from 1", "centre from 7", "newer"])
async def test_an_upgrade_is_done_or_not(tmp_path: Path, what: str) -> None:
    """An upgrade that is killed is done by the next start, and a newer store is left alone."""
    case = Case(number=0, seed=55, what=what)
    found = await run_case(load_catalogue()["T55"], case, keep=tmp_path / "unsound")
    assert found.violations == {}
    assert found.faults >= 1
