"""What the bank is told of a reading's quality: no quality is forgotten."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from detectors.admission import BAD, FENCED, GOOD, UNCERTAIN, UNTIMED, VERDICT
from detectors.limit import LimitParams
from detectors.reason import FAULT, NONE, SHIFT, ReasonParams
from detectors.rules import Rule
from detectors.spike import SpikeParams
from device_profiles.quality import Quality, Verdict
from gateway.pipeline import snapshot
from gateway.pipeline.engine import GRADES, REASONS, Engine
from gateway.pipeline.names import Names, name_rules
from gateway.readings import ReadingBatch
from gateway.roles.edge.site import load_site
from tests.detectors.twins import SECOND, START, at_once, feed, one

BADS = [quality for quality in Quality if quality.verdict == Verdict.BAD]


@pytest.mark.parametrize("quality", Quality)
def test_the_bank_takes_each_quality_as_what_it_may_do(quality: Quality) -> None:
    """GOOD and BAD are what they are, and UNCERTAIN is so for its value, its time or its age."""
    verdict = int(GRADES[quality]) & VERDICT
    allowed = {
        Verdict.GOOD: {GOOD},
        Verdict.UNCERTAIN: {UNCERTAIN, UNTIMED, FENCED},
        Verdict.BAD: {BAD},
    }
    assert verdict in allowed[quality.verdict]
    assert (int(GRADES[quality]) >> SHIFT == NONE) == (verdict in {GOOD, FENCED})


@pytest.mark.parametrize("quality", BADS)
def test_every_bad_reading_raises_a_rule_on_all_faults(quality: Quality) -> None:
    """Whatever makes a reading BAD is among the reasons, so one rule can be for all of them."""
    reasons = {REASONS.get(each, FAULT) for each in BADS}
    bank = one(Rule(ReasonParams(tuple(sorted(reasons))))).bank()
    (edge,) = feed(bank, [(0, START, START, 1.0, int(GRADES[quality]))])
    assert edge.began


def test_a_quality_that_nobody_knows_is_a_fault() -> None:
    """A byte that is no quality tells no value."""
    unknown = np.setdiff1d(np.arange(256), [int(quality) for quality in Quality])
    assert set(GRADES[unknown].tolist()) == {BAD | FAULT << SHIFT}


SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1"
[[area]]
id = "A1"
name = "Room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "A1"
topic = "p/1"
[[device.point]]
channel = "x"
pointer = "/x"
tag = "A"
unit = "ppm"
range = [0, 100]
interval = "1s"
limits = { h = 90 }
"""


ALARM = "gw/A/fault"


@pytest.fixture
def watched(tmp_path: Path) -> Engine:
    """An engine with one point, a fault of which is an alarm."""
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return Engine(load_site(path).plant)


def said(second: float, value: float, quality: Quality, *, delay: float = 0) -> ReadingBatch:
    time = START + int(second * SECOND)
    return ReadingBatch.from_rows([(0, time, time + int(delay * SECOND), value, int(quality))])


def test_a_fault_of_a_backlog_is_live_only_while_it_is_the_newest(watched: Engine) -> None:
    """A fault that a good reading followed sounds no more."""
    (fault,) = watched.process(said(0, 5.0, Quality.DEVICE_FAULT, delay=90))[0]
    assert fault.historical
    assert watched.live([ALARM]) == [ALARM]
    assert watched.process(said(1, 5.0, Quality.GOOD, delay=90.5))[0] == []
    assert watched.live([ALARM]) == []
    found = [watched.process(said(101 + n, 5.0, Quality.GOOD))[0] for n in range(60)]
    assert [each.active for edges in found for each in edges] == [False]


def test_a_latched_fault_is_reset_on_a_good_reading_only(watched: Engine) -> None:
    """Behind a BAD or an UNCERTAIN reading nothing is inside, whatever the value is."""
    watched.process(said(0, 5.0, Quality.GOOD))
    assert watched.inside(ALARM)
    for second, quality in enumerate((Quality.DEVICE_FAULT, Quality.WARMING_UP), 1):
        watched.process(said(second, 5.0, quality))
        assert not watched.inside(ALARM)


def test_a_snapshot_keeps_what_stands_beside_rules_on_reasons() -> None:
    """A rule on a reason has no memory: one that is added moves the memory of none behind it."""
    limit, spike = Rule(LimitParams(9.0, high=True)), Rule(SpikeParams(5.0, 3.0, 3, 60.0))
    fault = Rule(ReasonParams((FAULT,)), on_delay=60 * SECOND)

    def named(*rules: tuple[str, Rule]) -> bytes:
        names = name_rules([name for name, _ in rules], [rule for _, rule in rules])
        one_point = np.zeros(1, np.int32).tobytes()
        return Names(tags=("A",), devices=("d",), sets=(names,), point_sets=one_point).encode()

    before, after = one(limit, fault, spike), one(limit, Rule(ReasonParams((1, 2))), fault, spike)
    bank, other = before.bank(), after.bank()
    feed(bank, at_once([0.0, 7.0, 0.0, 7.0, 0.0, math.nan]))
    past = named(("h", limit), ("fault", fault), ("spike", spike))
    present = named(("h", limit), ("lost", after.sets[0][1]), ("fault", fault), ("spike", spike))
    snapshot.restore(snapshot.encode(bank, past), other, present, node="gw")
    assert other.state.memory.tobytes() == bank.state.memory.tobytes()
    assert other.state.memory["kept"][0, 2] > 1.0
    assert (other.next_due(), other.active_rows()) == (START + 65 * SECOND, [])
