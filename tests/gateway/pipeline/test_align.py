"""Rules that start anew under standing alarms are made as active as these."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.pipeline.engine import Engine
from gateway.roles.edge.site import load_site
from tests.gateway.roles.edge.edge import write_site


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(load_site(write_site(tmp_path, port=1)).plant)


def active(engine: Engine) -> set[str]:
    return {engine.plant.definitions[each.row].alarm for each in engine.standing()}


def test_rules_become_as_active_as_their_alarms(engine: Engine) -> None:
    """Those whose condition holds begin to stand, all others end, whatever stood before."""
    engine.align({"gw/A/hh": True, "gw/B/h": True, "gw/A/h": False})
    assert active(engine) == {"gw/A/hh", "gw/B/h"}
    engine.align({"gw/A/h": True, "gw/B/h": True})
    assert active(engine) == {"gw/A/h", "gw/B/h"}
    engine.align({})
    assert active(engine) == set()


def test_alarms_without_a_rule_are_passed_over(engine: Engine) -> None:
    """An alarm of the node, one of no data, and one that is no longer defined move no rule."""
    engine.align({"gw/@node/broker_lost": True, "gw/A/no_data": True, "gw/X/h": True})
    assert active(engine) == set()
