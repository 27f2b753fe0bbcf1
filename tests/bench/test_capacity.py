"""The ramp: it finds what is carried, and stops at what is lost, late or shed."""

from __future__ import annotations

import argparse

import pytest

from bench.capacity import P99_MS, RESOLUTION, judge, run, search
from bench.paced import expected
from bench.steady import Steady
from bench.throughput import DOUBTS
from bench.workload import shape_of
from gateway.simulation.broker import mosquitto

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


def steady(**changed: object) -> Steady:
    """Return a run in which everything went well, but for what is changed."""
    sender = {"kept": True, "unanswered": 0, "late": 0, "sent": 1_000, "behind_s": 0.0}
    said = {
        "sent": 1_000, "lost": 0, "sender": sender, "received": [1.0], "durable": [2.0],
        "delivered": [], "stages": {}, "missing": 0, "doubts": dict.fromkeys(DOUBTS, 0),
        "start_s": 1.0,
    }  # fmt: skip
    return Steady(**{**said, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [4, 300, 19_996, 20_000, 47_000, 160_000, 990_000])
def test_the_search_finds_the_limit(limit: int) -> None:
    """From below and from above, to the resolution, and it never says more than was carried."""
    asked = []

    def carried(points: int) -> bool:
        asked.append(points)
        return points <= limit

    found = search(carried, first=20_000, most=1_000_000)
    assert found <= limit <= max(found * RESOLUTION, found + 4)
    assert found in asked
    assert len(asked) < 25


def test_the_search_knows_its_ends() -> None:
    """A machine that carries all is asked no more than the most; one that carries nothing is 0."""
    assert search(lambda _: True, first=20_000, most=50_000) == 50_000
    assert search(lambda _: False, first=20_000, most=50_000) == 0


def test_a_sound_run_is_carried() -> None:
    """All taken, on time, durable within 50 ms."""
    assert judge(4_000, steady()).carried


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"lost": 3}, "3 messages not taken"),
        ({"missing": 2}, "2 transitions too many or too few"),
        ({"doubts": {"shed_readings": 5}}, "5 shed_readings"),
        ({"doubts": {"late_readings": 1}}, "1 late_readings"),
        ({"durable": [P99_MS + 1]}, "p99 51 ms"),
        (
            {"sender": {"kept": False, "unanswered": 0, "late": 70, "sent": 100}},
            "the generator did not keep its schedule: 70 of 100 late",
        ),
    ],
)
def test_what_is_lost_late_or_shed_is_not_carried(changed: dict[str, object], reason: str) -> None:
    """Each of them alone stops the ramp, with its reason."""
    step = judge(4_000, steady(**changed))
    assert not step.carried
    assert reason in step.reason


@pytest.mark.more
@pytest.mark.broker
@needs_mosquitto
def test_a_small_machine_limit_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A ramp that may go no further than 2,000 points ends there, with real edges."""
    arguments = argparse.Namespace(first=2_000, most=2_000, seconds=3.0, confirm=3.0, quarter=False)
    figures = run(arguments)
    assert figures["points_at_1hz"] == 2_000, figures
    assert 0 < figures["p99_ms"] <= P99_MS
    assert "this machine carries 2,000 points at 1 Hz" in capsys.readouterr().out
    assert expected(shape_of("stations:500"), 1_500) > 0
