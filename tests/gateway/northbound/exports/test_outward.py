"""Posts to addresses outside, at a real server on loopback, with a resolver of one's own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.northbound.exports import outward
from gateway.northbound.exports.aside import Aside
from gateway.northbound.exports.outward import Outward
from gateway.northbound.exports.port import PostRefusedError, ReceiverAwayError
from tests.gateway.northbound.exports.receiving import Address, Said

LOOPBACK = (ip_network("127.0.0.1/32"),)


class Names:
    """A name server that may change its mind."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def opened(url: str, **means: Any) -> Outward:
    return Outward(url, aside=Aside("test"), **means)


def named(address: Address, host: str = "platform.example") -> str:
    return address.url.replace("127.0.0.1", host) + "/hook?site=1"


async def test_a_post_goes_to_the_address_that_was_judged(address: Address) -> None:
    """The name is asked once a post, and the server sees the name and not the address."""
    names = Names(["127.0.0.1"])
    out = opened(named(address), allow=LOOPBACK, resolve=names)
    answer = await out.post(b"{}", {"Content-Type": "application/json"})
    await out.close()
    port = int(address.url.rpartition(":")[2])
    assert (answer.status, names.asked) == (200, [("platform.example", port)])
    (post,) = address.posts
    assert (post.path, post.body) == ("/hook?site=1", b"{}")
    assert post.headers["host"] == f"platform.example:{port}"


async def test_a_name_that_changes_its_mind_reaches_nothing(address: Address) -> None:
    """DNS rebinding: a name that led to a good address leads inside the next time: not sent."""
    names = Names(["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["::1"])
    out = opened(named(address), allow=LOOPBACK, resolve=names)
    await out.post(b"1", {})
    for _ in range(3):
        with pytest.raises(ReceiverAwayError, match=r"never reached|private network"):
            await out.post(b"2", {})
    await out.close()
    assert [post.body for post in address.posts] == [b"1"]
    # Once a post: a second look would be another answer than the one that was judged.
    assert len(names.asked) == 4


async def test_one_address_that_may_not_be_reached_spoils_all(address: Address) -> None:
    """A name that leads to a good and a bad address is not used: which one is tried is chance."""
    names = Names(["127.0.0.1", "169.254.169.254"])
    out = opened(named(address), allow=LOOPBACK, resolve=names)
    with pytest.raises(ReceiverAwayError, match="never"):
        await out.post(b"{}", {})
    await out.close()
    assert address.posts == []


async def test_nothing_leaves_unencrypted_but_to_an_allowed_network() -> None:
    """http:// with a name that leads to a public address is refused when it is sent."""
    out = opened("http://platform.example/", allow=LOOPBACK, resolve=Names(["93.184.216.34"]))
    with pytest.raises(ReceiverAwayError, match="unencrypted"):
        await out.post(b"{}", {})
    await out.close()


async def test_a_redirect_is_never_followed(address: Address) -> None:
    """302 to anywhere is trouble, told as one, and its target sees nothing."""
    address.script.append(Said(302, headers={"Location": f"{address.url}/inside"}))
    out = opened(named(address), allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
    with pytest.raises(ReceiverAwayError, match="redirect"):
        await out.post(b"{}", {})
    await out.close()
    assert [post.path for post in address.posts] == ["/hook?site=1"]


async def test_proxies_of_the_environment_are_not_asked(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve the name anew, and see the body."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    out = opened(named(address), allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
    assert (await out.post(b"{}", {})).status == 200
    await out.close()


async def test_an_endless_answer_is_cut(address: Address) -> None:
    """Of an answer only the begin is read, and the connection is closed."""
    address.script.append(Said(200, endless=True))
    out = opened(named(address), allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
    answer = await out.post(b"{}", {})
    await out.close()
    assert len(answer.body) == outward.ANSWER_BYTES
    assert address.sent_bytes < 64 * outward.ANSWER_BYTES


async def test_an_address_that_hangs_is_away(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post has one time for all that it waits for."""
    monkeypatch.setattr(outward, "TIMEOUT_S", 0.2)
    address.script.append(Said(hangs=True))
    out = opened(named(address), allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
    with pytest.raises(ReceiverAwayError, match="no answer"):
        await out.post(b"{}", {})
    await out.close()


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
async def test_what_may_be_mended_is_sent_again(address: Address, status: int) -> None:
    """A wrong path or password makes no dead letters; a wait that is asked for is told."""
    address.script.append(Said(status, headers={"Retry-After": "7"}))
    out = opened(named(address), allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
    with pytest.raises(ReceiverAwayError, match=str(status)) as caught:
        await out.post(b"{}", {})
    await out.close()
    assert caught.value.wait_s == 7


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_is_never_taken_is_refused(address: Address, status: int) -> None:
    """A post that is wrong as it is will not be sent for ever."""
    address.script.append(Said(status, b"no such field"))
    out = opened(named(address), allow=LOOPBACK, resolve=Names(["127.0.0.1"]))
    with pytest.raises(PostRefusedError, match="no such field"):
        await out.post(b"{}", {})
    await out.close()


async def test_the_certificate_is_the_names_own(tmp_path: Path) -> None:
    """Over TLS the host's name is asked for and checked, though the address is what is dialled."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    asked: list[str | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("platform.example").configure_cert(context)
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    names = Names(["127.0.0.1"])
    for host, good in (("platform.example", True), ("other.example", False)):
        url, ca_file = f"https://{host}:{port}/", str(tmp_path / "ca.pem")
        out = opened(url, allow=LOOPBACK, ca_file=ca_file, resolve=names)
        if good:
            assert (await out.post(b"", {})).body == b"ok"
        else:
            with pytest.raises(ReceiverAwayError, match=r"certificate|Hostname|hostname"):
                await out.post(b"", {})
        await out.close()
    server.close()
    await server.wait_closed()
    assert asked == ["platform.example", "other.example"]
