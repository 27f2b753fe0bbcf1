"""Devices that share a table of points: the same plant as written out, bound once, told once."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from gateway.pipeline import binding
from gateway.pipeline.plant import Plant
from gateway.pipeline.point_rules import bind_kind
from gateway.pipeline.settings import PointSettings
from gateway.roles.edge.site import Site, load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems

HEAD = SITE.partition("[[device]]")[0]
COLUMNS = "channel,tag,name,pointer,unit,range,limits.h,limits.deadband,rate.limit\n"
TABLE = (
    COLUMNS
    + "nh3,{device}-AT-1,Gas at {device},/a,ppm,0 500,100,5,\n"
    + "p,{device}-PT-1,,/p,kPa,0 100,90,,2.5\n"
)


def device(name: str, *, area: str = "AR1", rest: str = 'points = "unit.csv"\n') -> str:
    return (
        f'[[device]]\nid = "{name}"\nprofile = "generic/json"\narea = "{area}"\n'
        f'topic = "plant/{name}"\n{rest}'
    )


def written_out(name: str) -> str:
    return (
        f'[[device.point]]\nchannel = "nh3"\ntag = "{name}-AT-1"\nname = "Gas at {name}"\n'
        'pointer = "/a"\nunit = "ppm"\nrange = [0, 500]\nlimits = { h = 100, deadband = 5 }\n'
        f'[[device.point]]\nchannel = "p"\ntag = "{name}-PT-1"\npointer = "/p"\nunit = "kPa"\n'
        "range = [0, 100]\nlimits = { h = 90 }\nrate = { limit = 2.5 }\n"
    )


def write(folder: Path, devices: str, table: str = TABLE) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "unit.csv").write_text(table, encoding="utf-8")
    path = folder / "site.toml"
    path.write_text(HEAD + devices, encoding="utf-8")
    return path


def told(folder: Path, devices: str, table: str) -> list[str]:
    """What a person is told, without the folder of the test."""
    return [each.replace(f"{folder}/", "") for each in problems(write(folder, devices, table))]


def whole(plant: Plant) -> list[object]:
    """Everything a plant says of its devices, points, rules and alarms."""
    rules = [plant.rule(number) for number in range(plant.silence_row)]
    devices = [(d.id, d.topic, d.bindings, d.time, d.points) for d in plant.devices]
    return [*devices, *plant.points, *rules, *plant.definitions]


def test_a_shared_table_is_what_it_stands_for(tmp_path: Path) -> None:
    """Points, rules, alarms and hash are those of the points written out, device by device."""
    shared = load_site(write(tmp_path / "a", device("d1") + device("d2")))
    apart = load_site(
        write(
            tmp_path / "b",
            device("d1", rest=written_out("d1")) + device("d2", rest=written_out("d2")),
        )
    )
    assert whole(shared.plant) == whole(apart.plant)
    assert shared.hash == apart.hash
    assert [point.tag for point in shared.plant.points] == [
        "d1-AT-1", "d1-PT-1", "d2-AT-1", "d2-PT-1"
    ]  # fmt: skip
    assert [point.name for point in shared.plant.points] == ["Gas at d1", "", "Gas at d2", ""]


@pytest.mark.parametrize(
    "table",
    [
        TABLE.replace("-AT-1", "-AT-2"),
        TABLE.replace("Gas", "Ammonia"),
        TABLE.replace("100,5", "100,6"),
        TABLE.replace("ppm", "mg/m3"),
        TABLE.replace("0 500", "0 400"),
        TABLE.replace(",2.5", ",2.6"),
    ],
)
def test_whatever_changes_the_hash_changes(tmp_path: Path, table: str) -> None:
    """The applied configuration is another when a tag, a name, a limit, a unit or a range is."""
    one = load_site(write(tmp_path, device("d1") + device("d2")))
    other = load_site(write(tmp_path, device("d1") + device("d2"), table))
    assert one.hash != other.hash


def test_what_devices_share_is_bound_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds, rules and plans do not grow with the devices, and no point's settings stay behind."""
    calls: list[str] = []

    def counted(*args: object, **kwargs: object) -> object:
        calls.append("")
        return bind_kind(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(binding, "bind_kind", counted)
    site: Site = load_site(write(tmp_path, "".join(device(f"d{n}") for n in range(100))))
    plant = site.plant
    assert (len(calls), len(plant.points), len(plant.rule_sets)) == (2, 200, 2)
    assert len({id(each.plan) for each in plant.devices}) == 1
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is PointSettings]


