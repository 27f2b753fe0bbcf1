"""What no store can hold is refused by name, and harms nothing beside it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.journal import verify
from gateway.northbound import wire
from gateway.supervision import intake
from gateway.supervision.tiers import Role
from gateway.supervision.write import Write
from tests.gateway.supervision.world import Child, World

TREND = "/api/v1/readings?node=gw1&tag=AR1-AT-101&raw=1"


def changed(body: bytes, **changes: Any) -> bytes:
    """A body whose own fields, or those of its first point, are others."""
    document = json.loads(body)
    for name, value in changes.items():
        table = document if name in document else document["points"][0]
        table[name] = value
    return json.dumps(document).encode()


async def ready(world: World) -> Child:
    child = await world.child()
    await child.send(("inventory", child.inventory()), ("summary", child.summary()))
    return child


async def screen_answers(world: World) -> None:
    viewer = await world.person("li", Role.VIEWER, "330106")
    for path in ("/api/v1/points", "/api/v1/nodes", "/api/v1/alarms", TREND, TREND,
                 "/api/v1/journal?node=gw1"):  # fmt: skip
        assert (await viewer.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("event", {"seq": 2**63 - 1}),
        ("event", {"seq": 10**30}),
        ("event", {"revision": 2**63}),
        ("event", {"occurrence": 2**64}),
        ("event", {"source_ns": 2**63}),
        ("event", {"source_ns": -(2**63) - 1}),
        ("event", {"predicted_ns": 2**80}),
        ("event", {"detail": {"x": 2**80}}),
        ("summary", {"quality": -1000}),
        ("summary", {"quality": 256}),
        ("summary", {"count": 2**64}),
        ("summary", {"source_ns": 2**63}),
        ("summary", {"to_ns": -(2**63)}),
        ("inventory", {"interval_s": 1e300}),
        ("inventory", {"interval_s": -1}),
        ("present", {"seq": 2**64}),
    ],
)
async def test_number_out_of_bounds_is_rejected(
    world: World, kind: str, changes: dict[str, Any]
) -> None:
    """A number beyond its bounds rejects its item with a reason; its neighbours are stored."""
    child = await ready(world)
    bodies = {"event": child.event, "summary": child.summary, "inventory": child.inventory,
              "present": child.present}  # fmt: skip
    body = changed(bodies[kind](), **changes)
    answer = await child.post((kind, body), ("event", child.event(alarm="gw1/x/y")))
    assert answer.status_code == 200
    rejected, stored = answer.json()["receipts"]
    assert (rejected["status"], stored["status"]) == ("rejected", "stored")
    assert kind in rejected["reason"]
    await screen_answers(world)


@pytest.mark.parametrize("kind", ["event", "summary", "inventory", "present", "readings"])
async def test_text_that_is_no_utf8_is_rejected(world: World, kind: str) -> None:
    """An item whose text is no UTF-8 is rejected; its neighbours are stored."""
    child = await ready(world)
    body = b'{"node":"\xff","life":"\xff","order":"\xff","points":[{"tag":"\xff"}]}'
    assert await child.send((kind, body), ("event", child.event())) == ["rejected", "stored"]


@pytest.mark.parametrize("changes", [{"quality": [-1000]}, {"time_ns": [2**80]}])
async def test_raw_readings_out_of_bounds_are_rejected(
    world: World, changes: dict[str, Any]
) -> None:
    """An answer that no trend could show is rejected, and the trend goes on answering."""
    child = await ready(world)
    await screen_answers(world)
    ((order,),) = await world.rows("SELECT id FROM site_order")
    fields = {"order": order, "tag": "AR1-AT-101", "time_ns": [1], "value": [1.0], "quality": [0]}
    sent = wire.encode(wire.Readings(**fields))
    assert await child.send(("readings", changed(sent, **changes))) == ["rejected"]
    assert await child.send(("readings", sent)) == ["stored"]
    viewer = await world.login("li", "correct horse battery")
    assert (await viewer.get(TREND)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"last_seq": 2**63 - 1}, 400),
        ({"lag": 2**63}, 400),
        ({"lag": -1}, 400),
        ({"clock_ns": 2**63 - 1}, 400),
        ({"clock_ns": -(2**63)}, 400),
        ({"clock_ns": 2**62 - 1}, 200),
        ({"clock_ns": 0}, 200),
    ],
)
async def test_heartbeat_out_of_bounds_is_refused(
    world: World, changes: dict[str, Any], status: int
) -> None:
    """A heartbeat is refused beyond the bounds; within them any clock leaves the screens whole."""
    child = await ready(world)
    assert (await child.beat(**changes)).status_code == status
    await screen_answers(world)


@pytest.mark.parametrize("path", [wire.INTAKE, wire.HEARTBEAT, wire.PAIR])
async def test_depth_without_end_is_answered(world: World, path: str) -> None:
    """A body nested without end is answered as one that cannot be read."""
    child = await world.child()
    body = b'{"newer":' + b"[" * 2_000 + b"]" * 2_000 + b"}"
    answer = await child.client.post(path, content=body, headers=child.headers)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "body")


async def test_a_defect_rejects_one_item(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that cannot be taken for a reason nobody foresaw leaves no trace but its receipt."""
    child = await ready(world)

    def fail(write: Write, node: str, _: bytes) -> None:
        write.execute("UPDATE node SET name = 'half' WHERE node = ?", (node,))
        write.publish("x", node, b"{}")
        write.journal("x", detail={})
        write.scopes_changed = True
        raise OverflowError("too large")

    monkeypatch.setitem(intake.TAKERS, "summary", fail)
    answer = await child.post(
        ("event", child.event()), ("summary", b"{}"), ("event", child.event("clear"))
    )
    receipts = answer.json()["receipts"]
    assert [receipt["status"] for receipt in receipts] == ["stored", "rejected", "stored"]
    assert "too large" in receipts[1]["reason"]
    assert await world.rows("SELECT name FROM node") == [("Site gw1",)]
    assert await world.rows("SELECT * FROM feed WHERE kind = 'x'") == []
    assert await world.own("x") == []
    await child.beat()
    assert (await world.centre.store.read(verify)).problems == ()


