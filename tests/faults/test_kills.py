"""The edge is killed at random instants: nothing acknowledged is lost, nothing arrives twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.simulation.broker import mosquitto
from tests.faults.catalogue import Case, load_catalogue
from tests.faults.laboratory import run_case
from tests.faults.t26_kills import twenty

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]


@pytest.mark.timeout(300)
async def test_twenty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """After 20 kills every alarm is at the centre, once, in order, in a journal that verifies."""
    found = await run_case(load_catalogue()["T26"], twenty(3), keep=tmp_path / "unsound")
    assert found.faults == 20
    assert found.figures["messages"] > 1000
    assert found.violations == {}


@pytest.mark.more
@pytest.mark.timeout(600)
async def test_an_edge_that_acknowledges_early_is_caught(tmp_path: Path) -> None:
    """The same kills find the loss in an edge that acknowledges before anything is durable."""
    found = await run_case(
        load_catalogue()["T26"],
        Case(number=0, seed=4, faults=30),
        keep=tmp_path / "unsound",
        mutant="early_ack",
    )
    assert {"I1", "I2"} <= found.violations.keys()
