"""A site file that is wrong is refused whole: every problem at once, each at its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.roles.edge.site import load_site

SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1883"
[[area]]
id = "AR1"
name = "Machine room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "AR1"
topic = "plant/d1"
[[device.point]]
channel = "nh3"
pointer = "/nh3"
tag = "AR1-AT-101"
unit = "ppm"
range = [0, 1000]
limits = { h = 100, l = 5, deadband = 5 }
[[device]]
id = "d2"
profile = "generic/multigas-4"
area = "AR1"
topic = "plant/d2"
[[device.point]]
channel = "o2"
tag = "AR1-AT-102"
limits = { l = 19.5 }
"""
LAST_POINT = SITE[SITE.rindex("[[device.point]]") :]
#: What is replaced, by what, the line that must be named, and words that must be there: what is
#: wrong and what to do.
BAD = {
    "unknown key": ('unit = "ppm"', 'unit = "ppm"\ncolour = "red"', 21, ["colour", "unknown key"]),
    "misspelt key": ("limits = { l", "limit = { l", 31, ["limit", "limits"]),
    "missing key": ('name = "Machine room"\n', "", 7, ["name", "missing"]),
    "duplicate tag": ("AR1-AT-102", "AR1-AT-101", 30, ["AR1-AT-101", "device d1", "once"]),
    "duplicate device": ('id = "d2"', 'id = "d1"', 24, ["d1", "twice"]),
    "duplicate topic": ("plant/d2", "plant/d1", 27, ["plant/d1", "twice"]),
    "limits out of order": ("h = 100, l = 5", "h = 5, l = 100", 22,
                            ["100", "need ll < l < h < hh"]),
    "equal limits": ("h = 100, l = 5", "h = 100, hh = 100", 22, ["need ll < l < h < hh"]),
    "unknown profile": ("generic/multigas-4", "acme/x", 25, ["acme/x", "generic/multigas-4"]),
    "unknown area": ('area = "AR1"\ntopic = "plant/d2"', 'area = "A"\ntopic = "plant/d2"', 26,
                     ["'A'", "AR1"]),
    "unknown hazard": ("ammonia_refrigeration", "volcano", 10, ["hazard", "metallurgy"]),
    "unknown channel": ('channel = "o2"', 'channel = "o3"', 29, ["o3", "o2"]),
    "unknown rule set": ("limits = { l = 19.5 }", 'rules = ["no.such"]', 31,
                         ["no.such", "ammonia.machine_room"]),
    "unit that does not match": ('tag = "AR1-AT-102"', 'tag = "AR1-AT-102"\nunit = "ppm"', 31,
                                 ["ppm", 'or add convert = { from = "%vol" }']),
    "rule in another unit": ('tag = "AR1-AT-102"',
                             'tag = "AR1-AT-102"\nrules = ["ammonia.machine_room"]', 31,
                             ["%vol", "ppm"]),
    "no unit": ('unit = "ppm"\n', "", None, ["unit", "missing"]),
    "limit outside the device's range": ("l = 19.5", "h = 40.0", 31, ["40", "[0, 30]", "never"]),
    "limit beyond the standard's": (
        "limits = { h = 100", 'rules = ["ammonia.machine_room"]\nlimits = { h = 400', 23,
        ["400", "150", "GB 50072"]),
    "deadband wider than the band": ("deadband = 5 ", "deadband = 95 ", 22,
                                     ["deadband", "95", "smaller"]),
    "negative deadband": ("deadband = 5 ", "deadband = -1 ", 22, ["deadband"]),
    "limit that is no number": ("l = 19.5", 'l = "19.5"', 31, ["number"]),
    "limit that is nan": ("l = 19.5", "l = nan", 31, ["limits.l"]),
    "duration that is none": ("l = 19.5", 'l = 19.5, on_delay = "soon"', 31, ["soon"]),
    "trend without a limit": ("limits = { l = 19.5 }", "trend = {}", 31, ["trend", "add limits"]),
    "tag with a slash": ("AR1-AT-102", "AR1/AT", 30, ["tag"]),
    "topic with a rest wildcard": ("plant/d2", "plant/#", 27, ["topic"]),
    "device without points": (LAST_POINT, "", 23, ["no [[device.point]]", "add"]),
    "port that is none": (":1883", ":99999", 6, ["broker.url", "ort"]),
    "port zero": (":1883", ":0", 6, ["broker.url", "port 0"]),
    "parent without TLS": ("[[area]]", '[parent]\nurl = "http://centre.example"\n[[area]]', 8,
                           ["parent.url", "not encrypted", "https://"]),
    "history that is no address": ("[[area]]", '[influx]\nurl = "history"\n[[area]]', 8,
                                   ["influx.url", "no address"]),
    "latch that is a text": ("l = 19.5", 'l = 19.5, latch = "yes"', 31,
                             ["limits.latch", "true or false", "'yes'"]),
    "number in quotes": ('"mqtt://127.0.0.1:1883"', '"mqtt://127.0.0.1:1883"\nkeep_alive_s = "30"',
                         7, ["keep_alive_s", "integer"]),
    "true for a number": ('"mqtt://127.0.0.1:1883"',
                          '"mqtt://127.0.0.1:1883"\nreceive_maximum = true',
                          7, ["receive_maximum", "integer"]),
    "rule set named twice": ("limits = { h = 100",
                             ('rules = ["ammonia.machine_room", "ammonia.machine_room"]\n'
                             "limits = { h = 100"), 22, ["rules[1]", "once"]),
    "broker that is no address": ("mqtt://127.0.0.1:1883", "127.0.0.1", 6, ["mqtts://host:8883"]),
    "secret in the address": ("mqtt://127", "mqtt://u:p@127", 6, ["password_file"]),
    "division that is no code": ('division = "330106003000"', 'division = "Hangzhou"', 3,
                                 ["division"]),
}  # fmt: skip


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as told:
        load_site(path)
    return told.value.problems


