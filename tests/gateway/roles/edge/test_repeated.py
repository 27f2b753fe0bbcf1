"""Messages the broker repeats: taken once, whatever became of their acknowledgements."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import Edge, running, stored, until, write_site
from tests.gateway.southbound.session import Tap

pytestmark = pytest.mark.broker


async def repeated(edge: Edge, tap: Tap, *, before: int) -> None:
    """Break the line and wait until the broker has said everything again."""
    connections = edge.node.session.connection
    tap.deaf = False
    tap.cut()
    await until(lambda: edge.node.session.connection > connections and edge.node.session.connected)
    await until(lambda: edge.node.metrics.messages._value.get() >= before + edge.said)
    await until(lambda: not edge.node.line.owed.receipts)


@pytest.mark.parametrize("stored_before", [True, False])
async def test_a_lost_acknowledgement_makes_no_second_alarm(
    tmp_path: Path, broker: LocalBroker, *, stored_before: bool
) -> None:
    """What was taken, and is repeated since no acknowledgement arrived, moves nothing again."""
    async with Tap(broker.port) as tap:
        path = write_site(tmp_path, port=tap.port)
        async with running(path, client_port=broker.port) as edge:
            tap.deaf = True
            await edge.say(20.0, 150.0, 20.0)
            await until(lambda: edge.node.metrics.messages._value.get() == 3)
            if stored_before:
                await until(lambda: not edge.node.line.owed.receipts)
            await repeated(edge, tap, before=3)
            assert not edge.active("A/h")
            assert edge.node.metrics.duplicates._value.get() > 0
    moved = [(e.rule, e.cause) for e in stored(tmp_path / "data") if e.tag == "A"]
    assert moved == [("h", "raise"), ("h", "clear")]
