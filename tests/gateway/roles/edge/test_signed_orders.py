"""Orders of centres above at a whole edge: proven, judged, carried out once, each with an event."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.identity import public_hex
from gateway.model import NANOSECONDS, AlarmEvent, State
from gateway.northbound import wire
from gateway.northbound.signing import sign
from gateway.northbound.trust import Pin
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import Edge, running, stored, until, write_site

pytestmark = pytest.mark.broker

COUNTY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
CITY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
#: Nobody is there; the orders are handed to the edge as its downlink would.
PARENT = '[parent]\nurl = "http://127.0.0.1:9"\n'
DELEGATE = '[[delegate]]\nto = "county"\n'


def order(edge: Edge, identity: str, action: str, **changes: object) -> wire.Order:
    """An order of the county about A/h as it stands."""
    desk = edge.node.desk
    status = desk.status("gw/A/h")
    stated = {
        "id": identity,
        "node": "gw",
        "origin": "county",
        "action": action,
        "alarm": "gw/A/h",
        "revision": status.revision,
        "occurrence": status.occurrence,
        "life": desk.chain.identity.life,
        "operator": "Wang Wu",
        "comment": "seen",
        "expires_ns": edge.node.clock.now_ns() + 60 * NANOSECONDS,
        **changes,
    }
    return sign(msgspec.convert(stated, wire.Order), CITY if "origin" in changes else COUNTY)


def give(edge: Edge, *orders: wire.Order) -> None:
    """Hand orders over as they come from a paired parent."""
    edge.node.trusting.trust.begin("parent", Pin(centre="county", public_key=public_hex(COUNTY)))
    for each in orders:
        edge.node.orders.take("parent", each, wire.encode(each))


def ends(events: list[AlarmEvent], identity: str) -> list[tuple[str, str]]:
    """Kind and result of each event in which an order ended."""
    return [
        (event.kind, str(event.detail["result"]))
        for event in events
        if event.kind in {"order", "act"} and event.detail.get("order") == identity
    ]


async def test_without_delegation_nothing_of_a_parents_moves(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """An acknowledgement from above is refused in an event that says why; the siren sounds on."""
    async with running(write_site(tmp_path, port=broker.port, more=PARENT)) as edge:
        await edge.say(150.0)
        await until(lambda: edge.sounding == {"gw/A/h"})
        give(edge, order(edge, "ack", "acknowledge"))
        assert edge.node.desk.status("gw/A/h").state == State.UNACKNOWLEDGED
        await until(lambda: ends(stored(tmp_path / "data"), "ack"))
        assert edge.sounding == {"gw/A/h"}
        refused = edge.node.metrics.refused_orders.labels("not_delegated")._value.get()
        assert refused == 1
    (event,) = [event for event in stored(tmp_path / "data") if event.kind == "order"]
    assert event.detail["result"] == "refused"
    assert "the enterprise decides that at its site" in str(event.detail["reason"])
    assert event.operator == "Wang Wu"


async def test_a_delegate_acknowledges(tmp_path: Path, broker: LocalBroker) -> None:
    """Named in the site file, the parent's order moves the alarm as the desk's own would."""
    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.sounding == {"gw/A/h"})
        give(edge, order(edge, "ack", "acknowledge"))
        assert edge.node.desk.status("gw/A/h").state == State.ACKNOWLEDGED
        await until(lambda: edge.sounding == set())
        await until(lambda: ends(stored(tmp_path / "data"), "ack"))
    assert ends(stored(tmp_path / "data"), "ack") == [("order", "applied")]


async def test_an_act_is_noted_and_moves_nothing(tmp_path: Path, broker: LocalBroker) -> None:
    """The site learns that it is urged, by whom and about what; state and siren stay."""
    async with running(write_site(tmp_path, port=broker.port, more=PARENT)) as edge:
        await edge.say(150.0)
        await until(lambda: edge.sounding == {"gw/A/h"})
        before = edge.node.desk.status("gw/A/h")
        give(
            edge,
            order(edge, "urge", "urged", comment="why is nobody there?"),
            order(edge, "city", "escalated", origin="city"),
            order(edge, "nowhere", "urged", alarm="gw/Z/h"),
        )
        assert edge.node.desk.status("gw/A/h") == before
        await until(lambda: ends(stored(tmp_path / "data"), "nowhere"))
        assert edge.sounding == {"gw/A/h"}
    events = stored(tmp_path / "data")
    (urged,) = [e for e in events if e.detail.get("order") == "urge"]
    assert (urged.kind, urged.alarm, urged.occurrence) == ("act", "gw/A/h", 1)
    assert (urged.detail["origin"], urged.detail["action"]) == ("county", "urged")
    assert (urged.operator, urged.comment) == ("Wang Wu", "why is nobody there?")
    assert ends(events, "city") == [("act", "applied")]
    assert ends(events, "nowhere") == [("order", "refused")]


async def test_an_order_is_carried_out_once_ever(tmp_path: Path, broker: LocalBroker) -> None:
    """Captured and sent again it does nothing, at once or after a restart, applied or refused."""
    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        acts = order(edge, "act", "urged")
        acknowledge = order(edge, "ack", "acknowledge")
        late = order(edge, "late", "reset", expires_ns=1)
        give(edge, acts, acknowledge, late)
        give(edge, acts, acknowledge, late)
        await until(lambda: ends(stored(tmp_path / "data"), "late"))
        events = len(stored(tmp_path / "data"))
        await edge.say(20.0)
        await until(lambda: not edge.active("A/h"))
    async with running(path) as edge:
        give(edge, acts, acknowledge, late)
        # What comes after them is carried out: they were looked at.
        give(edge, order(edge, "after", "urged"))
        await until(lambda: ends(stored(tmp_path / "data"), "after"))
        repeated = edge.node.metrics.refused_orders.labels("repeated")._value.get()
        assert repeated == 3
    found = stored(tmp_path / "data")
    assert events < len(found)
    assert ends(found, "act") == [("act", "applied")]
    assert ends(found, "ack") == [("order", "applied")]
    assert ends(found, "late") == [("order", "refused")]


async def test_a_forged_order_does_not_take_the_place_of_the_true_one(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """An altered one is refused in an event; the true one that bears the id is carried out."""
    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        true = order(edge, "ack", "acknowledge")
        give(edge, msgspec.structs.replace(true, comment="altered"))
        assert edge.node.desk.status("gw/A/h").state == State.UNACKNOWLEDGED
        give(edge, true)
        assert edge.node.desk.status("gw/A/h").state == State.ACKNOWLEDGED
        await until(lambda: len(ends(stored(tmp_path / "data"), "ack")) == 2)
    assert ends(stored(tmp_path / "data"), "ack") == [("order", "refused"), ("order", "applied")]


async def test_an_order_of_another_life_is_refused(tmp_path: Path, broker: LocalBroker) -> None:
    """Revisions begin again with a life: what was seen in one before moves nothing now."""
    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        give(edge, order(edge, "ack", "acknowledge", life="0" * 16, origin="county"))
        give(edge, sign(order(edge, "old", "acknowledge", life="0" * 16), COUNTY))
        await until(lambda: ends(stored(tmp_path / "data"), "old"))
        assert edge.node.desk.status("gw/A/h").state == State.UNACKNOWLEDGED
    (event,) = [e for e in stored(tmp_path / "data") if e.detail.get("order") == "old"]
    assert "begun anew" in str(event.detail["reason"])


async def test_the_desk_and_a_centre_at_once(tmp_path: Path, broker: LocalBroker) -> None:
    """Of two that saw the same, the first acts and the second is told that it has moved."""
    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        centre = order(edge, "centre", "acknowledge")
        desk = msgspec.structs.replace(centre, id="desk", signature="", origin="", key="")
        edge.node.orders.take_local("desk", wire.encode(desk))
        give(edge, centre)
        # And against the return to normal: what was ordered before it is stale after it.
        raised = order(edge, "raised", "shelve", to_ns=edge.node.clock.now_ns() + 10**12)
        await edge.say(20.0)
        await until(lambda: not edge.active("A/h"))
        give(edge, raised)
        await until(lambda: ends(stored(tmp_path / "data"), "raised"))
    events = stored(tmp_path / "data")
    assert ends(events, "desk") == [("order", "applied")]
    assert ends(events, "centre") == ends(events, "raised") == [("order", "refused")]
    causes = [(e.cause, e.revision) for e in events if e.kind == "alarm" and e.tag == "A"]
    assert causes == [("raise", 1), ("acknowledge", 2), ("clear", 3)]


async def test_another_key_above_is_an_alarm_until_the_known_one_answers(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Whom the node does not know gives no orders, and people are told; it falls by itself."""

    def says(key: Ed25519PrivateKey) -> wire.HeartbeatAnswer:
        return wire.HeartbeatAnswer(
            clock_ns=0, anchored_seq=0, anchored_head="", centre="county",
            public_key=public_hex(key),
        )  # fmt: skip

    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    alarm = "gw/@node/parent_changed"
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        edge.node.trusting.trust.answered("parent", says(COUNTY))
        assert not edge.node.desk.status(alarm).active
        edge.node.trusting.trust.answered("parent", says(CITY))
        assert edge.node.desk.status(alarm).active
        stranger = order(edge, "ack", "acknowledge")
        edge.node.orders.take("parent", sign(stranger, CITY))
        assert edge.node.desk.status("gw/A/h").state == State.UNACKNOWLEDGED
        edge.node.trusting.trust.answered("parent", says(COUNTY))
        assert not edge.node.desk.status(alarm).active
        await until(lambda: ends(stored(tmp_path / "data"), "ack"))
    acts = [e.detail["act"] for e in stored(tmp_path / "data") if e.kind == "parent"]
    assert acts == ["pinned", "another key", "known again"]


