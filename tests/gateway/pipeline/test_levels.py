"""Each limit of a point may say of itself what the point says of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.pipeline.alarm_list import alarm_rows
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems

ALL = "limits = { h = 100, l = 5, deadband = 5 }"
OWN = (
    'limits = { h = 100, l = 5, deadband = 5, on_delay = "5s", re_alarm = "1h", '
    'hh = { limit = 150, deadband = 0.5, on_delay = "0s", priority = "critical", latch = true, '
    're_alarm = "30min" } }'
)


def test_a_limit_says_what_is_its_own_and_has_the_rest_of_all(tmp_path: Path) -> None:
    """Deadband, delays, priority, latch and re-alarm of one limit leave the others alone."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace(ALL, OWN))
    plant = load_site(path).plant
    rows = {row.alarm: row for row in alarm_rows(plant)}
    hh, h = rows["gw/AR1-AT-101/hh"], rows["gw/AR1-AT-101/h"]
    assert (hh.limit, hh.deadband, hh.on_delay, hh.priority, hh.latch) == (
        150.0, 0.5, "0s", "critical", True,
    )  # fmt: skip
    assert (h.limit, h.deadband, h.on_delay, h.priority, h.latch) == (
        100.0, 5.0, "5s", "high", False,
    )  # fmt: skip
    again = {d.rule: d.re_alarm_ns // 60_000_000_000 for d in plant.definitions.of(0)}
    assert (again["hh"], again["h"], again["no_data"]) == (30, 60, 0)


@pytest.mark.parametrize(
    ("written", "key", "words"),
    [
        ('h = "x"', "limits.h", "valid number, finite, or a table as { limit = 25"),
        ("h = true", "limits.h", "valid number"),
        ("h = nan", "limits.h", "valid number"),
        ("h = { deadband = 1 }", "limits.h.limit", "is missing"),
        ("h = { limit = 100, deadbnd = 1 }", "limits.h.deadbnd", "did you mean 'deadband'?"),
        ("h = { limit = 100, deadband = -1 }", "limits.h.deadband", "greater than or equal to 0"),
        ('h = { limit = 100, re_alarm = "0s" }', "limits.h.re_alarm", "0s"),
        ("h = { limit = 3 }", "limits.l", "l = 5 is not below h = 3"),
        ("h = { limit = 100, deadband = 96 }", "limits.h.deadband", "never"),
    ],
)
def test_what_cannot_work_is_told_at_its_key(
    tmp_path: Path, written: str, key: str, words: str
) -> None:
    """A bad limit, and a bad word about one, stand each at their own key."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("h = 100, l = 5, deadband = 5", f"{written}, l = 5"))
    [found] = problems(path)
    assert f"point[0].{key}: " in found
    assert words in found
