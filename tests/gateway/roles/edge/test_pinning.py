"""A raise pins what was measured around it, in the transaction that makes the alarm durable."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.db import Database
from gateway.northbound import pins
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, until, write_site


@pytest.mark.broker
async def test_an_alarm_of_a_point_pins_its_hour(tmp_path: Path, broker: LocalBroker) -> None:
    """A point's raise is pinned, with the time it was measured at; the gateway's own is not."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        edge.node.line.detected([edge.node._own.edge("storage_full", active=True)])
        await until(lambda: edge.active("@node/storage_full"))
        assert await edge.node.storage.act(pins.windows) == []
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        measured = edge.last_ms * 1_000_000
        await edge.node.storage.act(lambda _: None)
    database = Database(tmp_path / "data" / "store.db", "edge", read_only=True)
    ((begin, end),) = pins.windows(database)
    database.close()
    assert begin <= measured - pins.AROUND_NS
    assert measured + pins.AROUND_NS <= end
