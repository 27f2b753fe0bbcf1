"""What every answer carries, and which changes are taken from a browser."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.supervision import store
from gateway.supervision.api.app import create_app
from gateway.supervision.api.guard import policy
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import PASSWORD, Opener, World

FORBIDDEN = ("numba", "numpy", "duckdb", "paho", "detectors", "gateway.pipeline")


async def test_security_headers(world: World) -> None:
    """Every answer, refusals included, carries the policy, and API answers are not cached."""
    client = await world.client()
    for path in ("/", "/api/v1/alarms", "/api/v1/health", "/nowhere", "/static/none.js"):
        answer = await client.get(path)
        stated = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in stated
        assert "unsafe" not in stated
        assert "frame-ancestors 'none'" in stated
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    admin = await world.admin()
    assert (await admin.get("/api/v1/alarms")).headers["Cache-Control"] == "no-store"


def test_import_map_is_allowed_by_its_hash() -> None:
    """The page's own import map is allowed by the hash of its text, and nothing else inline is."""
    text = b'{"imports": {"lit": "/static/vendor/lit.js"}}'
    page = b'<html><script type="importmap">' + text + b"</script><script>x</script></html>"
    found = base64.b64encode(hashlib.sha256(text).digest()).decode()
    assert f"script-src 'self' 'sha256-{found}';" in policy(page)
    assert "script-src 'self';" in policy(b"")


async def test_screen_is_served(world: World, tmp_path: Path) -> None:
    """The page and its files are served from the dashboard folder, and nothing beside it."""
    folder = tmp_path / "screen"
    folder.mkdir()
    (folder / "index.html").write_text("<title>screen</title>")
    (folder / "app.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    app = create_app(world.centre, dashboard=folder)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://centre") as client:
        assert (await client.get("/")).text == "<title>screen</title>"
        assert (await client.get("/static/app.js")).headers["Cache-Control"] == "no-cache"
        assert (await client.get("/favicon.ico")).status_code == 204
        assert (await client.get("/static/../secret.txt")).status_code == 404
        assert (await client.get("/static/%2e%2e/secret.txt")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        b"NaN",
        b"1e400",
        b"-Infinity",
        rb'"\ud800"',
        rb'"\ud800 and nine more"',
        rb'{"\ud800": 1}',
        b"[" * 5000,
        b"9" * 5000,
        b"\xff",
        b'"secret", "x": 1',
        rb'"secret", "\udfff": 1',
    ],
)
async def test_what_is_no_value_is_refused(world: World, wrong: bytes) -> None:
    """A body that is not JSON's, or holds no text or number, is refused and not sent back."""
    admin = await world.admin()
    for path, fields in (
        ("/api/v1/session", b'{"name": "admin", "password": %s}'),
        ("/api/v1/alarms/gw1/actions", b'{"alarm": "a", "revision": 1, "action": %s}'),
        ("/api/v1/alarms/gw1/actions", b'{"alarm": "a", "action": "reset", "revision": %s}'),
        ("/api/v1/accounts", b'{"name": "n", "role": "administrator", "password": %s}'),
    ):
        headers = {"Content-Type": "application/json"}
        answer = await admin.post(path, content=fields % wrong, headers=headers)
        assert answer.status_code in {400, 422}, answer.text
        assert "secret" not in answer.text
        assert answer.json()["detail"]


async def test_foreign_origins_change_nothing(world: World) -> None:
    """A change from another origin, or with a form's content type, is refused."""
    client = await world.admin()
    path = "/api/v1/pairing-codes"
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = await client.post(path, json={"node": "gw1"}, headers=headers)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "origin")
    form = await client.post(
        path, content=b'{"node": "gw1"}', headers={"Content-Type": "text/plain"}
    )
    assert form.status_code == 415
    own = {"Origin": world.running.url}
    assert (await client.post(path, json={"node": "gw1"}, headers=own)).status_code == 201


