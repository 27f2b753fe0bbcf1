"""The kernels against the plain Python reference, and the promises every detector keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.admission import NEVER
from detectors.bank import Bank
from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.limit import LimitParams
from detectors.noise import NoiseParams
from detectors.rate import RateParams
from detectors.reason import ABOVE, BELOW, CLOCK, FAULT, MISSING, UNDATED, WARMING, ReasonParams
from detectors.rules import LONGEST, Rule
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams
from tests.detectors.twins import (
    LATE,
    SECOND,
    START,
    STATE,
    Action,
    Site,
    actions,
    agree,
    feed,
    numbers,
    run,
    timeline,
)

SETS = [
    (
        Rule(LimitParams(10.0, high=True, deadband=1.0), on_delay=3 * SECOND),
        Rule(LimitParams(20.0, high=True), off_delay=2 * SECOND),
        Rule(LimitParams(-5.0, high=False, deadband=0.5)),
        Rule(RateParams(2.0, direction=0, deadband=0.5, tau_s=2.0, gap_s=30.0)),
        Rule(TrendParams(20.0, high=True, tau_s=2.0, horizon_s=30.0, gap_s=30.0)),
    ),
    (
        Rule(LimitParams(10.0, high=True, strict=True)),
        Rule(TrendParams(-20.0, high=False, tau_s=3.0, horizon_s=60.0), on_delay=2 * SECOND),
        Rule(StuckParams(0.1, 10.0, zero_band=0.5)),
    ),
    (Rule(LimitParams(10.0, high=True), on_delay=1),),
    # More rules than there are bits for them, limits and others on both sides of the last.
    (
        *(Rule(LimitParams(n - 50.0, high=n > 40), on_delay=n % 3 * SECOND) for n in range(62)),
        *(
            Rule(RateParams(0.5 + n, n % 3 - 1, tau_s=1.0), off_delay=n % 2 * SECOND)
            for n in range(6)
        ),
    ),
    (
        *(Rule(LimitParams(n - 35.0, high=n % 2 == 0, deadband=2.0)) for n in range(70)),
        Rule(StuckParams(0.5, 3.0), on_delay=SECOND),
    ),
    (),
    (
        Rule(LimitParams(10.0, high=True), on_delay=4 * SECOND),
        Rule(ReasonParams((FAULT, MISSING, BELOW, ABOVE))),
        Rule(ReasonParams((ABOVE,)), on_delay=3 * SECOND, off_delay=2 * SECOND),
        Rule(ReasonParams((WARMING,)), on_delay=5 * SECOND),
        Rule(ReasonParams((CLOCK, UNDATED)), off_delay=SECOND),
        Rule(RateParams(2.0, tau_s=3.0)),
        Rule(SpikeParams(5.0, 10.0, 2, 60.0)),
        Rule(NoiseParams(3.0, 30)),
        Rule(FallParams(5.0, 10.0, 60.0, deadband=1.0)),
        Rule(DriftParams(1.0, 5.0, 60.0)),
        Rule(StuckParams(1.0, 4.0)),
    ),
    # Rules on reasons on both sides of the last bit.
    (
        *(Rule(LimitParams(n - 31.0, high=n > 35), on_delay=n % 3 * SECOND) for n in range(61)),
        *(Rule(ReasonParams((FAULT, n % 7 + 1)), on_delay=n % 2 * SECOND) for n in range(8)),
        Rule(SpikeParams(8.0, 20.0, 1, 10.0)),
    ),
]
#: Two points share the first set: one state each.
SITE = Site(SETS, devices=[0, 0, 1, 1, 0, 1, 0, 1, 0], point_sets=[0, 1, 2, 3, 4, 5, 0, 6, 7])
action = actions(len(SITE.devices), numbers(10.0, 9.0, 20.0, -5.0))


@settings(max_examples=300, deadline=None)
@given(st.lists(action, min_size=1, max_size=60))
def test_kernels_agree_with_the_reference_to_the_last_bit(happened: list[Action]) -> None:
    """NaN, infinities, time going back, gaps, restarts: the kernels agree bit for bit."""
    agree(SITE, timeline(happened))


@settings(max_examples=100, deadline=None)
@given(st.lists(action, min_size=1, max_size=60), st.integers(1, 7))
def test_the_batch_size_changes_nothing(happened: list[Action], size: int) -> None:
    """Readings cut into any batches give the same edges and the same state."""
    events = timeline(happened)
    one, bank_one = run(SITE, events, size=1000)
    many, bank_many = run(SITE, events, size=size)
    assert one == many
    for name in STATE:
        assert getattr(bank_one.state, name).tobytes() == getattr(bank_many.state, name).tobytes()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_value_holds_what_stands(bad: float) -> None:
    """A value that is not finite never clears an alarm and never raises one."""
    bank = SITE.bank()
    high = feed(bank, [(0, START, START, 25.0, 0)])
    assert [(edge.row, edge.began) for edge in high] == [(1, True)]
    later = START + 10 * SECOND
    assert feed(bank, [(2, later, later, bad, 0)]) == []
    assert feed(bank, [(0, later, later, bad, 0)]) == []
    # The on-delay of the level at 10 ran out meanwhile: bad data does not stop it.
    edges = bank.tick(later)
    assert [(edge.row, edge.began, edge.time) for edge in edges] == [(0, True, START + 3 * SECOND)]
    assert bank.is_active(1)


def test_uncertain_raises_and_never_clears() -> None:
    """An UNCERTAIN reading raises like a GOOD one and never clears."""
    bank = SITE.bank()
    assert feed(bank, [(1, START, START, 25.0, 1)])[0].began
    assert feed(bank, [(1, START + SECOND, START + SECOND, 0.0, 1)]) == []
    assert not feed(bank, [(1, START + 2 * SECOND, START + 2 * SECOND, 0.0, 0)])[0].began


def test_late_data_raises_as_historical_and_never_clears() -> None:
    """A reading later than its device's usual delay is evaluated, marked, and clears nothing."""
    bank = SITE.bank()
    feed(bank, [(1, START, START, 0.0, 0)])
    late = feed(bank, [(1, START + SECOND, START + 120 * SECOND, 25.0, 0)])
    assert [(edge.began, edge.historical) for edge in late] == [(True, True)]
    assert feed(bank, [(1, START + 2 * SECOND, START + 121 * SECOND, 0.0, 0)]) == []
    on_time = START + 122 * SECOND
    assert not feed(bank, [(1, on_time, on_time, 0.0, 0)])[0].began


