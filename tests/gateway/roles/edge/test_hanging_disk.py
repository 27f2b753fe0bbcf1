"""A disk that does not answer for long, or never: what is above is told, and the site watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.northbound import uplink
from gateway.simulation.broker import LocalBroker
from tests.gateway.northbound.site import Parent, serving
from tests.gateway.roles.edge.conftest import Disk
from tests.gateway.roles.edge.edge import Edge, running, stored, until, write_site
from tests.gateway.roles.edge.test_outgoing import above

pytestmark = pytest.mark.broker


async def settled(edge: Edge) -> None:
    """Wait until everything said so far has been taken and acknowledged."""
    await until(lambda: edge.node.metrics.messages._value.get() >= edge.said)
    await until(lambda: not edge.node.line.owed.receipts)


async def test_what_a_hanging_disk_holds_back_counts_as_lag(
    tmp_path: Path, broker: LocalBroker, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody above may take a gateway for complete that has an alarm which it cannot send."""
    monkeypatch.setattr(uplink, "HEARTBEAT_S", 0.1)
    async with serving(Parent()) as parent:
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        async with running(path) as edge:
            await edge.say(20.0)
            await settled(edge)
            await until(lambda: parent.beats and parent.beats[-1].lag == 0)
            disk.hang()
            await edge.say(150.0)
            await until(lambda: edge.active("@node/storage_slow"))
            beats, durable = len(parent.beats), stored(tmp_path / "data")[-1].seq
            made = edge.node.desk.chain.seq
            assert made >= durable + 2
            await until(lambda: len(parent.beats) > beats + 2)
            told = parent.beats[-1]
            assert told.lag >= made - durable
            assert told.last_seq == durable
            assert "storage_slow" in told.trouble
            disk.answer()
            await until(lambda: parent.beats[-1].lag == 0)
            assert parent.beats[-1].last_seq == edge.node.desk.chain.seq
