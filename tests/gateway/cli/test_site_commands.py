"""`check` and `replay`: figures for scripts, problems on their own lines, the right status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import write_site

ROWS = "time,A,B\n" + "".join(
    f"{1_790_000_000 + n},{value},{60 if n == 7 else 20}\n"
    for n, value in enumerate([20, 80, 150, 150, 90, 20, 600, 20, 130, 20])
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, port=1883)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


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


def test_a_replay_writes_one_event_a_line(site: Path, recording: Path, tmp_path: Path) -> None:
    """A summary for people or scripts, and the events in a file, the same in any batch size."""
    out = tmp_path / "alarms.jsonl"
    found = hazgate("replay", "--config", site, "--input", recording, "--out", out, "--json")
    assert found.exit_code == 0
    told = figures(found)
    assert told["readings"] == 20
    assert told["by_alarm"] == {"gw/A/h": 3, "gw/A/hh": 1}
    events = [json.loads(line) for line in out.read_text().splitlines()]
    moved = [(e["alarm"], e["cause"], e["value"]) for e in events if e["kind"] == "alarm"]
    assert moved == [
        ("gw/A/h", "raise", 150.0), ("gw/A/h", "clear", 90.0),
        ("gw/A/hh", "raise", 600.0), ("gw/A/h", "raise", 600.0),
        ("gw/A/hh", "clear", 20.0), ("gw/A/h", "clear", 20.0),
        ("gw/A/h", "raise", 130.0), ("gw/A/h", "clear", 20.0),
    ]  # fmt: skip
    for batch in (1, 3):
        again = tmp_path / f"again-{batch}.jsonl"
        hazgate("replay", "--config", site, "--input", recording, "--out", again, "--batch", batch)
        assert again.read_bytes() == out.read_bytes()


def test_two_rule_sets_are_compared(site: Path, recording: Path, tmp_path: Path) -> None:
    """The difference is told alarm by alarm: how many more the other file would raise."""
    other = tmp_path / "other.toml"
    other.write_text(
        site.read_text().replace("h = 100, hh = 500", "h = 140, hh = 500").replace(
            "h = 100, latch", "h = 50, latch"
        )
    )  # fmt: skip
    found = hazgate(
        "replay", "--config", site, "--input", recording, "--compare", other, "--json"
    )  # fmt: skip
    assert found.exit_code == 0
    assert figures(found)["differences"] == {"gw/A/h": -1, "gw/B/h": 1}
    assert figures(found)["compared_alarms_a_day"] == figures(found)["alarms_a_day"]


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n1,2\n", "time,X\n1790000000,1\n", "time,A\nyesterday,1\n"],
    ids=["empty", "no time", "no tag of the site", "no such time"],
)
def test_a_recording_that_cannot_be_read_is_a_problem(
    site: Path, tmp_path: Path, text: str
) -> None:
    """Status 1 and one line that names the file and what is expected."""
    path = tmp_path / "odd.csv"
    path.write_text(text, encoding="utf-8")
    found = hazgate("replay", "--config", site, "--input", path)
    assert found.exit_code == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith(str(path))


def test_a_recording_that_is_not_there_is_a_problem(site: Path, tmp_path: Path) -> None:
    """Status 1, the path named."""
    found = hazgate("replay", "--config", site, "--input", tmp_path / "absent.csv")
    assert found.exit_code == 1
    assert "absent.csv" in found.stderr


def test_a_scenario_that_is_unknown_is_a_problem(site: Path) -> None:
    """`simulate` names those there are."""
    found = hazgate(
        "simulate", "--config", site, "--broker", "mqtt://127.0.0.1:1", "--scenario", "war"
    )  # fmt: skip
    assert found.exit_code == 1
    assert "leak" in found.stderr