def test_an_on_delay_runs_out_by_the_clock_at_a_whole_second() -> None:
    """With no further reading, the tick at the delay's end raises, and names that second."""
    bank = SITE.bank()
    begin = START + SECOND // 4
    assert [edge.row for edge in feed(bank, [(0, begin, begin, 15.0, 0)])] == []
    assert bank.tick(START + 3 * SECOND) == []
    (edge,) = bank.tick(START + 4 * SECOND)
    assert (edge.at, edge.row, edge.began, edge.time) == (-1, 0, True, START + 4 * SECOND)
    assert bank.tick(START + 5 * SECOND) == []


def test_out_of_order_readings_meet_fixed_limits_only() -> None:
    """An older reading beyond a limit without on-delay raises; no delay, no clearing."""
    bank = SITE.bank()
    feed(bank, [(0, START + 9 * SECOND, START + 9 * SECOND, 0.0, 0)])
    edges = feed(bank, [(0, START, START + 9 * SECOND, 30.0, 0)])
    assert [(edge.row, edge.began, edge.historical) for edge in edges] == [(1, True, True)]
    assert bank.tick(START + 60 * SECOND) == []


def test_two_readings_of_one_instant_are_both_live() -> None:
    """A clock of whole seconds: what jumps within one and stays so raises, live; delays run."""
    bank = SITE.bank()
    feed(bank, [(0, START, START, 0.0, 0)])
    edges = feed(bank, [(0, START, START + SECOND // 2, 30.0, 0)])
    assert [(edge.row, edge.began, edge.historical) for edge in edges] == [(1, True, False)]
    assert [(edge.row, edge.began) for edge in bank.tick(START + 3 * SECOND)] == [(0, True)]
    assert bank.newest(0).value == 30.0
    assert feed(bank, [(0, START, START + SECOND, 0.0, 0)]) == []
    normal = [(0, START + 5 * SECOND, START + 5 * SECOND, 0.0, 0)]
    assert [(edge.row, edge.began) for edge in feed(bank, normal)] == [(0, False)]


def test_late_readings_of_one_instant_are_late() -> None:
    """What an hour's backlog raises is historical, also where two of it are of one second."""
    bank = SITE.bank()
    feed(bank, [(1, START, START, 0.0, 0)])
    backlog = [(1, START + SECOND, START + 3600 * SECOND, value, 0) for value in (0.0, 25.0)]
    assert [(edge.began, edge.historical) for edge in feed(bank, backlog)] == [(True, True)]
    assert bank.newest(1).value == 25.0


def test_a_steady_rise_is_foretold_before_its_limit() -> None:
    """A trend alarm begins before the limit is reached and names about the right instant."""
    bank = Bank(
        [0], [LATE], [[Rule(TrendParams(100.0, high=True, tau_s=5.0, horizon_s=60.0))]], [0]
    )
    batch = [(0, START + n * SECOND, START + n * SECOND, max(0.0, n - 30.0), 0) for n in range(131)]
    edges = feed(bank, batch)
    assert edges[0].began
    lead = START + 130 * SECOND - edges[0].time
    assert 40 * SECOND < lead <= 61 * SECOND
    assert abs(edges[0].predicted - (START + 130 * SECOND)) < 6 * SECOND


def test_more_edges_than_one_call_can_hold_are_all_reported() -> None:
    """A thousand points that all cross in one batch report every edge."""
    count = 3000
    rules = [Rule(LimitParams(1.0, high=True)), Rule(LimitParams(2.0, high=True))]
    bank = Bank([0] * count, [LATE] * count, [rules], [0] * count)
    batch = [(p, START, START, 5.0, 0) for p in range(count)]
    assert len(feed(bank, batch)) == 2 * count


def test_a_bad_reading_does_not_make_the_next_good_one_look_old() -> None:
    """A payload stamped with our clock leaves a device with a slow clock as on time as it was."""
    bank = SITE.bank()
    slow = 30 * SECOND
    feed(bank, [(1, START, START + slow, 0.0, 0)])
    feed(bank, [(1, START + slow + SECOND, START + slow + SECOND, math.nan, 2)])
    edges = feed(bank, [(1, START + 2 * SECOND, START + slow + 2 * SECOND, 25.0, 0)])
    assert [(edge.began, edge.historical) for edge in edges] == [(True, False)]


def test_a_clock_set_back_blinds_nobody() -> None:
    """After this machine's clock went back an hour, an on-delay runs and an alarm can clear."""
    bank = SITE.bank()
    feed(bank, [(0, START + 3600 * SECOND, START + 3600 * SECOND, 0.0, 4)])
    second = [(0, START + n * SECOND, START + n * SECOND, 15.0, 4) for n in range(6)]
    began = [(edge.row, edge.began) for edge in feed(bank, second) if edge.row == 0]
    assert began == [(0, True)]
    normal = [(0, START + 7 * SECOND, START + 7 * SECOND, 0.0, 0)]
    assert (0, False) in [(edge.row, edge.began) for edge in feed(bank, normal)]


def test_a_device_far_ahead_is_no_clock_set_back() -> None:
    """A source time as far ahead as is accepted keeps its point's memory."""
    bank = SITE.bank()
    feed(bank, [(0, START + 5 * SECOND, START, 15.0, 0)])
    feed(bank, [(0, START + 6 * SECOND, START + SECOND, 15.0, 0)])
    found = feed(bank, [(0, START + 8 * SECOND, START + 3 * SECOND, 15.0, 0)])
    assert [(edge.row, edge.began) for edge in found] == [(0, True)]


def test_a_slow_clock_does_not_hold_the_clock_of_rules_for_ever() -> None:
    """A device that is late for ever lets its on-delays run out two seconds after the first."""
    bank = SITE.bank()
    delay = 65 * SECOND
    late = [(0, START + n * SECOND, START + n * SECOND + delay, 15.0, 0) for n in range(3)]
    feed(bank, late)
    now = START + 2 * SECOND + delay + SECOND
    assert [edge.row for edge in bank.tick(now)] == [0]


def test_numbers_too_far_apart_poison_nothing() -> None:
    """A difference that no double holds starts rate and trend anew; neither alarms for ever."""
    bank = SITE.bank()
    rows = [(0, START + n * SECOND, START + n * SECOND, 1.7e308 * (-1) ** n, 0) for n in range(20)]
    rows += [(0, START + n * SECOND, START + n * SECOND, 0.0, 0) for n in range(20, 60)]
    feed(bank, rows)
    assert np.isfinite(bank.state.memory["kept"]).all()
    feed(bank, [(0, START + n * SECOND, START + n * SECOND, 0.0, 0) for n in range(100, 120)])
    assert not bank.is_active(3)
    assert not bank.is_active(4)


def test_a_set_lists_its_rules_in_order() -> None:
    """A limit behind a rule of another kind is refused: its row would be mistaken for a memory."""
    limit, reason, rate = LimitParams(1.0, high=True), ReasonParams((FAULT,)), RateParams(1.0)
    for wrong in ((rate, limit), (reason, limit), (limit, rate, reason)):
        with pytest.raises(ValueError, match=r"rule set 1: rule [12] .* fixed limits first"):
            Bank([0], [LATE], [(), [Rule(params) for params in wrong]], [1])
    Bank([0], [LATE], [[Rule(limit), Rule(reason), Rule(rate)]], [0])


@pytest.mark.parametrize("delay", [-1, LONGEST + 1])
def test_a_delay_that_no_time_can_take_is_refused(delay: int) -> None:
    """A negative delay, or one whose end no integer holds, is refused with what is allowed."""
    for rule in (
        Rule(LimitParams(1.0, high=True), on_delay=delay),
        Rule(LimitParams(1.0, high=True), off_delay=delay),
    ):
        with pytest.raises(ValueError, match=rf"rule 0 has .*{delay}.*; need 0 to {LONGEST} ns"):
            Bank([0], [LATE], [[rule]], [0])


def test_the_longest_delay_does_not_begin_at_once() -> None:
    """The longest delay that is allowed is still one that has not run out."""
    bank = Bank([0], [LATE], [[Rule(LimitParams(1.0, high=True), on_delay=LONGEST)]], [0])
    assert feed(bank, [(0, START, START, 5.0, 0)]) == []
    assert bank.tick(START + 3600 * SECOND) == []
    assert bank.next_due() >= START + LONGEST


def test_a_point_stands_on_one_cache_line() -> None:
    """Every point's state begins at a cache line and fills it; a large bank needs no 512 bytes."""
    for count in (1, 7, 5_000):
        bank = Bank([0] * count, [LATE] * count, SETS, [0] * count)
        assert bank.state.points.ctypes.data % 64 == 0
        assert bank.state.points.strides == (64,)
    assert 64 + 5 * 16 + 2 * 32 <= bank.bytes_per_point() < 512


def test_an_alarm_that_stands_ends_the_on_delay_of_its_rule() -> None:
    """A rule told that its alarm stands clears like any other, and its old delay counts no more."""
    rule = Rule(LimitParams(10.0, high=True), on_delay=3 * SECOND, off_delay=5 * SECOND)
    bank = Bank([0], [LATE], [[rule]], [0])
    feed(bank, [(0, START, START, 15.0, 0)])
    bank.set_active(np.array([False]))
    assert bank.next_due() == START + 3 * SECOND
    bank.set_active(np.array([True]))
    assert (bank.active_rows(), bank.is_active(0), bank.next_due()) == ([0], True, -NEVER)
    normal = [(0, START + n * SECOND, START + n * SECOND, 0.0, 0) for n in (4, 6, 8, 9)]
    ended = feed(bank, normal)
    assert [(edge.row, edge.began, edge.time) for edge in ended] == [(0, False, normal[-1][1])]
    assert bank.tick(START + 60 * SECOND) == []


def test_rules_beyond_the_last_bit_are_looked_at_together() -> None:
    """One of them at rest does not hide that another is active: it ends when it should."""
    far = [Rule(LimitParams(1000.0, high=True))] * 66
    far[63] = Rule(LimitParams(10.0, high=True))
    bank = Bank([0], [LATE], [far], [0])
    values = (15.0, 15.0, 0.0)
    found = feed(
        bank, [(0, START + n * SECOND, START + n * SECOND, v, 0) for n, v in enumerate(values)]
    )
    assert [(edge.at, edge.row, edge.began) for edge in found] == [(0, 63, True), (2, 63, False)]


def test_a_bank_of_nothing_does_nothing() -> None:
    """No point, no rule, no reading: nothing is reported, and nothing is due."""
    bank = Bank([], [], [], [])
    assert bank.tick(START) == []
    assert (bank.next_due(), bank.active_rows()) == (-NEVER, [])
    assert feed(Bank([0], [LATE], [()], [0]), [(0, START, START, 1.0, 0)]) == []