async def test_refusals_do_not_fill_the_journal(world: World) -> None:
    """However many things of a sort a child may not send, a minute has one short entry of them."""
    child, other = await world.child("gw1"), await world.child("gw2")
    await child.events(child.event())
    forged = wire.Item(kind="event", id="", body=msgspec.Raw(other.event()))
    forks = wire.Item(kind="event", id="", body=msgspec.Raw(changed(child.event(), seq=1)))
    items = [
        msgspec.structs.replace(item, id=f"{at}{'x' * 9000}")
        for at in range(20)
        for item in (forged, forks)
    ]
    sent = wire.Intake(node="gw1", life=child.life, epoch=child.epoch, items=items)
    answer = await child.client.post(wire.INTAKE, content=wire.encode(sent), headers=child.headers)
    assert {receipt["status"] for receipt in answer.json()["receipts"]} == {"rejected"}
    refused = await world.own("refused")
    assert len(refused) == 2
    assert all(len(str(event.detail["item"])) == 128 for event in refused)


async def test_large_event_is_rejected(world: World) -> None:
    """An event of more than 64 KiB is taken neither as event nor as state; smaller ones are."""
    child = await world.child()
    large = child.event(comment="y" * wire.MAX_EVENT_BYTES)
    present = child.present(large)
    fitting = child.event("acknowledge", comment="y" * (wire.MAX_EVENT_BYTES - 2000))
    assert await child.send(("event", large), ("present", present), ("event", fitting)) == [
        "rejected", "rejected", "stored"
    ]  # fmt: skip
    assert await world.rows("SELECT revision FROM mirror") == [(2,)]


@pytest.mark.parametrize("name", ["life", "epoch"])
@pytest.mark.parametrize("text", ["", "a" * 17, "A" * 16, "0" * 16 + "\n"])
async def test_life_and_epoch_are_64_bits(world: World, name: str, text: str) -> None:
    """What is no life or epoch is refused wherever it is named, and leaves no row."""
    child = await world.child()
    event = changed(child.event(), **{name: text})
    assert await child.send(("event", event)) == ["rejected"]
    assert await child.send(("event", child.event())) == ["stored"]
    assert (await child.beat(**{name: text})).status_code == 400
    sent = wire.Intake(node="gw1", life=child.life, epoch=child.epoch, items=[])
    body = wire.encode(msgspec.structs.replace(sent, **{name: text}))
    answer = await child.client.post(wire.INTAKE, content=body, headers=child.headers)
    assert answer.status_code == 400
    assert await world.rows("SELECT life FROM life") == [(child.life,)]
    key = f"{child.life}/{child.epoch}"
    assert await world.rows("SELECT epoch FROM epoch") == [(key,)]


async def test_heartbeat_is_kept_short(world: World) -> None:
    """A head that is no hash is refused; long troubles and versions are cut."""
    child = await world.child()
    for head in ("f" * 65, "F" * 64, "f" * 64 + "\n", "x" * 10_000):
        assert (await child.beat(head=head)).status_code == 400
    await child.beat(version="v" * 5_000, trouble=["t" * 700] * 60)
    ((version, trouble),) = await world.rows("SELECT version, LENGTH(trouble) FROM heartbeat")
    assert (len(version), trouble < 30_000) == (64, True)
    assert (await child.beat(head="", last_seq=0)).status_code == 200
