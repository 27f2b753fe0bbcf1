"""Accounts, passwords and sessions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from gateway.supervision.accounts import SESSION_NS, AccountError, LoginError
from gateway.supervision.tiers import Role, Subject
from tests.gateway.supervision.world import PASSWORD, Opener, World

SESSION = "/api/v1/session"
ANOTHER = "another long password"


async def ended(client: httpx.AsyncClient) -> bool:
    """Whether a client has no session: it is nobody, and reads nothing."""
    who = await client.get(SESSION)
    assert who.status_code == 200
    return who.json() is None and (await client.get("/api/v1/alarms")).status_code == 401


async def test_first_password_is_told_once(open_world: Opener) -> None:
    """The first start makes one administrator and tells the password; the second tells nothing."""
    async with open_world() as world:
        password = world.running.first_password
        assert password is not None
    async with open_world() as world:
        assert world.running.first_password is None
        client = await world.login("admin", password)
        assert (await client.get(SESSION)).json() == {
            "name": "admin",
            "role": "administrator",
            "division": "",
            "departments": [],
            "language": "zh-CN",
            "department": "",
        }


async def test_password_is_never_stored(world: World) -> None:
    """No file of the store contains a password or a session id; the hashes are argon2id."""
    client = await world.person("li", Role.VIEWER, "330106")
    secrets = [PASSWORD, world.running.first_password, client.cookies["hazgate_session"]]
    for path in world.centre.store.folder.iterdir():
        for secret in secrets:
            assert secret is not None
            assert secret.encode() not in path.read_bytes()
    hashes = await world.rows("SELECT password FROM account")
    assert all(row[0].startswith("$argon2id$") for row in hashes)


async def test_cookie_is_out_of_reach(world: World) -> None:
    """The cookie is HttpOnly and SameSite=Strict, new at every login, and is ended by logout."""
    await world.account("li", Role.VIEWER, "330106")
    client = await world.client()
    body = {"name": "li", "password": PASSWORD}
    first = await client.post(SESSION, json=body)
    stated = first.headers["Set-Cookie"].lower()
    assert "httponly" in stated
    assert "samesite=strict" in stated
    old = client.cookies["hazgate_session"]
    await client.post(SESSION, json=body)
    assert client.cookies["hazgate_session"] != old
    kept = httpx.Cookies(client.cookies)
    assert (await client.delete(SESSION)).status_code == 204
    client.cookies = kept
    assert await ended(client)


async def test_nobody_is_no_error(world: World) -> None:
    """Who comes without a session, or with an invented one, is told null and nothing else."""
    client = await world.client()
    for headers in ({}, {"Cookie": "hazgate_session=invented"}):
        answer = await client.get(SESSION, headers=headers)
        assert (answer.status_code, answer.text) == (200, "null")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
    assert await ended(client)


async def test_session_expires(world: World) -> None:
    """A session ends after its time, by the centre's clock."""
    client = await world.person("li", Role.VIEWER, "330106")
    world.pass_time(SESSION_NS / 1e9 - 1)
    assert (await client.get(SESSION)).json()["name"] == "li"
    world.pass_time(1)
    assert await ended(client)


