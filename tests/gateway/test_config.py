"""Files that people write: every problem at once, each where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from gateway.config import ConfigError, load, located
from gateway.roles.edge.site import load_site

SITE = """[node]
id = "gw1"
division = "330106003000"
enterprise = { name = "Lake Cold Store" }
[broker]
url = "mqtt://127.0.0.1:1883"
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "A1"
topic = "plant/d1"
"""
POINT = """[[device.point]]
channel = "nh3"
pointer = "/a"
tag = "T1"
unit = "ppm"
range = [0, 500]
interval = "1s"
limits = { h = 100, deadband = 5 }
"""
TABLE = 'points = "points.csv"\n'
COLUMNS = "channel,tag,pointer,unit,range,interval,limits.h,limits.hh,limits.deadband,name\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.toml"


def problems(file: Path) -> list[str]:
    """What a person is told, without the folder of the test."""
    with pytest.raises(ConfigError) as refused:
        load_site(file)
    assert str(refused.value) == "\n".join(refused.value.problems)
    return [problem.replace(f"{file.parent}/", "") for problem in refused.value.problems]


def test_a_sound_file(file: Path) -> None:
    """A sound site file is bound, with its points and the store beside it."""
    file.write_text(SITE + POINT)
    site = load_site(file)
    assert [point.tag for point in site.plant.points] == ["T1"]
    assert site.folder == file.parent / "data"


def test_all_problems_are_told_at_once_with_their_lines(file: Path) -> None:
    """Every problem of a file is one line, in the order of the file, with the line it stands in."""
    text = (SITE + POINT).replace('id = "gw1"', 'id = "gw 1"\ncolour = "red"')
    text = text.replace('hazard = "ammonia_refrigeration"', 'hazard = "magic"')
    text = text.replace("h = 100", 'h = "high"').replace("interval", "intervals")
    file.write_text(text)
    found = problems(file)
    expected = (
        (2, "node.id"),
        (3, "node.colour: unknown key"),
        (11, "area[0].hazard"),
        (23, "device[0].point[0].intervals: unknown key; did you mean 'interval'?"),
        (24, "device[0].point[0].limits.h"),
    )
    assert len(found) == len(expected)
    for problem, (line, start) in zip(found, expected, strict=True):
        assert problem.startswith(f"site.toml:{line}: {start}"), problem


def test_a_text_that_is_no_toml_tells_its_syntax_error_alone(file: Path) -> None:
    """A broken line is told first and alone, since nothing after it can be understood."""
    file.write_text(SITE.replace("[broker]", "[broker") + "nonsense = = 1\n")
    [problem] = problems(file)
    assert problem.startswith("site.toml:5: not TOML: ")
    assert problem.endswith("mend this first, the rest is read after it")


@pytest.mark.parametrize(
    ("before", "after", "line", "told"),
    [
        ("h = 100", "h = 100, hh = 90", 23, "h = 100 is not below hh = 90; need ll < l < h < hh"),
        ('"generic/json"', '"acme/none"', 13, "acme/none"),
        ('area = "A1"', 'area = "A9"', 14, "A9"),
        ("h = 100", "h = 900", 23, "900"),
        ("h = 100", "h = nan", 23, "finite"),
    ],
)
def test_what_does_not_fit_together(
    file: Path, before: str, after: str, line: int, told: str
) -> None:
    """Limits out of order or range, an unknown profile, an unknown area: refused at their line."""
    assert before in SITE + POINT
    file.write_text((SITE + POINT).replace(before, after))
    assert any(p.startswith(f"site.toml:{line}: ") and told in p for p in problems(file))


def test_a_tag_is_given_once(file: Path) -> None:
    """A tag that stands twice is refused at its second place, and the first is named."""
    file.write_text(SITE + POINT + POINT)
    assert any(
        p.startswith("site.toml:27: ") and "'T1' is taken by device d1" in p for p in problems(file)
    )


@pytest.mark.parametrize("content", [None, b"\xff\xfe[node]\n"])
def test_a_file_that_cannot_be_read(file: Path, content: bytes | None) -> None:
    """A file that is missing or no UTF-8 is one problem, with the next step."""
    if content is not None:
        file.write_bytes(content)
    [problem] = problems(file)
    assert problem.startswith("site.toml:1: cannot be read: ")
    assert "UTF-8" in problem


def test_points_from_a_table(file: Path) -> None:
    """A row is a point: ranges, limits and names are read as the file itself would say them."""
    file.write_text(SITE + TABLE)
    (file.parent / "points.csv").write_text(
        COLUMNS
        + "nh3,T1,/a,ppm,0 500,1s,100,150,5,机房氨\n"
        + "\n"
        + "nh3,T2,/b,ppm,0 500,2s,25.5,,,\n",
        encoding="utf-8",
    )
    one, other = load_site(file).plant.points
    assert (one.tag, one.name, one.low, one.high) == ("T1", "机房氨", 0.0, 500.0)
    assert (other.tag, other.interval_ns) == ("T2", 2_000_000_000)
    limits = [d.limit for d in load_site(file).plant.definitions if d.limit is not None]
    assert sorted(limits) == [25.5, 100.0, 150.0]


def test_a_table_stands_beside_points_of_the_file(file: Path) -> None:
    """A device may have points of both kinds."""
    file.write_text(SITE + TABLE + POINT)
    (file.parent / "points.csv").write_text(COLUMNS + "nh3,T2,/b,ppm,0 500,1s,25,,,\n")
    assert {point.tag for point in load_site(file).plant.points} == {"T1", "T2"}


def test_every_bad_cell_of_every_table_is_told(file: Path) -> None:
    """Cells that are no number are told together, with table, line and column."""
    file.write_text(SITE + TABLE + SITE[SITE.index("[[device]]") :].replace("d1", "d2")
                    + 'points = "none.csv"\n')  # fmt: skip
    (file.parent / "points.csv").write_text(
        COLUMNS
        + "nh3,T1,/a,ppm,0 x,1s,100,150,5,\n"
        + "nh3,T2,/b,ppm,0 500,1s,100,150,5,\n"
        + "nh3,T3,/c,ppm,0 500,1s,1O0,150,5,\n"
    )
    first, second, third = problems(file)
    assert first == "points.csv:2: range: 'x' is no number; write it as 12.5"
    assert second == "points.csv:4: limits.h: '1O0' is no number; write it as 12.5"
    assert third.startswith("none.csv:1: cannot be read: ")


def test_a_column_that_no_point_has_is_refused(file: Path) -> None:
    """An unknown column is not passed over."""
    file.write_text(SITE + TABLE)
    (file.parent / "points.csv").write_text(
        "channel,tag,pointer,unit,range,interval,colour\nnh3,T1,/a,ppm,0 500,1s,red\n"
    )
    [problem] = problems(file)
    assert "colour: unknown key" in problem


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("channel,tag\nnh3,T1,what,is,this\n", "points.csv:2: has more cells than the first line"),
        ("channel,tag\n\n\nnh3,T1,what\n", "points.csv:4: has more cells than the first line"),
        ("channel,limits,limits.h\nnh3,x,5\n", "points.csv:2: limits.h: stands beside a column"),
        ("channel,tag\nnh3," + "T" * 200_000, "field larger than field limit"),
    ],
)
def test_a_table_of_another_shape_is_told(file: Path, table: str, told: str) -> None:
    """A row that fits no column, or cells that exclude each other, are told at their line."""
    file.write_text(SITE + TABLE)
    (file.parent / "points.csv").write_text(table)
    assert any(told in problem for problem in problems(file))


def test_a_table_may_come_from_a_spreadsheet(file: Path) -> None:
    """The mark with which spreadsheets begin a UTF-8 file is no part of the first column."""
    file.write_text(SITE + TABLE)
    row = "nh3,T1,/a,ppm,0 500,1s,100,150,5,\n"
    (file.parent / "points.csv").write_text(COLUMNS + row, encoding="utf-8-sig")
    assert [point.tag for point in load_site(file).plant.points] == ["T1"]


@pytest.mark.parametrize("wrong", ["device = 5\n", SITE + TABLE + "point = 5\n"])
def test_a_device_that_is_no_table_is_told(file: Path, wrong: str) -> None:
    """A key of the wrong kind is a problem with a line, not a stack trace."""
    file.write_text(wrong)
    assert any("must be a list" in problem for problem in problems(file))


def test_an_empty_table_watches_nothing(file: Path) -> None:
    """A device whose table has no row is refused: it would be silent for ever."""
    file.write_text(SITE + TABLE)
    (file.parent / "points.csv").write_text(COLUMNS)
    assert any("has no [[device.point]]" in problem for problem in problems(file))


class Small(BaseModel):
    """A file with two numbers."""

    model_config = ConfigDict(extra="forbid")
    a: int
    b: int


def test_any_model_is_loaded_the_same_way(file: Path) -> None:
    """The loader gives the checked content and the text it stands in, and connects nowhere."""
    file.write_text("a = 1\nb = 2\n")
    assert load(file, Small) == (Small(a=1, b=2), "a = 1\nb = 2\n")
    file.write_text("a = 1\nc = 2\n")
    with pytest.raises(ConfigError) as refused:
        load(file, Small)
    lines = sorted(problem.rpartition("site.toml:")[2] for problem in refused.value.problems)
    assert lines[0].startswith("1: b: is missing")
    assert lines[1].startswith("2: c: unknown key")


def test_problems_at_key_paths_become_lines(file: Path) -> None:
    """What a later stage finds is told at the lines of the same file, in its order."""
    found = located(
        [(("device", 0, "topic"), "late"), (("node", "id"), "early")], path=file, text=SITE
    )
    assert found == [f"{file}:2: node.id: early", f"{file}:15: device[0].topic: late"]