async def test_large_bodies_of_people_are_refused(world: World) -> None:
    """A person's body is at most 64 KiB."""
    client = await world.client()
    answer = await client.post("/api/v1/session", json={"name": "x" * 70_000, "password": PASSWORD})
    assert answer.status_code == 413


async def test_health_and_metrics(world: World) -> None:
    """Health is public and says little; metrics are sums for the machine itself."""
    child = await world.child()
    await child.events(child.event())
    client = await world.client()
    health = (await client.get("/api/v1/health")).json()
    assert (health["status"], health["node"]) == ("ok", "county")
    text = (await client.get("/metrics")).text
    assert 'hazgate_centre_items_total{status="stored"} 1.0' in text
    assert "gw1" not in text


async def guess(client: httpx.AsyncClient, address: str, password: str) -> httpx.Response:
    """Log in as one for whom a proxy says it speaks."""
    body = {"name": "li", "password": password}
    return await client.post("/api/v1/session", json=body, headers={"X-Forwarded-For": address})


async def test_nobody_invents_an_address(world: World) -> None:
    """A header that names another address each time opens no more tries."""
    await world.account("li", Role.VIEWER, "330106")
    client = await world.client()
    for number in range(5):
        assert (await guess(client, f"192.0.2.{number}", "guess")).status_code == 401
    assert (await guess(client, "192.0.2.9", PASSWORD)).status_code == 429


async def test_a_stated_proxy_is_believed(open_world: Opener) -> None:
    """Behind a TLS proxy people are who it says, cookies travel by TLS, metrics are not open."""
    listen = {"address": "127.0.0.1:0", "behind_tls": True}
    async with open_world(listen=listen) as world:
        await world.account("li", Role.VIEWER, "330106")
        client = await world.client()
        for _ in range(5):
            assert (await guess(client, "192.0.2.1", "guess")).status_code == 401
        assert (await guess(client, "192.0.2.1", PASSWORD)).status_code == 429
        answer = await guess(client, "192.0.2.2", PASSWORD)
        assert answer.status_code == 200
        assert "; secure" in answer.headers["Set-Cookie"].lower()
        assert "Strict-Transport-Security" in answer.headers
        outside = {"X-Forwarded-For": "192.0.2.2"}
        assert (await client.get("/metrics", headers=outside)).status_code == 401
        await world.account("wang", Role.ADMINISTRATOR, "330106")
        for name, password, status in (
            ("li", PASSWORD, 403),
            ("wang", PASSWORD, 403),
            ("admin", world.running.first_password, 200),
        ):
            login = {"name": name, "password": password}
            answer = await client.post("/api/v1/session", json=login, headers=outside)
            cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
            shown = await client.get("/metrics", headers={**outside, **cookie})
            assert shown.status_code == status, name


async def test_busy_says_nothing_of_the_machine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A centre that cannot keep up says so and when to come back, not where its files are."""
    child = await world.child()
    monkeypatch.setattr(store, "WAITING_WRITES", 0)
    answer = await child.beat()
    assert (answer.status_code, answer.json()["detail"]["code"]) == (429, "busy")
    assert answer.headers["Retry-After"]
    assert world.centre.store.folder.name not in answer.text
    assert ".sqlite" not in answer.text


async def test_openapi_names_the_screens_paths(world: World) -> None:
    """The OpenAPI document describes every path a screen uses, with its answer."""
    client = await world.client()
    document = (await client.get("/api/v1/openapi.json")).json()
    for path in ("alarms", "points", "nodes", "readings", "journal", "session", "tiers"):
        answer = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]
        assert "$ref" in str(answer["content"]["application/json"]["schema"])
    assert "/api/v1/events" in document["paths"]
    assert (await client.get("/docs")).status_code == 404


def test_centre_loads_nothing_of_an_edge() -> None:
    """A process with the whole centre role loaded has no numba, numpy, DuckDB, MQTT or detector."""
    code = (
        "import sys, gateway.roles.centre; "
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
