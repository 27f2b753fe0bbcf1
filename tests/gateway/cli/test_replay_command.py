"""`replay`: what a recording would have raised, for people and scripts, and two rule sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.output import local
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
    differences = figures(found)["differences"]
    assert {alarm: each["raised"] for alarm, each in differences.items()} == {
        "gw/A/h": -1, "gw/B/h": 1,
    }  # fmt: skip
    assert differences["gw/B/h"]["first_s"] is None
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("h = 100, hh", "h = 85, hh"), {"raised": 0, "first_s": -1.0, "same": 0}),
        (("deadband = 5", "deadband = 90"), {"raised": 0, "first_s": 0.0, "same": 1}),
        (("h = 100, hh", "h = 100, hh"), None),
    ],
    ids=["earlier", "returns later", "the same"],
)
def test_two_rule_sets_are_compared_in_time(
    site: Path, tmp_path: Path, change: tuple[str, str], told: dict[str, float] | None
) -> None:
    """As many alarms at other times are a difference: how much earlier, how much longer held."""
    recording = tmp_path / "ramp.csv"
    values = [20, 90, 110, 50, 20, 5]
    recording.write_text(
        "time,A\n" + "".join(f"{1_790_000_000 + n},{value}\n" for n, value in enumerate(values))
    )
    other = tmp_path / "other.toml"
    other.write_text(site.read_text().replace(*change))
    arguments = ("replay", "--config", site, "--input", recording, "--compare", other)
    differences = figures(hazgate(*arguments, "--json"))["differences"]
    plain = hazgate(*arguments).stdout
    if told is None:
        assert differences == {}
        assert "no difference" in plain
        return
    (found,) = differences.values()
    assert found.items() >= told.items()
    assert found["active_s"] > 0
    assert ("1 s earlier" if told["first_s"] else "the same") in plain


def test_a_replay_is_told_to_people(site: Path, recording: Path) -> None:
    """When each alarm first and last rose, in local time; of a minute no rate a day is made."""
    found = hazgate("replay", "--config", site, "--input", recording)
    first, _, h, _ = found.stdout.splitlines()
    assert "too short for alarms a day" in first
    begin = 1_790_000_000
    assert [part.strip() for part in h.split("  ") if part] == [
        "gw/A/h", "3", local((begin + 2) * 10**9), local((begin + 8) * 10**9), "4 s",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "workers"),
    [
        ("time,A,B,X9\n1790000000,abc,20,1\n1790000001,20,,1\n", 1),
        ("time,tag,value\n1790000000,A,abc\n1790000000,X9,1\n1790000000,B,2\n1790000001,X9,1\n", 2),
    ],
    ids=["wide", "long"],
)
def test_what_a_recording_holds_beside_readings_is_told(
    site: Path, tmp_path: Path, text: str, workers: int
) -> None:
    """Tags that the site does not have by name, and cells without a number by count."""
    path = tmp_path / "odd.csv"
    path.write_text(text, encoding="utf-8")
    arguments = ("replay", "--config", site, "--input", path, "--workers", workers)
    told = figures(hazgate(*arguments, "--json"))
    assert (told["not_in_site"], told["no_number"]) == (["X9"], 1)
    plain = hazgate(*arguments[:-2]).stdout
    assert "not in the site: X9\n" in plain
    assert "1 cells hold no number" in plain


def test_a_recording_with_other_separators_is_told(site: Path, tmp_path: Path) -> None:
    """Semicolons, as a spreadsheet may write them: what was found, and what to do."""
    path = tmp_path / "odd.csv"
    path.write_text("time;A;B\n1790000000;1;2\n", encoding="utf-8")
    found = hazgate("replay", "--config", site, "--input", path)
    assert found.exit_code == 1
    assert "found 'time;A;B'; separate columns by commas" in found.stderr


@pytest.mark.parametrize("place", ["nowhere/alarms.jsonl", "."])
def test_events_that_cannot_be_written_are_told(
    site: Path, recording: Path, tmp_path: Path, place: str
) -> None:
    """A folder that is not there, or a folder itself: one line that names it, no traceback."""
    out = tmp_path / place
    found = hazgate("replay", "--config", site, "--input", recording, "--out", out)
    assert found.exit_code == 1
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"{out}: cannot be written")


def test_a_disk_without_room_is_told(site: Path, recording: Path) -> None:
    """The writing itself may fail; that too is one line."""
    found = hazgate("replay", "--config", site, "--input", recording, "--out", "/dev/full")
    assert found.exit_code == 1
    assert "/dev/full: cannot be written: No space left" in found.stderr
