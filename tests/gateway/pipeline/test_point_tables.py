"""Points from a table: cells become values, and each problem is told at its own row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.pipeline.point_tables import add_point_tables, point_from_row
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems

HEAD = SITE.partition("[[device.point]]")[0] + 'points = "points.csv"\n'
COLUMNS = "channel,tag,pointer,unit,range,interval,limits.h,limits.deadband,limits.latch,rules\n"


def told(folder: Path, rows: str, *, site: str = HEAD) -> list[str]:
    """What a person is told of a site with these rows, without the folder of the test."""
    path = folder / "site.toml"
    path.write_text(site, encoding="utf-8")
    (folder / "points.csv").write_text(rows, encoding="utf-8")
    return [each.replace(f"{folder}/", "") for each in problems(path)]


@pytest.mark.parametrize(
    ("row", "point"),
    [
        ({"tag": " T1 ", "name": "", "unit": None}, {"tag": "T1"}),
        ({"rules": "a.b  c.d"}, {"rules": ["a.b", "c.d"]}),
        ({"range": "-10 50.5"}, {"range": [-10.0, 50.5]}),
        ({"scale": "0.1", "offset": "-5"}, {"scale": 0.1, "offset": -5.0}),
        (
            {"limits.h": "5", "limits.latch": "true", "trend.horizon": "5min"},
            {"limits": {"h": 5.0, "latch": True}, "trend": {"horizon": "5min"}},
        ),
        ({"limits.latch": "false"}, {"limits": {"latch": False}}),
        (
            {"limits.hh": "9", "limits.h": "5", "limits.hh.latch": "true", "limits.h.re_alarm": ""},
            {"limits": {"hh": {"limit": 9.0, "latch": True}, "h": {"limit": 5.0}}},
        ),
    ],
)
def test_a_row_says_what_a_table_would(row: dict[str, str | None], point: dict[str, Any]) -> None:
    """Cells become the values of the document; an empty one says nothing."""
    assert point_from_row(row) == (point, [])


def test_every_bad_cell_of_a_row_is_told(tmp_path: Path) -> None:
    """Numbers, switches, tags, durations and ranges of one file, all in one round."""
    found = told(
        tmp_path,
        COLUMNS
        + "nh3,T 1,/a,ppm,0 x,soon,1O0,5,yes,\n"
        + "nh3,T2,/b,ppm,0 500,1s,900,5,,\n"
        + "nh3,T3,/c,mg/m3,0 500,1s,100,5,,ammonia.machine_room\n",
    )
    assert [each.split(": ")[:2] for each in found] == [
        ["points.csv:2", "interval"], ["points.csv:2", "limits.h"],
        ["points.csv:2", "limits.latch"], ["points.csv:2", "range"], ["points.csv:2", "tag"],
        ["points.csv:3", "limits.h"], ["points.csv:4", "rules[0]"],
    ]  # fmt: skip
    assert found[1].endswith("limits.h: '1O0' is no number; write it as 12.5")
    assert found[2].endswith("must be true or false, not 'yes'")


def test_problems_of_points_stand_at_their_rows(tmp_path: Path) -> None:
    """What binding finds of a row is told at the row, beside what it finds in the site file."""
    found = told(
        tmp_path,
        "channel,tag,limits.l\no2,T1,19.5\no3,T2,19.5\no2,T1,99\n,T4,19.5\n",
        site=HEAD.replace("generic/json", "generic/multigas-4").replace(
            'area = "AR1"', 'area = "AR1"\ntime = "ts"'
        ),
    )
    assert [each.split(": ")[:2] for each in found] == [
        ["site.toml:15", "device[0].time"], ["points.csv:3", "channel"],
        ["points.csv:4", "limits.l"], ["points.csv:4", "tag"], ["points.csv:5", "channel"],
    ]  # fmt: skip
    assert "channel: is missing" in found[-1]


def test_a_table_that_is_not_there_is_told_as_a_table(tmp_path: Path) -> None:
    """With what a table is, and the rest of the file is judged all the same."""
    path = tmp_path / "site.toml"
    path.write_text(HEAD.replace("ammonia_refrigeration", "volcano"), encoding="utf-8")
    hazard, table = problems(path)
    assert f"{path}:10: area[0].hazard" in hazard
    assert table == (
        f"{tmp_path}/points.csv:1: cannot be read: No such file or directory; "
        "give a UTF-8 CSV table"
    )


def test_a_column_that_stands_twice_is_told(tmp_path: Path) -> None:
    """The later of two columns of one name would win in silence."""
    found = told(tmp_path, "channel,tag,pointer,unit,range,unit\nnh3,T1,/a,ppm,0 500,%\n")
    assert found == ["points.csv:1: unit: each column stands once"]


def test_rows_count_behind_points_of_the_file(tmp_path: Path) -> None:
    """A device with points of both kinds: each problem goes where its point stands."""
    point = SITE[SITE.index("[[device.point]]") : SITE.index('[[device]]\nid = "d2"')]
    found = told(
        tmp_path,
        "channel,tag,pointer,unit,range,limits.h\nnh3,T2,/b,ppm,0 500,900\n",
        site=HEAD + point.replace("h = 100", "h = 4000"),
    )
    assert [each.split(": ")[:2] for each in found] == [
        ["site.toml:23", "device[0].point[0].limits.h"], ["points.csv:2", "limits.h"],
    ]  # fmt: skip


def test_a_sound_table_is_bound(tmp_path: Path) -> None:
    """Negative control: the same columns with sound cells have no problem."""
    path = tmp_path / "site.toml"
    path.write_text(HEAD, encoding="utf-8")
    (tmp_path / "points.csv").write_text(COLUMNS + "nh3,T1,/a,ppm,0 500,1s,100,5,true,\n")
    definitions = {each.alarm: each for each in load_site(path).plant.definitions}
    assert definitions["gw/T1/h"].latch


def test_a_document_without_devices_has_no_tables(tmp_path: Path) -> None:
    """Completing a document leaves alone what names no table, whatever its shape."""
    for document in ({}, {"device": []}, {"device": [{"id": "d1"}, "x"]}, {"device": {"a": 1}}):
        before = repr(document)
        tables = add_point_tables(document, tmp_path / "site.toml")
        assert (tables.placed, tables.problems) == ({}, [])
        assert repr(document) == before
