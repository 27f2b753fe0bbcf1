"""A latched alarm is reset on what is known to be well, and on nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.model import State
from gateway.northbound import wire
from gateway.simulation.broker import LocalBroker, mosquitto
from tests.gateway.roles.edge.edge import running, stored, until, write_site
from tests.gateway.roles.edge.test_orders import ends, order

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed"),
]


async def test_reset_wants_a_good_reading_inside_the_limit(tmp_path: Path) -> None:
    """Over range or unreadable after the clear, a reset is refused; on a GOOD reading it works."""
    with LocalBroker(tmp_path / "broker", program=mosquitto()) as broker:
        async with running(write_site(tmp_path, port=broker.port)) as edge:
            status = edge.node.desk.status

            def take(each: wire.Order) -> None:
                edge.node.orders.take_local(each.id, wire.encode(each))

            await edge.say(150.0, 20.0, point="b")
            await until(lambda: status("gw/B/h").state == State.LATCHED_UNACKNOWLEDGED)
            take(order(edge, "seen", "B/h", "acknowledge"))
            await edge.say(5000.0, point="b")
            await until(lambda: not edge.node.line.engine.inside("gw/B/h"))
            take(order(edge, "over range", "B/h", "reset"))
            await edge.client.publish("plant/d1", json.dumps({"ts": edge.last_ms + 1}), qos=1)
            take(order(edge, "still over range", "B/h", "reset"))
            assert status("gw/B/h").state == State.LATCHED_ACKNOWLEDGED
            await edge.say(20.0, point="b")
            await until(lambda: edge.node.line.engine.inside("gw/B/h"))
            take(order(edge, "well", "B/h", "reset"))
            assert status("gw/B/h").state == State.NORMAL
    found = ends(stored(tmp_path / "data"))
    assert found["over range"][0] == found["still over range"][0] == "refused"
    assert found["well"] == ("applied", "")
