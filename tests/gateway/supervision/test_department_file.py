"""The file of departments: every problem at once with its line, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.config import ConfigError
from gateway.supervision import departments
from gateway.supervision.divisions import Division
from tests.gateway.supervision.test_escalation import DEPARTMENTS
from tests.gateway.supervision.world import Opener

TREE = [
    Division("3301", "", "City", "city"),
    Division("330106", "3301", "County", "county"),
    Division("330106003", "330106", "Township", "township"),
    Division("330108", "3301", "Other", "county"),
]
BAD = """[[department]]
id = "parent"
name = ""
division = "9999"
[[department]]
id = "housing"
name = "Housing"
division = "330108"
hazards = ["confined_space", "lightning"]
[[department]]
id = "housing"
name = "Housing"
division = "330108"
"""
WRONG = """[[department]]
id = "housing"
name = "Housing"
division = "330108"
hazards = ["confined_space"]
[[department]]
id = "housing"
name = "Housing again"
division = "9999"
[[department]]
id = "parent"
name = "Parent"
division = "330106"
[[route]]
to = ["housing", "nobody", "parent"]
hazards = ["metallurgy"]
division = "330106"
receipt = "10min"
escalate = ["parent", "housing"]
[[route]]
to = ["housing"]
division = "8888"
receipt = "10min"
"""


def read(folder: Path, text: str, tree: list[Division] = TREE) -> departments.DepartmentFile:
    path = folder / "departments.toml"
    path.write_text(text, encoding="utf-8")
    return departments.read(path, tree)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return [problem.partition("departments.toml:")[2] for problem in caught.value.problems]


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    """Departments and routes come as written; each route becomes a row per class in charge."""
    content = read(tmp_path, DEPARTMENTS)
    assert [each.id for each in content.department] == ["emergency", "housing", "office"]
    rows = [(row[0], row[1], row[2], row[5]) for row in departments.rows_of(content)]
    steps = '["office", "parent"]'
    assert rows == [
        ("emergency", "ammonia_refrigeration", "330106", steps),
        ("emergency", "metallurgy", "330106", steps),
        ("housing", "confined_space", "330106", steps),
        ("office", "*", "330108", "[]"),
    ]


def test_every_unreadable_key_is_told(tmp_path: Path) -> None:
    """A name that is empty and a class that does not exist are told together, with their lines."""
    found = problems(tmp_path, BAD)
    assert [problem.split(":")[0] for problem in found] == ["3", "9"]


def test_every_contradiction_is_told(tmp_path: Path) -> None:
    """Doubles, strangers, classes not in charge and divisions out of sight, all at once."""
    found = problems(tmp_path, WRONG)
    wanted = [
        (7, "stands above already"),
        (9, "9999 has no row"),
        (11, "stands for the tier above"),
        (15, "is not in charge of metallurgy"),
        (15, "sees nothing of 330106"),
        (15, '"nobody" is no department'),
        (15, '"parent" only hears'),
        (19, "is the last that can hear"),
        (19, "sees nothing of 330106"),
        (22, "8888 has no row"),
        (21, "sees nothing of 8888"),
    ]
    lines = [(int(problem.split(":")[0]), problem) for problem in found]
    missing = [
        (line, text)
        for line, text in wanted
        if not any(at == line and text in problem for at, problem in lines)
    ]
    assert missing == []
    assert len(found) == len(wanted)


def test_without_a_tree_a_code_contains_itself_alone(tmp_path: Path) -> None:
    """Where there is no table of divisions a route into another code is refused."""
    assert read(tmp_path, DEPARTMENTS.replace('"3301"', '"330106"').split("[[route]]")[0], [])
    with pytest.raises(ConfigError):
        read(tmp_path, DEPARTMENTS, [])


def test_blind_spots_are_named(tmp_path: Path) -> None:
    """A class that no route covers in a division is named with it; what lies outside is not."""
    content = read(tmp_path, DEPARTMENTS)
    spots = departments.blind_spots(content, TREE, division="330106")
    assert [spot.split(":")[0] for spot in spots] == [
        "hazard class combustible_dust",
        "hazard class spray_painting",
        "hazard class hazardous_chemicals",
    ]
    assert departments.blind_spots(content, TREE, division="330108") == []
    partly = departments.blind_spots(content, TREE)
    assert all("330106003" in spot and "330108" not in spot for spot in partly)


async def test_blind_spots_are_told_at_start(open_world: Opener, tmp_path: Path) -> None:
    """A centre starts with a table that leaves something out, and says what."""
    path = tmp_path / "departments.toml"
    path.write_text(DEPARTMENTS.replace('"3301"', '"330106"').replace('"330108"', '"330106"'))
    with capture_logs() as logs:
        async with open_world(departments={"file": str(path)}):
            pass
    assert [entry for entry in logs if entry["event"] == "blind spot"] == []
    text = DEPARTMENTS.replace('"3301"', '"330106"').rpartition("[[route]]")[0]
    path.write_text(text)
    with capture_logs() as logs:
        async with open_world(departments={"file": str(path)}):
            pass
    told = [entry["what"] for entry in logs if entry["event"] == "blind spot"]
    assert len(told) == 3
    assert all("add a [[route]]" in what for what in told)
