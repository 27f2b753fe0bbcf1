"""What a check once let through, and what an edge could then not run with."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.test_bad_site import SITE, problems


@pytest.mark.parametrize("topic", ["plant/a+b", "plant/++", "+x/v", "plant/x+/v"])
def test_a_wildcard_inside_a_level_is_refused(tmp_path: Path, topic: str) -> None:
    """No broker takes such a filter: the edge would never subscribe."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("plant/d2", topic), encoding="utf-8")
    (told,) = problems(path)
    assert told.startswith(f"{path}:27: ")
    assert "topic" in told


def test_a_row_with_too_many_cells_names_its_line(tmp_path: Path) -> None:
    """A comma too many is a problem of that row, not a crash."""
    path = tmp_path / "site.toml"
    head, _, _ = SITE.partition("[[device.point]]")
    path.write_text(head + 'points = "points.csv"\n', encoding="utf-8")
    table = tmp_path / "points.csv"
    table.write_text("channel,tag,pointer,unit\nnh3,T1,/a,ppm,extra\n", encoding="utf-8")
    (told,) = problems(path)
    assert told.startswith(f"{table}:2: ")


def test_a_usual_delay_of_less_than_a_second_is_refused(tmp_path: Path) -> None:
    """A mistyped unit would call every clock slow."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace('topic = "plant/d2"', 'topic = "plant/d2"\nusual_delay = "5ms"'))
    [told] = problems(path)
    assert "device[1].usual_delay: 5ms is shorter than 1s: " in told
    assert told.endswith("write 1s or more")


@pytest.mark.parametrize("topic", ["plant/+/v", "+", "+/+", "plant//v", "/plant", "厂区/氨 1"])
def test_every_filter_that_mqtt_allows_is_taken(tmp_path: Path, topic: str) -> None:
    """Single-level wildcards as whole levels, empty levels, any script."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace("plant/d2", topic), encoding="utf-8")
    try:
        load_site(path)
    except ConfigError as error:
        pytest.fail(str(error))
