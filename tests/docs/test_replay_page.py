"""The page on replay: what it prints is read, and what a replay tells is explained."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gateway.roles.replay import Difference
from gateway.southbound.recording import Recording
from tests.docs.pages import ROOT, Block, blocks
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import write_site
from tests.gateway.southbound.test_recording import point

PAGE = ROOT / "docs" / "replay.md"
TEXT = PAGE.read_text(encoding="utf-8")
PRINTED = [block for block in blocks(PAGE) if block.language == "csv"]
POINTS = [point(0, "AR1-AT-101"), point(1, "AR1-AT-102")]


@pytest.mark.parametrize("block", PRINTED, ids=lambda block: block.text.partition("\n")[0])
def test_every_printed_recording_is_read(block: Block, tmp_path: Path) -> None:
    """Three readings in each shape, of points that the site has."""
    path = tmp_path / "readings.csv"
    path.write_text(block.text, encoding="utf-8")
    recording = Recording(path, POINTS)
    assert [len(chunk) for chunk in recording.rows()] == [3]
    assert recording.unknown == []


def test_both_shapes_are_printed() -> None:
    """Wide and long."""
    assert len(PRINTED) == 2


def test_every_figure_of_a_replay_is_explained(tmp_path: Path) -> None:
    """Each key of the JSON object, and each of a difference, stands on the page."""
    site = write_site(tmp_path, port=1)
    path = tmp_path / "readings.csv"
    path.write_text("time,A\n1790000000,20\n1790000001,20\n", encoding="utf-8")
    told = hazgate("replay", "--config", site, "--input", path, "--compare", site, "--json")
    named = set(re.findall(r"`(\w+)`", TEXT))
    assert figures(told).keys() - named == set()
    assert {field.name for field in fields(Difference)} - named == set()
