"""A one-time code makes a token that only this node knows its credential."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
import trustme

from gateway.clock import ManualClock
from gateway.identity import load_key, public_hex
from gateway.northbound import pairing as module
from gateway.northbound.pairing import PairingError, pair, token_path, trusting
from gateway.northbound.settings import ParentSettings
from tests.gateway.northbound.site import Answer, Gateway, Parent, cutting, until
from tests.gateway.supervision.world import NOON_NS, World, opened


async def buy(url: str, folder: Path, code: str, *, node: str = "gw1", **settings: str) -> None:
    stated = ParentSettings(url=url, **settings)
    await asyncio.to_thread(pair, stated, folder, code, node=node)


async def test_a_code_makes_a_credential(world: World, tmp_path: Path, gateway: Gateway) -> None:
    """The token lies in a file only its owner may read, and a centre takes events on it."""
    code = await world.running.invite("gw1")
    folder = tmp_path / "new" / "data"
    await buy(world.running.url, folder, f" {code.lower()}\n")
    path = folder / "parent.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "node.key",
        "parent.token",
        "parent.token.centre",
    ]
    gateway.make(2)
    async with gateway.uplink(world.running.url, path.read_text()):
        await until(lambda: gateway.waiting() == 0)
    keys = await world.rows("SELECT public_key FROM node WHERE node = 'gw1'")
    assert keys == [(public_hex(load_key(folder)),)]


async def test_a_code_is_used_once(world: World, tmp_path: Path) -> None:
    """A second node with the same code gets nothing, and is told what to do."""
    code = await world.running.invite("gw1")
    await buy(world.running.url, tmp_path / "one", code)
    with pytest.raises(
        PairingError, match=r"refused \(403\): pairing: this code .*ask for a new one"
    ):
        await buy(world.running.url, tmp_path / "two", code)
    assert not (tmp_path / "two" / "parent.token").exists()


async def test_a_wrong_code_buys_nothing(world: World, tmp_path: Path) -> None:
    """A code that the centre never made leaves no credential behind."""
    await world.running.invite("gw1")
    with pytest.raises(PairingError, match="403"):
        await buy(world.running.url, tmp_path, "AAAAA-BBBBB")
    assert not (tmp_path / "parent.token").exists()


async def test_the_same_code_works_when_the_answer_was_lost(
    world: World, tmp_path: Path, gateway: Gateway
) -> None:
    """A node that never read the answer offers the same token again and is the same node."""
    code = await world.running.invite("gw1")
    async with cutting(world.running.port) as cutter:
        cutter.lose = 1
        with pytest.raises(PairingError, match="cannot be reached"):
            await buy(cutter.url, tmp_path, code)
        offered = tmp_path / "parent.token.offered"
        assert stat.S_IMODE(offered.stat().st_mode) == 0o600
        token = offered.read_text()
        assert not (tmp_path / "parent.token").exists()
        await buy(cutter.url, tmp_path, code)
    assert (tmp_path / "parent.token").read_text() == token
    assert not offered.exists()
    gateway.make(1)
    async with gateway.uplink(world.running.url, token):
        await until(lambda: gateway.waiting() == 0)


async def test_a_new_pairing_replaces_the_credential(
    world: World, tmp_path: Path, gateway: Gateway
) -> None:
    """After a second code the old token opens nothing, and each pairing has a token of its own."""
    tokens = []
    for _ in range(2):
        await buy(world.running.url, tmp_path, await world.running.invite("gw1"))
        tokens.append((tmp_path / "parent.token").read_text())
    assert tokens[0] != tokens[1]
    gateway.make(1)
    async with gateway.uplink(world.running.url, tokens[0]) as uplink:
        await until(lambda: "refuses this node (401)" in uplink._reason)
    assert gateway.waiting() == 1
    async with gateway.uplink(world.running.url, tokens[1]):
        await until(lambda: gateway.waiting() == 0)


async def test_the_token_is_never_sent(parent: Parent, tmp_path: Path) -> None:
    """What the parent is sent is the token's hash: it cannot be stolen on the way or there."""
    parent.pairs = [Answer(200, b'{"node":"gw1"}')]
    await buy(parent.url, tmp_path, "CODE")
    [asked] = parent.asked_to_pair
    token = (tmp_path / "parent.token").read_text()
    assert len(token) > 32
    assert token.encode() not in asked


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(200, b"<html>"), "is no hazgate centre"),
        (Answer(200, b'{"node": 5}'), "is no hazgate centre"),
        (Answer(500, b"trouble"), r"refused \(500\): trouble"),
        (Answer(403, b'{"detail":{"code":"code","message":"ask anew"}}'), r"\(403\): ask anew$"),
        (Answer(422, b'{"detail":[]}'), r"refused \(422\): .*is this the address"),
        (Answer(429, b"wait"), r"refused \(429\): wait"),
    ],
)
async def test_a_parent_that_is_none(
    parent: Parent, tmp_path: Path, answer: Answer, told: str
) -> None:
    """Whatever answers at the address, without a pairing answer there is no credential."""
    parent.pairs = [answer]
    with pytest.raises(PairingError, match=told):
        await buy(parent.url, tmp_path, "CODE")
    assert not (tmp_path / "parent.token").exists()


