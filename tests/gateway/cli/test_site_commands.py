"""`check` and `simulate`: figures for scripts, problems on their own lines, the right status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import write_site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, port=1883)


def test_a_good_file_is_counted(site: Path) -> None:
    """Status 0, with the number of points and alarms."""
    found = hazgate("check", site, "--json")
    assert found.exit_code == 0
    counted = {"files": 1, "points": 2, "alarms": 5, "problems": [], "statutory_response": []}
    assert figures(found) == counted
    assert "no problems" in hazgate("check", site).stdout


def test_problems_of_every_file_are_told(site: Path, tmp_path: Path) -> None:
    """Status 1, each problem a line of its own, the files one after the other."""
    bad = tmp_path / "bad.toml"
    text = site.read_text().replace('unit = "ppm"', 'unit = "ppm"\nsize = 3')
    bad.write_text(text, encoding="utf-8")
    found = hazgate("check", bad, site, tmp_path / "absent.toml", "--json")
    assert found.exit_code == 1
    told = figures(found)
    assert (told["files"], told["points"]) == (3, 2)
    assert [problem.split(":")[0] for problem in told["problems"]] == [
        str(bad), str(bad), str(tmp_path / "absent.toml"),
    ]  # fmt: skip
    plain = hazgate("check", bad)
    assert plain.exit_code == 1
    assert plain.stdout.splitlines() == told["problems"][:2]


def test_a_scenario_that_is_unknown_is_a_problem(site: Path) -> None:
    """`simulate` names those there are."""
    found = hazgate(
        "simulate", "--config", site, "--broker", "mqtt://127.0.0.1:1", "--scenario", "war"
    )  # fmt: skip
    assert found.exit_code == 1
    assert "leak" in found.stderr
