"""The list of a site's alarms: what was resolved from pack, profile and site file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from gateway.pipeline.alarm_list import COLUMNS, AlarmRow, alarm_rows, table
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE

OWN = (
    'rules = ["ammonia.machine_room"]\n'
    'limits = { h = 100, deadband = 5, on_delay = "5s", off_delay = "1min", latch = true }\n'
    'rate = { limit = 90, per = "1min" }\ntrend = { priority = "low" }\n'
)


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, AlarmRow]:
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("limits = { h = 100, l = 5, deadband = 5 }\n", OWN))
    return {row.alarm: row for row in alarm_rows(load_site(path).plant)}


def test_every_alarm_of_the_plant_is_a_row(rows: dict[str, AlarmRow]) -> None:
    """None is left out, those by the clock stand last."""
    assert list(rows) == [
        "gw/AR1-AT-101/ammonia.machine_room.h", "gw/AR1-AT-101/h", "gw/AR1-AT-101/fault",
        "gw/AR1-AT-101/over_range", "gw/AR1-AT-101/trend", "gw/AR1-AT-101/rate",
        "gw/AR1-AT-102/l", "gw/AR1-AT-102/fault", "gw/AR1-AT-102/over_range",
        "gw/AR1-AT-102/warm_up", "gw/AR1-AT-101/no_data", "gw/AR1-AT-102/no_data",
        "gw/AR1-AT-101/clock", "gw/AR1-AT-102/clock",
    ]  # fmt: skip


def test_numbers_of_a_pack_are_shown_with_their_clause(rows: dict[str, AlarmRow]) -> None:
    """What stands in no site file: the limit, its delays, its deadband, and what asks for it."""
    assert asdict(rows["gw/AR1-AT-101/ammonia.machine_room.h"]) == {
        "alarm": "gw/AR1-AT-101/ammonia.machine_room.h", "limit": 150.0, "unit": "ppm",
        "on_delay": "0s", "off_delay": "30s", "deadband": 5.0, "latch": False, "priority": "high",
        "standard": "GB 50072-2021", "clause": "7.4.1-1", "converted": "",
    }  # fmt: skip


def test_numbers_of_the_site_are_shown(rows: dict[str, AlarmRow]) -> None:
    """Limits of its own have no clause; a rate is per second; silence is three intervals."""
    own = rows["gw/AR1-AT-101/h"]
    assert (own.limit, own.on_delay, own.off_delay, own.latch) == (100.0, "5s", "1min", True)
    assert (own.standard, own.deadband) == ("", 5.0)
    rate = rows["gw/AR1-AT-101/rate"]
    assert (rate.limit, rate.unit, rate.deadband) == (1.5, "ppm/s", pytest.approx(0.3))
    trend = rows["gw/AR1-AT-101/trend"]
    assert (trend.limit, trend.deadband, trend.priority) == (100.0, None, "low")
    silent = rows["gw/AR1-AT-101/no_data"]
    assert (silent.limit, silent.on_delay) == (None, "3s")
    clock = rows["gw/AR1-AT-101/clock"]
    assert (clock.limit, clock.on_delay, clock.off_delay) == (None, "1min", "1min")


def test_the_list_for_people_is_aligned(rows: dict[str, AlarmRow]) -> None:
    """A header, then a line an alarm, each column at its place."""
    head, *lines = table(iter(rows.values()))
    assert len(lines) == len(rows)
    places = [head.index(column) for column in COLUMNS]
    for line, row in zip(lines, rows.values(), strict=True):
        ends = [*places[1:], None]
        cells = [line[start:end].strip() for start, end in zip(places, ends, strict=True)]
        assert tuple(cells) == row.cells()
    assert "GB 50072-2021 7.4.1-1" in lines[0]