async def test_a_code_of_another_node(world: World, tmp_path: Path) -> None:
    """A code that was made for another node gives this one no credential, and says whose it is."""
    code = await world.running.invite("gw2")
    with pytest.raises(PairingError, match="made for gw2, this node is gw1"):
        await buy(world.running.url, tmp_path, code)
    assert not list(tmp_path.glob("parent.token*"))
    await buy(world.running.url, tmp_path, await world.running.invite("gw1"))
    assert (tmp_path / "parent.token").exists()


async def test_a_folder_that_cannot_keep_a_token(world: World, tmp_path: Path) -> None:
    """Where the token cannot be kept, the code is not used up."""
    code = await world.running.invite("gw1")
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(PairingError, match="cannot keep key and token"):
        await buy(world.running.url, tmp_path / "data", code)
    await buy(world.running.url, tmp_path / "other", code)


@pytest.mark.parametrize("where", ["in a file", "among the machine's own"])
async def test_a_centre_of_the_own_authority(
    where: str, tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TLS centre is trusted by its authority, stated or the machine's; else for nothing."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    listen = {
        "address": "127.0.0.1:0",
        "cert": str(tmp_path / "cert.pem"),
        "key": str(tmp_path / "key.pem"),
    }
    gateway.make(1)
    async with opened(tmp_path / "tls", ManualClock(NOON_NS), listen=listen) as world:
        url = world.running.url
        code = await world.running.invite("gw1")
        unknown = trusting(ParentSettings(url=url))
        with pytest.raises(PairingError, match=r"cannot be reached.*CERTIFICATE_VERIFY_FAILED"):
            await buy(url, tmp_path, code)
        stated = {}
        if where == "in a file":
            stated["ca_file"] = str(tmp_path / "ca.pem")
        else:
            # As an administrator adds to it: OpenSSL reads the machine's list where this says.
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await buy(url, tmp_path, code, **stated)
        token = (tmp_path / "parent.token").read_text()
        async with gateway.uplink(url, token, verify=unknown) as uplink:
            await until(lambda: "CERTIFICATE_VERIFY_FAILED" in uplink._reason)
        assert gateway.waiting() == 1
        known = trusting(ParentSettings(url=url, **stated))
        async with gateway.uplink(url, token, verify=known):
            await until(lambda: gateway.waiting() == 0)


async def test_nobody_there(tmp_path: Path, unused_tcp_port: int) -> None:
    """An address where nobody answers is named, with what to check."""
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(PairingError, match=rf"{url}: cannot be reached.*check the address"):
        await buy(url, tmp_path, "CODE")


async def test_the_token_may_lie_elsewhere(world: World, tmp_path: Path) -> None:
    """A site file may name the file of the token."""
    path = tmp_path / "secrets.token"
    settings = ParentSettings(url=world.running.url, token_file=str(path))
    assert token_path(settings, tmp_path / "data") == path
    code = await world.running.invite("gw1")
    await buy(world.running.url, tmp_path / "data", code, token_file=str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list((tmp_path / "data").glob("*.token"))
    assert module.offered_token(path)[0] != path.read_text()