async def test_two_operators_and_a_shelving_that_runs_out(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Of two orders on one sight the first counts; one that a shelving's end overtook is stale."""
    path = write_site(tmp_path, port=broker.port, more=PARENT + DELEGATE)
    async with running(path) as edge:
        desk = edge.node.desk
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        give(edge, order(edge, "one", "acknowledge"), order(edge, "two", "acknowledge"))
        now = edge.node.clock.now_ns()
        give(edge, order(edge, "shelve", "shelve", to_ns=now + NANOSECONDS))
        unshelve = order(edge, "unshelve", "unshelve")
        # The line is down meanwhile; the condition still holds when the shelving ends.
        await until(lambda: desk.status("gw/A/h").suppression == "NONE")
        assert desk.status("gw/A/h").state == State.UNACKNOWLEDGED
        await until(lambda: edge.sounding == {"gw/A/h"})
        give(edge, unshelve)
        assert desk.status("gw/A/h").state == State.UNACKNOWLEDGED
        await until(lambda: ends(stored(tmp_path / "data"), "unshelve"))
    events = stored(tmp_path / "data")
    results = {each: ends(events, each)[0][1] for each in ("one", "two", "shelve", "unshelve")}
    assert results == {
        "one": "applied", "two": "refused", "shelve": "applied", "unshelve": "refused",
    }  # fmt: skip
    moved = [(e.cause, e.revision) for e in events if e.kind == "alarm" and e.tag == "A"]
    assert moved == [("raise", 1), ("acknowledge", 2), ("shelve", 3), ("expire", 4)]