def test_the_file_is_good_as_it_stands(tmp_path: Path) -> None:
    """What follows is refused for its one change alone."""
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    assert [point.tag for point in load_site(path).plant.points] == ["AR1-AT-101", "AR1-AT-102"]


@pytest.mark.parametrize(("old", "new", "line", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_named_with_its_line_and_the_next_step(
    tmp_path: Path, old: str, new: str, line: int | None, words: list[str]
) -> None:
    """The problem, at the line it stands on, with what is allowed instead."""
    assert SITE.count(old) >= 1
    path = tmp_path / "site.toml"
    head, _, tail = SITE.rpartition(old)
    path.write_text(head + new + tail, encoding="utf-8")
    found = problems(path)
    assert all(re.match(rf"{re.escape(str(path))}:\d+: ", each) for each in found)
    (told,) = (each for each in found if all(word in each for word in words))
    if line is not None:
        assert told.startswith(f"{path}:{line}: "), found


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """A person mends a file once: no problem hides another."""
    path = tmp_path / "site.toml"
    text = SITE
    for old, new in (
        ("generic/multigas-4", "acme/x"),
        ("AR1-AT-102", "AR1-AT-101"),
        ("h = 100, l = 5", "h = 4000, l = 5"),
        ('id = "d2"', 'id = "d1"'),
    ):
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    lines = [int(each.removeprefix(f"{path}:").split(":")[0]) for each in problems(path)]
    assert lines == [22, 24, 25, 30]


def test_broken_toml_tells_its_one_mistake_alone(tmp_path: Path) -> None:
    """Nothing after a syntax error can be understood, so nothing after it is judged."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace('tag = "AR1-AT-101"', "tag = AR1") + "x = 1\n", encoding="utf-8")
    (found,) = problems(path)
    assert found.startswith(f"{path}:19: ")


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"x = 1\n"], ids=["empty", "bytes", "odd"])
def test_a_file_that_is_no_site_is_refused(tmp_path: Path, body: bytes) -> None:
    """Empty, binary or something else: told as a problem, never as a traceback."""
    path = tmp_path / "site.toml"
    path.write_bytes(body)
    assert all(each.startswith(f"{path}:") for each in problems(path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The path is named."""
    (found,) = problems(tmp_path / "absent.toml")
    assert "absent.toml" in found
    assert "cannot be read" in found


def test_a_table_of_points_is_read_like_the_file(tmp_path: Path) -> None:
    """Columns are keys; an empty cell says nothing; nested ones are written with a dot."""
    path = tmp_path / "site.toml"
    head, _, _ = SITE.partition("[[device.point]]")
    path.write_text(head + 'points = "points.csv"\n', encoding="utf-8")
    (tmp_path / "points.csv").write_text(
        "channel,tag,pointer,unit,range,limits.h,limits.deadband,limits.on_delay,rules\n"
        "nh3,T1,/a,ppm,0 1000,100,5,5s,\n"
        "nh3,T2,/b,ppm,0 1000,,,,ammonia.machine_room\n",
        encoding="utf-8",
    )
    plant = load_site(path).plant
    assert [(p.tag, p.unit, p.low, p.high) for p in plant.points] == [
        ("T1", "ppm", 0.0, 1000.0), ("T2", "ppm", 0.0, 1000.0),
    ]  # fmt: skip
    limits = {definition.alarm: definition.limit for definition in plant.definitions}
    assert limits["gw/T1/h"] == 100.0
    assert limits["gw/T2/ammonia.machine_room.h"] == 150.0
    assert plant.rule(0).on_delay == 5_000_000_000


def test_a_table_of_points_that_is_wrong_names_its_own_lines(tmp_path: Path) -> None:
    """Cells that are no numbers are told with the table's name and row, all at once."""
    path = tmp_path / "site.toml"
    head, _, _ = SITE.partition("[[device.point]]")
    path.write_text(head + 'points = "points.csv"\n', encoding="utf-8")
    table = tmp_path / "points.csv"
    table.write_text(
        "channel,tag,pointer,unit,limits.h\nnh3,T1,/a,ppm,many\nnh3,T2,/b,ppm,3\nnh3,T3,/c,ppm,1..2\n"
    )
    assert [each.split(": ")[:2] for each in problems(path)] == [
        [f"{table}:2", "limits.h"], [f"{table}:4", "limits.h"],
    ]  # fmt: skip
    table.unlink()
    (found,) = problems(path)
    assert found.startswith(f"{table}:1: ")
