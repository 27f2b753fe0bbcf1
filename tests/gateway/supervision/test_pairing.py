"""Who may send: a code buys one credential, once, and nobody else gets in."""

from __future__ import annotations

from gateway.northbound import wire
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import Child, World, pairing_body


async def test_unpaired_sender_is_refused(world: World) -> None:
    """A sender without a credential reaches none of the children's endpoints."""
    stranger = Child("gw1", await world.client(), world.clock)
    assert (await stranger.post(("event", stranger.event()))).status_code == 401
    assert (await stranger.beat()).status_code == 401
    assert (await stranger.client.get(wire.ORDERS)).status_code == 401
    assert await world.rows("SELECT * FROM event") == []


async def test_wrong_credential_is_refused(world: World) -> None:
    """A token that was never given out is refused, also beside a paired node."""
    child = await world.child()
    child.token = child.token[:-1] + ("A" if child.token[-1] != "A" else "B")
    assert (await child.post(("event", child.event()))).status_code == 401
    assert (await child.client.get(wire.ORDERS, headers=child.headers)).status_code == 401


async def test_session_cookie_is_no_credential(world: World) -> None:
    """An administrator's session does not let a browser send events."""
    admin = await world.admin()
    answer = await admin.post(wire.INTAKE, json={})
    assert answer.status_code == 401


async def test_code_works_once(world: World) -> None:
    """A code used a second time buys nothing for another token."""
    client = await world.client()
    code = await world.running.invite("gw1")
    assert (await client.post(wire.PAIR, json=pairing_body(code, "one"))).status_code == 200
    second = await client.post(wire.PAIR, json=pairing_body(code, "two"))
    assert (second.status_code, second.json()["detail"]["code"]) == (403, "code")


async def test_lost_answer_may_be_asked_for_again(world: World) -> None:
    """A child that never read the answer asks again with the same token and is paired, once."""
    client = await world.client()
    code = await world.running.invite("gw1")
    for _ in range(2):
        answer = await client.post(wire.PAIR, json=pairing_body(code, "one"))
        assert (answer.status_code, answer.json()["node"]) == (200, "gw1")
    acts = [event.detail["act"] for event in await world.own("pairing")]
    assert acts == ["invited", "paired"]
    child = Child("gw1", client, world.clock)
    child.token = "one"
    assert await child.events(child.event()) == ["stored"]


async def test_credential_is_a_hash(world: World) -> None:
    """A request that offers no hash of a token is refused and leaves the code unused."""
    client = await world.client()
    code = await world.running.invite("gw1")
    for bad in ("", "ab", "Z" * 64):
        body = pairing_body(code) | {"token_hash": bad}
        assert (await client.post(wire.PAIR, json=body)).status_code == 403
    assert (await client.post(wire.PAIR, json=pairing_body(code))).status_code == 200


async def test_code_expires(world: World) -> None:
    """A code older than a day buys nothing, and is answered like a wrong one."""
    client = await world.client()
    code = await world.running.invite("gw1")
    world.pass_time(24 * 3600)
    late = await client.post(wire.PAIR, json=pairing_body(code))
    wrong = await client.post(wire.PAIR, json=pairing_body("AAAA"))
    assert late.status_code == wrong.status_code == 403
    assert late.json() == wrong.json()


async def test_guessing_codes_is_throttled(world: World) -> None:
    """After ten wrong codes an address is told to wait, and a right one does not help it."""
    client = await world.client()
    code = await world.running.invite("gw1")
    for _ in range(10):
        answer = await client.post(wire.PAIR, json=pairing_body("WRONG"))
        assert answer.status_code == 403
    answer = await client.post(wire.PAIR, json=pairing_body(code))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")


async def test_secrets_are_stored_as_hashes(world: World) -> None:
    """Neither a code nor a token stands in any file of the store."""
    client = await world.client()
    code = await world.running.invite("gw1")
    token = "a token of the child, offered by its hash"
    answer = await client.post(wire.PAIR, json=pairing_body(code, token))
    assert answer.status_code == 200
    for path in world.centre.store.folder.iterdir():
        content = path.read_bytes()
        assert token.encode() not in content
        assert code.encode() not in content


async def test_pairing_again_revokes(world: World) -> None:
    """A node paired again sends with its new credential only."""
    child = await world.child()
    old = child.token
    await world.pair(child)
    assert await child.events(child.event()) == ["stored"]
    child.token = old
    assert (await child.beat()).status_code == 401
    acts = [event.detail["act"] for event in await world.own("pairing")]
    assert acts == ["invited", "paired", "invited", "paired"]


async def test_only_an_administrator_invites(world: World) -> None:
    """Codes are made by administrators, within their own division."""
    await world.divisions(("330106", ""), ("330107", ""))
    operator = await world.person("li", Role.OPERATOR, "330106")
    local = await world.person("wang", Role.ADMINISTRATOR, "330106")
    path = "/api/v1/pairing-codes"
    assert (await operator.post(path, json={"node": "gw1"})).status_code == 403
    assert (await local.post(path, json={"node": "gw1"})).status_code == 403
    foreign = {"node": "gw1", "division": "330107"}
    assert (await local.post(path, json=foreign)).status_code == 403
    made = await local.post(path, json={"node": "gw1", "division": "330106"})
    assert made.status_code == 201
    body = pairing_body(made.json()["code"])
    assert (await operator.post(wire.PAIR, json=body)).json()["node"] == "gw1"
    assert made.json()["expires_ms"] == world.clock.now_ns() // 1_000_000 + 24 * 3600 * 1000


async def test_assigned_division_is_kept(world: World) -> None:
    """A node assigned to a division cannot move itself to another; its claim is shown."""
    child = Child("gw1", await world.client(), world.clock, division="330107")
    await world.pair(child, division="330106")
    await child.send(("inventory", child.inventory()))
    there = await world.person("li", Role.VIEWER, "330106")
    claimed = await world.person("wu", Role.VIEWER, "330107")
    (row,) = (await there.get("/api/v1/nodes")).json()["nodes"]
    assert row["division"] == "330106"
    assert any("330107" in trouble for trouble in row["trouble"])
    assert (await claimed.get("/api/v1/nodes")).json()["nodes"] == []
