"""The inventory: what an edge tells its parents it watches."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.northbound import wire
from gateway.roles.edge import inventory
from gateway.roles.edge.inventory import inventory_of, is_told
from gateway.roles.edge.site import load_site
from tests.gateway.roles.edge.edge import write_site


def test_the_inventory_names_every_point_and_every_alarm(tmp_path: Path) -> None:
    """Each point with unit and range, each alarm of the plant once, under its own tag."""
    site = load_site(write_site(tmp_path, port=1))
    told = msgspec.json.decode(msgspec.json.encode(inventory_of(site)), type=wire.Inventory)
    assert (told.node, told.name, told.enterprise) == ("gw", "gw", "E")
    assert told.division == "330106003000"
    assert [(area.id, area.hazard) for area in told.areas] == [("A1", "ammonia_refrigeration")]
    points = [(p.tag, p.area, p.device, p.unit, p.low, p.high, p.interval_s) for p in told.points]
    assert points == [
        ("A", "A1", "d1", "ppm", 0.0, 1000.0, 600.0),
        ("B", "A1", "d1", "ppm", 0.0, 1000.0, 600.0),
    ]
    alarms = {point.tag: {rule.alarm for rule in point.rules} for point in told.points}
    assert alarms == {
        "A": {f"gw/A/{r}" for r in ("hh", "h", "fault", "over_range", "no_data", "clock")},
        "B": {"gw/B/h", "gw/B/fault", "gw/B/over_range", "gw/B/no_data"},
    }
    limits = {r.alarm: (r.level, r.limit) for point in told.points for r in point.rules}
    assert limits["gw/A/hh"] == ("hh", 500.0)
    assert limits["gw/A/no_data"] == ("no_data", None)


def test_what_no_centre_takes_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of the points is reckoned beforehand; without them, node and areas are told."""
    site = load_site(write_site(tmp_path, port=1))
    whole, bare = (msgspec.json.encode(inventory_of(site, points=each)) for each in (True, False))
    monkeypatch.setattr(inventory, "MOST_BYTES", (len(whole) - len(bare)) * 11 // 10)
    assert is_told(site)
    monkeypatch.setattr(inventory, "MOST_BYTES", (len(whole) - len(bare)) * 9 // 10)
    assert not is_told(site)
    told = msgspec.json.decode(bare, type=wire.Inventory)
    assert (told.points, [area.id for area in told.areas]) == ([], ["A1"])
