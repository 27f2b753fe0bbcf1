"""Orders: whoever gives one, it ends in exactly one event that says how."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.model import NANOSECONDS, AlarmEvent, State, Suppression
from gateway.northbound import wire
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import Edge, running, stored, until, write_site

pytestmark = pytest.mark.broker


def order(edge: Edge, identity: str, alarm: str, action: str, **fields: object) -> wire.Order:
    """An order against what the alarm is now, unless stated otherwise."""
    stated = {
        "id": identity,
        "alarm": f"gw/{alarm}",
        "action": action,
        "revision": edge.node.desk.status(f"gw/{alarm}").revision,
        "operator": "Li Lei",
        "comment": "seen",
        **fields,
    }
    return msgspec.convert(stated, wire.Order)


def ends(events: list[AlarmEvent]) -> dict[str, tuple[str, str]]:
    """How each order ended; an order that ended twice fails."""
    found: dict[str, tuple[str, str]] = {}
    for event in events:
        if event.kind == "order":
            identity = str(event.detail["order"])
            assert identity not in found
            found[identity] = (str(event.detail["result"]), str(event.detail["reason"]))
            assert event.operator == "Li Lei"
    return found


async def test_every_order_ends_in_one_event(tmp_path: Path, broker: LocalBroker) -> None:
    """Applied, or refused for the stated reason; only what was applied moved an alarm."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(150.0)
        await edge.say(150.0, point="b")
        await until(lambda: edge.active("A/h") and edge.active("B/h"))
        now = edge.node.clock.now_ns()

        def take(each: wire.Order) -> None:
            edge.node.orders.take_local(each.id, wire.encode(each))

        take(order(edge, "expired", "A/h", "acknowledge", expires_ns=now - 1))
        take(order(edge, "unknown action", "A/h", "detonate"))
        take(order(edge, "only the plant", "A/h", "clear"))
        take(order(edge, "stale", "A/h", "acknowledge", revision=0))
        take(order(edge, "unknown alarm", "Z/h", "acknowledge"))
        take(order(edge, "too early", "B/h", "reset"))
        take(order(edge, "no end", "A/h", "shelve"))
        take(order(edge, "too long", "A/h", "shelve", to_ns=now + 9 * 3600 * NANOSECONDS))
        take(order(edge, "no reason", "A/h", "shelve", to_ns=now + 3600 * NANOSECONDS, comment=""))
        assert edge.node.desk.status("gw/A/h").state == State.UNACKNOWLEDGED
        take(order(edge, "good", "A/h", "acknowledge", expires_ns=now + 60 * NANOSECONDS))
        assert edge.node.desk.status("gw/A/h").state == State.ACKNOWLEDGED
        await until(lambda: edge.sounding == {"gw/B/h"})
        take(order(edge, "again", "A/h", "acknowledge", revision=1))
        take(order(edge, "outage", "B/h", "out-of-service", to_ns=now + 9 * 3600 * NANOSECONDS))
        assert edge.node.desk.status("gw/B/h").suppression == Suppression.OUT_OF_SERVICE
        await until(lambda: not edge.sounding)
        await until(lambda: len(ends(stored(tmp_path / "data"))) == 12)
    events = stored(tmp_path / "data")
    found = ends(events)
    assert {found.pop("good"), found.pop("outage")} == {("applied", "")}
    assert {result for result, _ in found.values()} == {"refused"}
    reasons = {identity: reason for identity, (_, reason) in found.items()}
    assert "expiry" in reasons["expired"]
    assert "detonate" in reasons["unknown action"]
    assert "only the plant" in reasons["only the plant"]
    assert "look again" in reasons["stale"]
    assert "look again" in reasons["again"]
    assert "no such alarm" in reasons["unknown alarm"]
    assert "end must lie ahead" in reasons["no end"]
    assert "within 8 h" in reasons["too long"]
    assert "reason is required" in reasons["no reason"]
    assert reasons["too early"]
    moved = [(e.alarm, e.cause) for e in events if e.kind == "alarm" and e.tag == "A"]
    assert moved == [("gw/A/h", "raise"), ("gw/A/h", "acknowledge")]


async def test_an_order_for_readings_ends_in_an_event(tmp_path: Path, broker: LocalBroker) -> None:
    """Asked for raw readings, the edge answers or says why it cannot."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(20.0)
        await until(lambda: not edge.node.line.owed.receipts)
        now = edge.node.clock.now_ns()
        asked = {"from_ns": now - NANOSECONDS, "to_ns": now + NANOSECONDS}
        for identity, tag in (("good", "A"), ("odd", "nowhere")):
            each = order(edge, identity, "A/h", "readings", tag=tag, **asked)
            edge.node.orders.take_local(identity, wire.encode(each))
        await until(lambda: len(ends(stored(tmp_path / "data"))) == 2)
    assert ends(stored(tmp_path / "data"))["good"] == ("applied", "")


async def test_the_command_lines_orders_are_taken_once(tmp_path: Path, broker: LocalBroker) -> None:
    """What lies in the store is carried out and marked; what cannot be read is refused as such."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        good = order(edge, "local-1", "A/h", "acknowledge")
        rows = [("local-1", msgspec.json.encode(good)), ("local-2", b"{not an order")]

        def insert(database: object) -> None:
            for number, row in enumerate(rows):
                database.execute(  # type: ignore[attr-defined]
                    "INSERT INTO desk_order (id, body, made_ns) VALUES (?, ?, ?)", (*row, number)
                )

        await edge.node.storage.act(insert)
        await until(lambda: edge.node.desk.status("gw/A/h").state == State.ACKNOWLEDGED)
        waiting = edge.node.orders.waiting
        left = 1
        while left:
            left = len(await edge.node.storage.act(waiting))
    events = [event for event in stored(tmp_path / "data") if event.kind == "order"]
    assert [(e.detail["order"], e.detail["result"]) for e in events] == [
        ("local-1", "applied"),
        ("local-2", "refused"),
    ]
    assert "unreadable" in str(events[1].detail["reason"])