def test_a_profile_or_an_area_of_its_own_is_bound_apart(tmp_path: Path) -> None:
    """Devices share a table, not the area they stand in."""
    area = '[[area]]\nid = "HC1"\nname = "Tanks"\nhazard = "hazardous_chemicals"\n'
    path = write(tmp_path, area + device("d1") + device("d2", area="HC1"))
    points = load_site(path).plant.points
    assert [(point.area, point.hazard) for point in points] == [
        ("AR1", "ammonia_refrigeration"), ("AR1", "ammonia_refrigeration"),
        ("HC1", "hazardous_chemicals"), ("HC1", "hazardous_chemicals"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("100,5", "1O0,5", "unit.csv:2: limits.h: '1O0' is no number"),
        ("100,5", "900,5", "unit.csv:2: limits.h: h = 900 ppm is outside"),
        ("ppm", "", "unit.csv:2: unit: is missing"),
        (
            "{device}-PT",
            "{unit}-PT",
            "unit.csv:3: tag: {unit} stands for nothing; allowed: {device",
        ),
        ("Gas at {device}", "{name}", "unit.csv:2: name: {name} stands for nothing; allowed"),
        ("{device}-PT", "{device} PT", "unit.csv:3: tag: must be letters"),
        ("{device}-PT", "-{device}-PT", "unit.csv:3: tag: must be letters"),
        ("{device}-PT", "{device-PT", "unit.csv:3: tag: must be letters"),
        ("{device}-PT-1", "{device}-AT-1", "unit.csv:3: tag: '{device}-AT-1' is taken by another"),
        ("/a", "a", "unit.csv:2: pointer: "),
    ],
)
def test_a_problem_of_a_shared_table_is_told_once(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    """However many devices name it, at its line."""
    devices = "".join(device(f"d{number}") for number in range(5))
    [found] = told(tmp_path, devices, TABLE.replace(old, new))
    assert found.startswith(line)


def test_a_bad_row_hides_no_other_problem(tmp_path: Path) -> None:
    """Of the same table, and of a device that names it behind the first."""
    table = TABLE.replace("100,5", "1O0,5").replace(",90,", ",900,")
    devices = device("d1") + device("d2", area="XX")
    found = told(tmp_path, devices, table)
    assert [each.split(": ")[:2] for each in found] == [
        ["site.toml:20", "device[1].area"],
        ["unit.csv:2", "limits.h"],
        ["unit.csv:3", "limits.h"],
    ]


def test_a_table_without_a_sound_row_leaves_no_device_empty(tmp_path: Path) -> None:
    """What is said of a column is not said again as devices without points."""
    found = told(tmp_path, device("d1") + device("d2"), TABLE.replace("channel,", "channels,"))
    assert {each.split(": ")[0] for each in found} == {"unit.csv:2", "unit.csv:3"}
    assert len(found) == 4


def test_a_shared_table_needs_the_placeholder(tmp_path: Path) -> None:
    """Tags that are the same in every device are refused, with what would tell them apart."""
    devices = device("d1") + device("d2") + device("d3")
    found = told(tmp_path, devices, TABLE.replace("{device}-", ""))
    assert [each.split(": ")[:2] for each in found] == [
        ["unit.csv:2", "tag"],
        ["unit.csv:3", "tag"],
    ]
    assert "'AT-1' is taken by device d1" in found[0]
    assert "{device}" in found[0]


def test_a_tag_that_becomes_too_long_is_refused(tmp_path: Path) -> None:
    """The tag that counts is the one with the device's id in it, of whichever device it is."""
    devices = device("d1") + device("d" + "1" * 60)
    found = told(tmp_path, devices, TABLE)
    assert [each.split(": ")[:2] for each in found] == [
        ["unit.csv:2", "tag"],
        ["unit.csv:3", "tag"],
    ]
    assert all("at most 64" in each and each.count("1" * 60) == 1 for each in found)


def test_a_placeholder_may_stand_in_the_site_file_too(tmp_path: Path) -> None:
    """A point of the file itself has the id of its device as well."""
    point = '[[device.point]]\nchannel = "x"\npointer = "/x"\nunit = "ppm"\ntag = "{device}-1"\n'
    path = write(tmp_path, device("d1", rest=point) + device("d2", rest=point))
    assert [each.tag for each in load_site(path).plant.points] == ["d1-1", "d2-1"]
