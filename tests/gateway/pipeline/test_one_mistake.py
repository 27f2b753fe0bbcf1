"""One mistake is one problem, with the unit it is about: what follows from it is not told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.pipeline.test_bad_site import SITE, problems

RULES = 'rules = ["ammonia.machine_room"]\nlimits = { h = 200, deadband = 5 }'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('unit = "ppm"', 'unit = "mg/m3"', "prints its limits in ppm, the point is in mg/m3"),
        ('unit = "ppm"\n', "", "unit: is missing"),
    ],
)
def test_limits_in_another_unit_are_not_compared(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    """200 mg/m3 is not above 150 ppm, and no unit at all is one problem."""
    path = tmp_path / "site.toml"
    site = SITE.replace("limits = { h = 100, l = 5, deadband = 5 }", RULES)
    path.write_text(site.replace(old, new), encoding="utf-8")
    [found] = problems(path)
    assert told in found
    path.write_text(site, encoding="utf-8")
    [found] = problems(path)
    assert "200 lies beyond 150 ppm of ammonia.machine_room" in found


def test_a_wrong_channel_is_told_at_its_key_alone(tmp_path: Path) -> None:
    """What the profile states of a channel cannot be missing for one that it does not have."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace('channel = "o2"', 'channel = "o3"'), encoding="utf-8")
    [found] = problems(path)
    assert found.startswith(f"{path}:29: device[1].point[0].channel: 'o3': not in generic/multi")


def test_a_pointer_that_is_needed_is_told_at_its_point(tmp_path: Path) -> None:
    """Of two points the one is named that lacks it."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace('pointer = "/nh3"\n', ""), encoding="utf-8")
    [found] = problems(path)
    assert found.startswith(f"{path}:16: device[0].point[0]: 'nh3': generic/json needs a pointer")


def test_every_limit_out_of_order_is_told(tmp_path: Path) -> None:
    """One limit that is no number hides no other."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("h = 100, l = 5", 'hh = 50, h = "x", l = 60, ll = 1'))
    first, second = problems(path)
    assert "limits.h: input should be a valid number" in first
    assert "limits.l: l = 60 is not below hh = 50; need ll < l < h < hh" in second


def test_a_file_without_areas_and_devices_says_both(tmp_path: Path) -> None:
    """Nothing is watched, told beside whatever else is wrong."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.partition("[[area]]")[0].replace('"gw"', '"g w"'), encoding="utf-8")
    found = problems(path)
    assert [each.split(": ")[1] for each in found] == ["area", "device", "node.id"]