async def test_wrong_login_says_nothing(world: World) -> None:
    """A wrong password and an unknown name get the same answer."""
    await world.account("li", Role.VIEWER, "330106")
    client = await world.client()
    wrong = await client.post(SESSION, json={"name": "li", "password": "no"})
    unknown = await client.post(SESSION, json={"name": "wu", "password": "no"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["detail"]["code"] == "wrong"


async def test_guessing_is_throttled(world: World) -> None:
    """Five failures close an account for that address only for a while; others still log in."""
    await world.account("li", Role.VIEWER, "330106")
    await world.account("wu", Role.VIEWER, "330106")
    client = await world.client()
    for _ in range(5):
        answer = await client.post(SESSION, json={"name": "li", "password": "guess"})
        assert answer.status_code == 401
    right = {"name": "li", "password": PASSWORD}
    assert (await client.post(SESSION, json=right)).status_code == 429
    await world.login("wu", PASSWORD)
    world.pass_time(15 * 60)
    assert (await client.post(SESSION, json=right)).status_code == 200


async def test_guessing_at_once_is_throttled(world: World) -> None:
    """Guesses that are all sent before the first is answered get no further than one by one."""
    await world.account("li", Role.VIEWER, "330106")
    client = await world.client()
    guess = {"name": "li", "password": "guess"}
    answers = await asyncio.gather(*(client.post(SESSION, json=guess) for _ in range(40)))
    codes = [answer.status_code for answer in answers]
    # One more than allowed may be verified already when the last allowed one fails.
    assert 5 <= codes.count(401) <= 6
    assert codes.count(429) == len(codes) - codes.count(401)


async def test_a_network_is_throttled_as_one(world: World) -> None:
    """Addresses of one IPv6 network share their failures; another network has its own."""
    await world.account("li", Role.VIEWER, "330106")
    accounts = world.centre.accounts
    for number in range(5):
        with pytest.raises(LoginError, match="wrong"):
            await accounts.open("li", "guess", address=f"2001:db8:0:1::{number}")
    with pytest.raises(LoginError, match="too many"):
        await accounts.open("li", PASSWORD, address="2001:db8:0:1:ffff::1")
    assert (await accounts.open("li", PASSWORD, address="2001:db8:0:2::1")).subject.name == "li"


async def test_account_changes_are_journalled(world: World) -> None:
    """Making, changing, removing an account is journalled with its actor, never the password."""
    admin = await world.admin()
    body = {"name": "li", "role": "operator", "division": "330106", "password": PASSWORD}
    assert (await admin.post("/api/v1/accounts", json=body)).status_code == 201
    client = await world.login("li", PASSWORD)
    change = {"role": "viewer", "division": "330106"}
    assert (await admin.put("/api/v1/accounts/li", json=change)).json()["role"] == "viewer"
    assert await ended(client)
    assert (await admin.delete("/api/v1/accounts/li")).status_code == 204
    entries = await world.own("account")
    acts = [(entry.detail["act"], entry.operator) for entry in entries]
    assert acts[1:] == [("created", "admin"), ("changed", "admin"), ("removed", "admin")]
    rows = await world.rows("SELECT entry FROM journal")
    assert all(PASSWORD.encode() not in row[0] for row in rows)


async def test_last_administrator_stays(world: World) -> None:
    """The last administrator of everything can neither be removed nor demoted."""
    admin = await world.admin()
    assert (await admin.delete("/api/v1/accounts/admin")).status_code == 409
    change = {"role": "viewer", "division": "330106"}
    assert (await admin.put("/api/v1/accounts/admin", json=change)).status_code == 409


async def test_administrators_stay_in_their_division(world: World) -> None:
    """A division's administrator neither sees nor makes accounts beyond its own reach."""
    await world.divisions(("330100", ""), ("330106", "330100"), ("330107", "330100"))
    local = await world.person("wang", Role.ADMINISTRATOR, "330106", ("combustible_dust",))
    await world.account("far", Role.VIEWER, "330107")
    listed = (await local.get("/api/v1/accounts")).json()["accounts"]
    assert [account["name"] for account in listed] == ["wang"]
    assert (await local.delete("/api/v1/accounts/far")).status_code == 404
    assert (await local.delete("/api/v1/accounts/admin")).status_code == 404
    for division, departments in (
        ("", ["combustible_dust"]),
        ("330107", ["combustible_dust"]),
        ("330106", []),
        ("330106", ["metallurgy"]),
    ):
        body = {
            "name": "n",
            "role": "administrator",
            "division": division,
            "departments": departments,
            "password": PASSWORD,
        }
        assert (await local.post("/api/v1/accounts", json=body)).status_code == 403


async def test_administrators_stay_in_their_departments(world: World) -> None:
    """A department's administrator rules over nobody who is in charge of more than it is."""
    dust, both = ("combustible_dust",), ("combustible_dust", "metallurgy")
    local = await world.person("wang", Role.ADMINISTRATOR, "330106", dust)
    await world.account("own", Role.VIEWER, "330106", dust)
    for name, departments in (("all", ()), ("both", both), ("other", ("metallurgy",))):
        await world.account(name, Role.ADMINISTRATOR, "330106", departments)
    listed = (await local.get("/api/v1/accounts")).json()["accounts"]
    assert [account["name"] for account in listed] == ["own", "wang"]
    change = {"role": "viewer", "division": "330106", "departments": dust}
    taken = {**change, "password": "taken over now"}
    for name in ("all", "both", "other"):
        path = f"/api/v1/accounts/{name}"
        assert (await local.put(path, json=taken)).status_code == 404
        assert (await local.delete(path)).status_code == 404
        await world.login(name, PASSWORD)
    assert (await local.put("/api/v1/accounts/own", json=change)).status_code == 200
    assert (await local.delete("/api/v1/accounts/own")).status_code == 204


@pytest.mark.parametrize(
    ("role", "division", "password"),
    [(Role.VIEWER, "", PASSWORD), (Role.OPERATOR, "", PASSWORD), (Role.VIEWER, "1", "short")],
)
async def test_unsafe_accounts_are_refused(
    world: World, role: Role, division: str, password: str
) -> None:
    """No account below an administrator without a division, and no short password."""
    with pytest.raises(AccountError):
        await world.centre.accounts.create(Subject("li", role, division), password, operator="test")


async def test_ended_session_ends_its_stream(world: World) -> None:
    """A changed account loses its open stream at once."""
    client = await world.person("li", Role.VIEWER, "330106")
    async with world.stream(client) as stream:
        await stream.next("ping")
        await world.centre.accounts.change(
            Subject("li", Role.VIEWER, "330107"), None, operator="test"
        )
        with pytest.raises(EOFError):
            await stream.next()


async def test_own_password_is_changed(world: World) -> None:
    """Who knows the old password sets a new one; every session of the account ends with it."""
    person = await world.person("li", Role.OPERATOR, "330106")
    other = await world.login("li", PASSWORD)
    path = "/api/v1/session/password"
    wrong = await person.put(path, json={"old": "not it", "new": "another long password"})
    assert (wrong.status_code, wrong.json()["detail"]["code"]) == (403, "wrong")
    short = await person.put(path, json={"old": PASSWORD, "new": "short"})
    assert short.status_code == 422
    assert not await ended(person)
    answer = await person.put(path, json={"old": PASSWORD, "new": "another long password"})
    assert answer.status_code == 204
    for client in (person, other):
        assert await ended(client)
    again = await world.client()
    old = {"name": "li", "password": PASSWORD}
    assert (await again.post("/api/v1/session", json=old)).status_code == 401
    assert (await world.login("li", "another long password")) is not None


@asynccontextmanager
async def in_between(
    monkeypatch: pytest.MonkeyPatch, act: Coroutine[Any, Any, httpx.Response]
) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """Start what needs a password; run the block while that is being verified, then go on."""
    reached, go = threading.Event(), threading.Event()
    verify = PasswordHasher.verify

    def held(hasher: PasswordHasher, stored: str, password: str) -> bool:
        reached.set()
        assert go.wait(20)
        return verify(hasher, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", held)
    task = asyncio.create_task(act)
    try:
        assert await asyncio.to_thread(reached.wait, 20)
        yield task
    finally:
        go.set()
        await asyncio.wait({task})


async def test_rights_taken_in_between_stay_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes the own password while being demoted has a new password and the new rights."""
    admin = await world.admin()
    person = await world.person("li", Role.ADMINISTRATOR, "330106")
    own = person.put("/api/v1/session/password", json={"old": PASSWORD, "new": ANOTHER})
    async with in_between(monkeypatch, own) as changed:
        demoted = {"role": "viewer", "division": "330107"}
        assert (await admin.put("/api/v1/accounts/li", json=demoted)).status_code == 200
    assert (await changed).status_code == 204
    shown = (await (await world.login("li", ANOTHER)).get(SESSION)).json()
    assert (shown["role"], shown["division"]) == ("viewer", "330107")


async def test_password_replaced_in_between_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is replaced while it is verified neither opens a session nor sets another."""
    admin = await world.admin()
    person = await world.person("li", Role.OPERATOR, "330106")
    client = await world.client()
    given = {"role": "operator", "division": "330106", "password": ANOTHER}
    own = person.put("/api/v1/session/password", json={"old": PASSWORD, "new": "a third one"})
    async with in_between(monkeypatch, own) as changed:
        assert (await admin.put("/api/v1/accounts/li", json=given)).status_code == 200
    assert (await changed).status_code == 403
    login = client.post(SESSION, json={"name": "li", "password": ANOTHER})
    async with in_between(monkeypatch, login) as opened:
        assert (await admin.delete("/api/v1/accounts/li")).status_code == 204
    assert (await opened).status_code == 401
    assert await world.rows("SELECT 1 FROM session WHERE account = 'li'") == []


async def test_forgotten_password_is_renewed(world: World) -> None:
    """The one who runs the centre gives an account a new password; the old one is void."""
    person = await world.person("li", Role.OPERATOR, "330106")
    password = await world.centre.accounts.renew("li")
    assert password is not None
    assert await ended(person)
    await world.login("li", password)
    assert await world.centre.accounts.renew("nobody") is None
