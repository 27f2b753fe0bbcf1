"""That a node lives is said whatever becomes of its delivery."""

from __future__ import annotations

import pytest

from gateway.northbound import uplink as module
from tests.gateway.northbound.site import Answer, Gateway, Parent, until


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.1)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429, headers={"retry-after": "300"}),
        Answer(503, headers={"retry-after": "60"}),
        Answer(hangs=True),
    ],
    ids=lambda answer: "hangs" if answer.hangs else str(answer.status),
)
async def test_a_node_that_may_not_deliver_says_that_it_lives(
    gateway: Gateway, parent: Parent, answer: Answer
) -> None:
    """While a parent lets posts wait, heartbeats go on, and say that something waits."""
    gateway.make(1)
    parent.script.append(answer)
    async with gateway.uplink(parent.url):
        await until(lambda: len(parent.beats) >= 5)
        assert len(parent.intakes) == 1
    assert all(beat.lag for beat in parent.beats)


async def test_a_heartbeat_that_is_answered_ends_the_wait(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent that answers again is delivered to at once, however long the wait was to be."""
    monkeypatch.setattr(module, "RETRY_FIRST_S", 3000.0)
    monkeypatch.setattr(module, "RETRY_LAST_S", 3000.0)
    gateway.make(1)
    parent.script += [Answer(500), Answer(500)]
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert parent.beats


async def test_what_fails_at_once_is_not_tried_at_once(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heartbeat with which a connection began does not end the wait after it broke."""
    monkeypatch.setattr(module, "HEARTBEAT_S", 3000.0)
    monkeypatch.setattr(module, "RETRY_FIRST_S", 3000.0)
    monkeypatch.setattr(module, "RETRY_LAST_S", 3000.0)
    gateway.make(1)
    parent.script += [Answer(takes=True), Answer(500)]
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: len(parent.intakes) == 2 and not uplink.connected)
        await until(lambda: gateway.anchors)
        assert not uplink._answers.is_set()
    assert (len(parent.intakes), gateway.waiting()) == (2, 1)
