"""Alarms that could never return are refused; every other deadband is the site's own choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.pipeline.returning import LevelAlarm, never_returning
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems

DEADBAND = ("limits", "deadband")


def own(limit: float, *, high: bool, deadband: float, strict: bool = False) -> LevelAlarm:
    name = "h" if high else "l"
    return LevelAlarm(
        at=("limits", name),
        name=name,
        limit=limit,
        high=high,
        deadband=deadband,
        strict=strict,
        deadband_at=DEADBAND,
    )


@pytest.mark.parametrize(
    ("alarm", "span", "key"),
    [
        (own(100, high=True, deadband=500), (0, 500), DEADBAND),
        (own(100, high=True, deadband=100), (0, 500), DEADBAND),
        (own(100, high=True, deadband=99.5), (0, 500), None),
        (own(100, high=True, deadband=500), None, None),
        (own(100, high=False, deadband=400), (0, 500), DEADBAND),
        (own(100, high=False, deadband=399), (0, 500), None),
        (own(0, high=True, deadband=0), (0, 500), ("limits", "h")),
        (own(500, high=False, deadband=0), (0, 500), ("limits", "l")),
        (own(1, high=True, deadband=0), (0, 1), None),
        (own(0, high=False, deadband=0), (0, 1), None),
        (own(0, high=True, deadband=0, strict=True), (0, 500), None),
        (own(900, high=True, deadband=950), (0, 500), None),
    ],
)
def test_an_alarm_returns_within_what_the_device_measures(
    alarm: LevelAlarm, span: tuple[float, float] | None, key: tuple[str, str] | None
) -> None:
    """The value at which it ends is one the device can mean, to the very end of its range."""
    assert [at for at, _ in never_returning([alarm], span)] == ([key] if key else [])


def test_an_alarm_returns_before_the_opposite_one_begins() -> None:
    """A deadband as wide as the band between two limits leaves no value at which none stands."""
    wide = [own(10, high=True, deadband=5), own(5, high=False, deadband=5)]
    [(key, text)] = never_returning(wide, (0, 100))
    assert key == DEADBAND
    assert "h = 10 with deadband = 5 returns only below 5, where l = 5 alarms" in text
    narrow = [own(10, high=True, deadband=4.9), own(5, high=False, deadband=4.9)]
    assert list(never_returning(narrow, (0, 100))) == []


def test_a_check_refuses_a_deadband_wider_than_the_range(tmp_path: Path) -> None:
    """Told once, at the deadband, with the value and the device's range."""
    path = tmp_path / "site.toml"
    path.write_text(
        SITE.replace("h = 100, l = 5, deadband = 5", "h = 100, hh = 300, deadband = 500")
    )
    [told] = problems(path)
    assert told.startswith(f"{path}:22: device[0].point[0].limits.deadband: ")
    assert "the device measures [0, 1000]: it could never return; make the deadband sm" in told


def test_a_deadband_of_a_pack_counts_too(tmp_path: Path) -> None:
    """A limit of the site's own inside a pack's deadband is told at that limit."""
    path = tmp_path / "site.toml"
    text = SITE.replace("ammonia_refrigeration", "confined_space")
    limits = 'rules = ["confined.oxygen"]\nlimits = {{ h = {} }}'
    path.write_text(text.replace("limits = { l = 19.5 }", limits.format("19.8")))
    [told] = problems(path)
    assert told.startswith(f"{path}:32: device[1].point[0].limits.h: confined.oxygen.l = 19.5 ")
    assert told.endswith("where h = 19.8 alarms: it could never return; move the limit")
    path.write_text(text.replace("limits = { l = 19.5 }", limits.format("20.5")))
    load_site(path)


def test_a_range_that_a_pack_cannot_work_in_is_told(tmp_path: Path) -> None:
    """A device that only measures what alarms never lets the pack's alarm end."""
    path = tmp_path / "site.toml"
    site = SITE.replace("limits = { h = 100, l = 5, deadband = 5 }",
                        'rules = ["ammonia.machine_room"]')  # fmt: skip
    path.write_text(site.replace("[0, 1000]", "[148, 1000]"))
    with pytest.raises(ConfigError, match=r"site\.toml:22: .*rules\[0\]: ammonia.*never return"):
        load_site(path)
