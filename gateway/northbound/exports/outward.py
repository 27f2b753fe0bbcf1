"""Posts to an address outside: resolved once, judged, and sent to the very address judged.

A name is resolved before each post and everything it leads to must be allowed; the connection then
goes to one of those addresses, so that a name which changes its mind a moment later (DNS rebinding)
changes nothing. For TLS the name stays the host's own. Redirects are never followed, proxies of the
environment are not asked, and of an answer only its begin is read, within the time of the post.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx

from gateway import __version__
from gateway.northbound.exports.addresses import (
    Address,
    AddressError,
    Network,
    is_allowed,
    judge,
    judge_url,
)
from gateway.northbound.exports.aside import Aside
from gateway.northbound.exports.port import PostRefusedError, ReceiverAwayError
from gateway.northbound.posting import asked_to_wait

#: A post with everything it waits for: name, connection, answer.
TIMEOUT_S: Final = 20.0
#: A receiver may ask for this long a wait at most.
ANSWER_BYTES: Final = 64 * 1024
#: What will never be taken, however often it is sent. Everything else may be mended over there: a
#: wrong path or password must not make dead letters of a night's alarms.
NEVER_TAKEN: Final = frozenset({400, 413, 422})
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its status and the begin of its body."""

    status: int
    body: bytes


class Outward:
    """Posts to one address.

    Parameters
    ----------
    url
        Judged at each post.
    allow
        Private networks that it may lie in.
    aside
        Where files are read and names are asked for.
    ca_file
        Whose certificates to trust; None for the system's.
    resolve
        Leads a name to addresses, in writing; the system's unless given.
    """

    def __init__(
        self,
        url: str,
        *,
        allow: Sequence[Network],
        aside: Aside,
        ca_file: str | None = None,
        resolve: Resolver | None = None,
    ) -> None:
        self._url = url
        self._allow = tuple(allow)
        self._ca_file = ca_file
        self._aside = aside
        self._resolve = resolve or self._ask
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body and return the answer, which is a good one.

        Raises
        ------
        ReceiverAwayError
            It cannot be reached, may not be reached, or does not take anything now.
        PostRefusedError
            It will never take this.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._post(body, headers)
        except TimeoutError:
            raise ReceiverAwayError(f"no answer within {TIMEOUT_S:g} s") from None
        except AddressError as error:
            raise ReceiverAwayError(str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ReceiverAwayError(f"{type(error).__name__}: {error}") from error

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        parts = judge_url(self._url, self._allow)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await self._judged(host, port, encrypted=parts.scheme == "https")
        if self._client is None:
            self._client = await self._connectable()
        shown = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004
        path = parts.path or "/"
        target = f"{parts.scheme}://{shown}:{port}{path}{'?' + parts.query if parts.query else ''}"
        sent = {"User-Agent": f"hazgate/{__version__}", **headers, "Host": parts.netloc}
        async with self._client.stream(
            "POST", target, content=body, headers=sent, extensions={"sni_hostname": host}
        ) as answer:
            begin = await _begin(answer)
        return _judged_answer(answer, begin)

    async def _ask(self, host: str, port: int) -> Sequence[str]:
        """Ask the system, which may not answer for long."""
        return list(dict.fromkeys(await self._aside.run(_asked, host, port)))

    async def _judged(self, host: str, port: int, *, encrypted: bool) -> Address:
        """Return an address that may be reached; one that may not spoils all of them."""
        found = [ip_address(each) for each in await self._resolve(host, port)]
        if not found:
            raise ReceiverAwayError(f"{host} leads to no address")
        for address in found:
            judge(address, self._allow)
            if not encrypted and not is_allowed(address, self._allow):
                raise AddressError(
                    f"{host} leads to {address}, which is not under allow: nothing goes there "
                    "unencrypted"
                )
        return found[0]

    async def _connectable(self) -> httpx.AsyncClient:
        verify = await self._aside.run(_context, self._ca_file)
        limits = httpx.Limits(max_connections=2, max_keepalive_connections=1)
        return httpx.AsyncClient(
            verify=verify,
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
            limits=limits,
        )


def _asked(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # An interface written behind an address (fe80::1%eth0) is not part of it.
    return [str(each[4][0]).partition("%")[0] for each in found]


def _context(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


async def _begin(answer: httpx.Response) -> bytes:
    """Return the begin of a body; what a receiver sends beyond it is not read."""
    found = bytearray()
    # Raw: a few compressed bytes could be made into any number of them.
    async for part in answer.aiter_raw():
        found += part[: ANSWER_BYTES - len(found)]
        if len(found) >= ANSWER_BYTES:
            break
    return bytes(found)


def _judged_answer(answer: httpx.Response, begin: bytes) -> Answer:
    """Return a good answer, or raise what a bad one means."""
    if answer.is_success:
        return Answer(answer.status_code, begin)
    said = begin[:200].decode(errors="replace")
    text = f"it answers {answer.status_code}: {said!r}"
    if answer.status_code in NEVER_TAKEN:
        raise PostRefusedError(text)
    if answer.is_redirect:
        text = f"it answers {answer.status_code}: a redirect is never followed; write where it is"
    raise ReceiverAwayError(text, wait_s=asked_to_wait(answer.headers))
