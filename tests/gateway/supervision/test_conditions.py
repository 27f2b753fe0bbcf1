"""What is wrong with a child: verdicts, their delays, and a day in which nothing is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.model import NANOSECONDS
from gateway.supervision import links
from gateway.supervision.child_rules import RULES
from gateway.supervision.conditions import Delays, Facts, verdicts
from gateway.supervision.links import Pulses
from gateway.supervision.settings import WatchSettings

S = NANOSECONDS
SETTINGS = WatchSettings()
DAY_S = 24 * 3600


def verdict(rule: str, **facts: Any) -> bool | None:
    stated = {"silence_ns": 5 * S, "heard": True, **facts}
    return verdicts(Facts(**stated), SETTINGS)[rule].active


def test_every_rule_has_a_verdict() -> None:
    """Each alarm that is defined is judged, and nothing else is."""
    assert set(verdicts(Facts(silence_ns=0, heard=True), SETTINGS)) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "facts", "active"),
    [
        ("gateway_lost", {"silence_ns": 45 * S}, True),
        ("gateway_lost", {"silence_ns": 45 * S - 1}, None),
        ("gateway_lost", {"silence_ns": 30 * S}, None),
        ("gateway_lost", {"silence_ns": 30 * S - 1}, False),
        ("gateway_lost", {"silence_ns": 5 * S, "heard": False}, None),
        ("outbox_lagging", {"lag": 1000}, True),
        ("outbox_lagging", {"lag": 999}, None),
        ("outbox_lagging", {"lag": 501}, None),
        ("outbox_lagging", {"lag": 500}, False),
        ("outbox_lagging", {"lag": 1, "behind_ns": 600 * S}, True),
        ("outbox_lagging", {"lag": 1000, "silence_ns": 30 * S}, None),
        ("outbox_lagging", {"lag": 0, "silence_ns": 30 * S}, None),
        ("clock_off", {"offset_ns": 5 * S}, True),
        ("clock_off", {"offset_ns": -5 * S}, True),
        ("clock_off", {"offset_ns": -7200 * S}, True),
        ("clock_off", {"offset_ns": 5 * S - 1}, None),
        ("clock_off", {"offset_ns": -5 * S // 2}, False),
        ("clock_off", {"offset_ns": 0, "silence_ns": 30 * S}, None),
        ("coverage", {"coverage": 0.89}, True),
        ("coverage", {"coverage": 0.9}, None),
        ("coverage", {"coverage": 0.95}, False),
        ("coverage", {"coverage": 0.0}, True),
        ("coverage", {"coverage": -1.0}, True),
        ("coverage", {"coverage": 1.5}, True),
        ("coverage", {"coverage": 1.0, "silence_ns": 30 * S}, None),
        ("coverage", {"coverage": 1.0, "heard": False}, None),
        ("fork", {"fork": True, "silence_ns": 90 * S}, True),
        ("journal_rewritten", {"rewritten": True}, True),
        ("journal_rewritten", {"fork": True}, False),
        ("receipt_overdue", {"overdue": 1}, True),
    ],
)
def test_verdicts(rule: str, facts: dict[str, Any], *, active: bool | None) -> None:
    """A condition begins at its limit, ends beyond a deadband, and old facts say neither."""
    assert verdict(rule, **facts) is active


class Life:
    """One child under the judgement alone: heartbeats that come, and a look each second."""

    def __init__(self) -> None:
        self.pulses = Pulses(0)
        self.delays = Delays()
        self.active: set[str] = set()
        self.raised: dict[str, list[int]] = {}
        self.facts: dict[str, Any] = {}

    def look(self, at_s: int) -> None:
        now_ns = at_s * S
        silence_ns = self.pulses.silence("gw1", now_ns)
        facts = Facts(silence_ns=silence_ns, heard=self.pulses.heard("gw1"), **self.facts)
        found = verdicts(facts, SETTINGS)
        for rule in self.delays.ripe("gw1", found, active=frozenset(self.active), now_ns=now_ns):
            if found[rule].active:
                self.active.add(rule)
                self.raised.setdefault(rule, []).append(at_s)
            else:
                self.active.discard(rule)


def test_no_false_alarm_in_a_healthy_day() -> None:
    """24 h of heartbeats with jitter, one in twenty lost, small lags and offsets raise nothing."""
    chance = random.Random(5)
    life, due, missed = Life(), 0.0, False
    for second in range(DAY_S):
        if second >= due:
            due += 15 + chance.uniform(0, 6)
            missed = not missed and chance.random() < 0.05
            if not missed:
                life.pulses.beat("gw1", second * S)
            life.facts = {
                "lag": chance.choice([0, 0, 0, 3, 40, 700]),
                "offset_ns": int(chance.uniform(-2.4, 2.4) * S),
                "coverage": chance.choice([1.0, 1.0, 0.97, 0.96]),
            }
        life.look(second)
    assert life.raised == {}


def test_a_lost_child_is_found_within_a_minute() -> None:
    """Whenever it falls silent, the silence is an alarm 45 s after its last heartbeat."""
    for last in range(100, 160):
        life = Life()
        for second in range(last + 61):
            if second <= last and second % 15 == last % 15:
                life.pulses.beat("gw1", second * S)
            life.look(second)
        assert life.raised == {"gateway_lost": [last + 45]}


@pytest.mark.parametrize(("up_s", "down_s", "most"), [(20, 20, 0), (20, 50, 1), (100, 60, 1)])
def test_flapping_is_one_alarm(up_s: int, down_s: int, most: int) -> None:
    """A child that comes and goes for a day is one alarm at most, and not one a turn."""
    life = Life()
    for second in range(DAY_S):
        turn = second % (up_s + down_s)
        if turn < up_s and turn % 15 == 0:
            life.pulses.beat("gw1", second * S)
        life.look(second)
    assert len(life.raised.get("gateway_lost", [])) == most


def test_a_condition_must_hold_for_its_delay() -> None:
    """What goes away before its delay has run out never was an alarm; what returns begins anew."""
    life = Life()
    for second in range(2000):
        life.pulses.beat("gw1", second * S)
        life.facts = {"coverage": 0.5 if second % 200 < 179 else 1.0}
        life.look(second)
    assert life.raised == {}
    for second in range(2000, 2182):
        life.pulses.beat("gw1", second * S)
        life.facts = {"coverage": 0.5}
        life.look(second)
    assert life.raised == {"coverage": [2180]}


def test_link_states() -> None:
    """A link is judged by its silence; a screen shows nothing better than the times can prove."""
    ages = {0: "up", 29.9: "up", 30: "late", 44.9: "late", 45: "lost"}
    assert {age: links.state(int(age * S)) for age in ages} == ages
    now_ns = 10**18
    assert links.shown(None, None, now_ns) == "never"
    shown = {-6: "lost", -4: "up", 59: "up", 60: "lost"}
    assert {age: links.shown("up", now_ns - age * S, now_ns) for age in shown} == shown
    assert links.shown("lost", now_ns, now_ns) == "lost"


def test_time_in_which_the_centre_stood_still_is_nobodys_silence() -> None:
    """A pause is left out of the silence of those heard and of those awaited, and of the start."""
    pulses = Pulses(0)
    pulses.expect("old")
    pulses.beat("gw1", 10 * S)
    pulses.pause(100 * S)
    assert pulses.silence("gw1", 115 * S) == 5 * S
    assert pulses.silence("old", 115 * S) == 15 * S
    assert pulses.begun_ns == 100 * S


@pytest.mark.parametrize("table", [{"lost_after": "30s"}, {"lost_after": "56s"}, {"lost": "45s"}])
def test_no_setting_breaks_the_promise_of_a_minute(table: dict[str, str]) -> None:
    """A silence that would be told after a minute, or at one lost heartbeat, is refused."""
    with pytest.raises(ValidationError):
        WatchSettings.model_validate(table)


def test_a_faster_clock_stretches_durations_alone() -> None:
    """At sixty times the speed every duration is sixty times as long, and no count is."""
    fast = SETTINGS.stretched(60)
    assert (fast.lost_after, fast.clock_bound) == (2700 * S, 300 * S)
    assert (fast.lag_events, fast.coverage_below) == (1000, 0.9)
