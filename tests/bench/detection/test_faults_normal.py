"""Healthy instruments raise no health alarm, and what is set wrongly shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.detection.faults.normal import Healthily, healthily, judged
from bench.detection.faults.parameters import PARAMETERS, Instrument

NAMED = {each.name: each for each in PARAMETERS.instruments}


def told(found: Healthily) -> set[str]:
    """The rules that rose."""
    return {rule for rule, count in found.by_rule().items() if count}


def changed(name: str, table: str, **keys: Any) -> Instrument:
    """An instrument with other numbers in one table of its health, or in ``stuck``."""
    own = NAMED[name]
    if table == "stuck":
        return replace(own, point={**own.point, "stuck": {**own.point["stuck"], **keys}})
    health = own.point["health"]
    health = {**health, table: {**health[table], **keys}}
    return replace(own, point={**own.point, "health": health})


def low_only(own: Instrument) -> Instrument:
    """Without its high limits: below those a site may state no saturation."""
    limits = {key: each for key, each in own.point["limits"].items() if key not in {"h", "hh"}}
    return replace(own, point={**own.point, "limits": limits})


def test_a_hundred_healthy_points_raise_nothing() -> None:
    """All kinds of instruments, some hours: no health alarm, and the count says of how much."""
    found = healthily(100, 0.1)
    assert told(found) == set()
    assert found.months == pytest.approx(found.points * found.days / 30)
    assert found.at_most == pytest.approx(2.9957 / found.months, rel=1e-3)
    assert found.clean == 0.5
    assert found.zeros > 0.95
    assert found.readings > 150_000


@pytest.mark.parametrize(
    ("instrument", "rule"),
    [
        (changed("oxygen", "noise", height=0.03), "noise"),
        (changed("oxygen", "spikes", height=0.1), "spikes"),
        (changed("oxygen", "fall", amount=0.1, deadband=0.0, tau="2min"), "fall"),
        (
            changed("ammonia, loop in clean air", "zero", tolerance=1e-9, below_for="6s"),
            "zero_below",
        ),
        (low_only(changed("oxygen", "saturated", at=20.0, after="10s")), "saturated"),
        (changed("oxygen, tenths", "stuck", after="20s"), "stuck"),
    ],
    ids=["noise", "spikes", "fall", "zero", "saturated", "stuck"],
)
def test_a_wrong_number_in_the_site_file_is_a_false_alarm(
    instrument: Instrument, rule: str
) -> None:
    """A noise floor stated too low, and each other watch set too tightly, shows at once."""
    assert rule in told(judged([instrument] * 4, 0.04))


def test_a_noise_height_without_the_dead_zone_is_a_false_alarm() -> None:
    """At the edge of its dead zone a head jumps by all of it: three deviations are not enough."""
    for height, expected in ((0.6, {"noise"}), (1.4, set())):
        own = changed("h2s", "noise", height=height)
        edge = replace(own.signal, base=(own.signal.dead_zone, own.signal.dead_zone))
        edgy = replace(own, signal=edge, leaks=False)
        assert told(judged([edgy] * 4, 0.04)) & {"noise"} == expected


def test_a_patience_of_one_interval_is_a_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that are lost would be silences, were silence not three intervals."""
    monkeypatch.setattr("gateway.pipeline.point_rules.SILENT_INTERVALS", 1)
    assert "no_data" in told(judged([NAMED["oxygen, tenths"]] * 4, 0.04))
