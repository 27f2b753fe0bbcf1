"""A session that is paused reads nothing, and is a session all the same: also one made anew."""

from __future__ import annotations

import pytest

from gateway.southbound import fence
from tests.gateway.southbound.contract.frames import (
    PINGREQ,
    PUBACK,
    PUBLISH,
    Publish,
    connack,
)
from tests.gateway.southbound.contract.scripted import Line, Scripted
from tests.gateway.southbound.session import session, until


def waiting(line: Line) -> None:
    """Send what waited in the broker's queue."""
    line.publish(*(Publish(b"plant/a/v", b"%d" % n, 1, identifier=n) for n in range(1, 51)))


async def test_a_connection_that_breaks_in_a_pause_is_made_anew(scripted: Scripted) -> None:
    """It stands and publishes while nothing is read; what the broker sends then waits and comes."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        # While nothing is read, the end of a connection shows when something is sent.
        link.settings = link.settings.model_copy(update={"keep_alive_s": 1})
        line = await scripted.line()
        await until(lambda: link.connected)
        link.pause()
        line.cut()
        line = await scripted.line(2)
        await until(lambda: link.connected)
        assert [change is None for change in heard.changes] == [True, False, True]
        waiting(line)
        assert link.publish("plant/siren", b"on")
        await line.took(PUBLISH)
        assert line.published()[0].payload == b"on"
        assert heard.messages == []
        link.resume()
        await heard.took(50)
        assert heard.bodies == [b"%d" % n for n in range(1, 51)]
        link.acknowledge(heard.receipts)
        await line.took(PUBACK, 50)
        assert len(scripted.lines) == 2


async def test_a_pause_before_the_first_connection_holds(scripted: Scripted) -> None:
    """The session is made, and the pause begins with it."""
    async with session(scripted.port, version=scripted.version) as (link, heard):
        link.pause()
        line = await scripted.line()
        await until(lambda: link.connected)
        waiting(line)
        assert link.publish("plant/mark", b"mark")
        await line.took(PUBLISH)
        assert heard.messages == []
        link.resume()
        await heard.took(50)


@pytest.mark.parametrize("scripted", ["5"], indirect=True)
async def test_a_fence_waits_out_a_pause(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited at the broker is still told from what is live after the longest pause."""
    monkeypatch.setattr(fence, "FENCE_S", 0.5)
    scripted.connack = connack(five=True, present=True)
    async with session(scripted.port, version="5") as (link, heard):
        link.settings = link.settings.model_copy(update={"keep_alive_s": 1})
        link.pause()
        line = await scripted.line()
        (said,) = await line.took(PUBLISH)
        waiting(line)
        # Seconds go by: each of them is a PINGREQ.
        await line.took(PINGREQ, 3)
        assert link.fenced
        monkeypatch.setattr(fence, "FENCE_S", 60.0)
        await line.took(PINGREQ, 5)
        link.resume()
        await heard.took(50)
        assert all(message.fenced for message in heard.messages)
        own = line.published()[0]
        assert said.kind == PUBLISH
        line.publish(own._replace(qos=0, identifier=0))
        await until(lambda: not link.fenced)
        line.publish(Publish(b"plant/a/v", b"live"))
        await heard.took(51)
        assert not heard.messages[-1].fenced
