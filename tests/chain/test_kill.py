"""The edge is killed at random instants: nothing acknowledged is lost, nothing arrives twice."""

from __future__ import annotations

import pytest

from gateway.simulation.broker import mosquitto
from tests.chain.kill import run

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


@pytest.mark.broker
@pytest.mark.timeout(240)
@needs_mosquitto
async def test_twenty_kills_lose_and_double_nothing() -> None:
    """After 20 kills every alarm is at the centre, once, in order, in a journal that verifies."""
    outcome = await run(20, seed=3)
    assert outcome.kills == 20
    assert outcome.kills_in_on_delay >= 6
    assert outcome.alarms_expected > 100
    assert outcome.sound, outcome


@pytest.mark.broker
@pytest.mark.more
@pytest.mark.timeout(600)
@needs_mosquitto
async def test_an_edge_that_acknowledges_early_is_caught() -> None:
    """The same kills find the loss in an edge that acknowledges before anything is durable."""
    outcome = await run(30, seed=4, early_ack=True)
    assert outcome.lost > 0
