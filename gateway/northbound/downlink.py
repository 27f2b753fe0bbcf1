"""Orders from the parent: a stream the child opens. An order always ends in an event.

What has come once on this stream is not handed over again; whether an order has ended before, also
before a restart, is for the one to know who carries it out. A centre passes on the very bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from types import TracebackType
from typing import Final, Self

import httpx
import msgspec

from gateway.backoff import Backoff
from gateway.northbound import wire
from gateway.observe import log
from gateway.tasks import Tasks

RETRY_FIRST_S: Final = 0.25
RETRY_LAST_S: Final = 30.0
#: The parent sends a sign of life at least each 15 s; a stream without one is dead.
SILENT_S: Final = 45.0
#: Orders of which is remembered that they came, so that one sent twice is handed over once.
REMEMBERED: Final = 1000
#: What is answered to whom the parent does not know: asking again soon is of no use.
UNKNOWN: Final = (401, 403)
RANDOM: Final = secrets.SystemRandom()
LOG = log("northbound.downlink")


class Downlink:
    """Follows the parent's order stream.

    Parameters
    ----------
    url, token, verify
        As for the uplink.
    carry_out
        Takes each order once with its bytes, on the event loop.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        carry_out: Callable[[wire.Order, bytes], None],
        verify: ssl.SSLContext,
    ) -> None:
        self._carry_out = carry_out
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Accept": "text/event-stream"},
            timeout=httpx.Timeout(10.0, read=SILENT_S),
            verify=verify,
            trust_env=False,
        )
        self._last = ""
        self._done: dict[bytes, None] = {}
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.keep("downlink", self._follow)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._tasks.end()
        await self._client.aclose()

    async def _follow(self) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_LAST_S, random=RANDOM)
        reason = ""
        while True:
            refused = False
            try:
                headers = {"Last-Event-ID": self._last} if self._last else {}
                async with self._client.stream("GET", wire.ORDERS, headers=headers) as stream:
                    refused = stream.status_code in UNKNOWN
                    stream.raise_for_status()
                    backoff.reset()
                    reason = ""
                    async for identity, data in server_sent(stream.aiter_lines()):
                        self._last = identity or self._last
                        self._take(data)
            except httpx.HTTPError as error:
                if str(error) != reason:
                    LOG.warning("no orders from the parent", reason=repr(error))
                reason = str(error)
            await asyncio.sleep(backoff.longest() if refused else backoff.next())

    def _take(self, data: str) -> None:
        try:
            order = msgspec.json.decode(data, type=wire.Order)
        except wire.UNREADABLE as error:
            LOG.warning("an order cannot be read", reason=str(error))
            return
        # By all of it: another that bears the same id does not keep the true one from coming.
        body = data.encode()
        came = hashlib.sha256(body).digest()
        if came in self._done:
            return
        self._done[came] = None
        while len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]
        self._carry_out(order, body)


async def server_sent(
    lines: AsyncIterator[str], *, names: Collection[str] = ("", "message", "order")
) -> AsyncIterator[tuple[str, str]]:
    """Yield (id, data) of each event of a server-sent stream that has one of these names."""
    identity, name = "", ""
    data: list[str] = []
    async for line in lines:
        if not line:
            if data and name in names:
                yield identity, "\n".join(data)
            identity, name, data = "", "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "id":
            identity = value
        elif field == "event":
            name = value
