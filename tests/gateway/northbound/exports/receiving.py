"""A node's outbox with alarms for one export, and an address that takes, refuses or hangs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.journal import write_entries
from gateway.model import AlarmEvent, decode_event
from gateway.northbound import outbox
from gateway.northbound.exports.courier import Courier
from gateway.northbound.exports.port import Parcel, Receiver
from gateway.northbound.exports.rows import destination
from gateway.northbound.exports.selection import selects
from gateway.northbound.exports.settings import SelectSettings
from tests.gateway.northbound.site import Gateway
from tests.gateway.supervision.world import NOON_NS

NAME = "city"
DESTINATION = destination(NAME)
ALARM: dict[str, Any] = {
    "cause": "raise", "revision": 1, "occurrence": 1, "tag": "AR1-AT-101", "area": "AR1",
    "division": "330106003000", "hazard": "ammonia_refrigeration", "rule": "h", "before": "NORM",
    "after": "UNACK", "priority": "high", "quality": "GOOD", "source_ns": NOON_NS,
    "received_ns": NOON_NS, "value": 120.5, "unit": "ppm", "limit": 100.0,
}  # fmt: skip


class Node(Gateway):
    """A gateway whose outbox has one export, and its courier."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, destinations=(DESTINATION,))
        self.lost: list[tuple[int, str]] = []

    def tell(self, alarm: str = "gw1/AR1-AT-101/h", **fields: Any) -> AlarmEvent:
        """Make one event of an alarm, journalled and in the outbox."""
        event, entry = self.chain.seal("alarm", alarm=alarm, **{**ALARM, **fields})
        self._put([outbox.Row(event.seq, alarm, entry)])
        return decode_event(entry)

    def tell_many(self, count: int, **fields: Any) -> list[AlarmEvent]:
        """Make events of as many alarms in one transaction."""
        made = [
            self.chain.seal("alarm", alarm=f"gw1/T{number}/h", **{**ALARM, **fields})
            for number in range(count)
        ]
        self._put([outbox.Row(event.seq, event.alarm, entry) for event, entry in made])
        return [event for event, _ in made]

    def _put(self, rows: Sequence[outbox.Row]) -> None:
        with self.database.transaction():
            write_entries(self.database, [(row.seq, row.entry) for row in rows])
            outbox.append(self.database, rows, self.destinations)

    @property
    def left(self) -> int:
        """Rows that wait."""
        return outbox.waiting(self.database, DESTINATION)

    def parcels(self, count: int = 500) -> list[Parcel]:
        """Return what waits, as a receiver gets it."""
        return [
            Parcel(row.seq, decode_event(row.entry), row.entry)
            for row in outbox.oldest(self.database, DESTINATION, count)
        ]

    def courier(
        self, receiver: Receiver, *, select: SelectSettings | None = None, keep: int = 200_000
    ) -> Courier:
        """Return a courier of this outbox."""
        chosen = select or SelectSettings()
        return Courier(
            NAME,
            receiver,
            destination=DESTINATION,
            wanted=lambda event: selects(chosen, event),
            store=self.store,
            keep=keep,
            lost=lambda count, why: self.lost.append((count, why)),
            clock=self.clock,
            metrics=self.metrics.exports,
        )


@dataclass
class Said:
    """One scripted answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    endless: bool = False


@dataclass
class Posted:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Address:
    """An HTTP server; without a script it takes everything."""

    def __init__(self, answer: Callable[[Posted], Awaitable[Said] | Said] | None = None) -> None:
        self.script: deque[Said] = deque()
        self.posts: list[Posted] = []
        self.url = ""
        self.closing = asyncio.Event()
        self.sent_bytes = 0
        self._answer = answer

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {key.decode(): value.decode("latin-1") for key, value in scope["headers"]}
        query = scope["query_string"].decode()
        posted = Posted(scope["path"] + (f"?{query}" if query else ""), headers, body)
        self.posts.append(posted)
        said = self.script.popleft() if self.script else Said()
        if said.status == 200 and not said.body and self._answer is not None:
            found = self._answer(posted)
            said = found if isinstance(found, Said) else await found
        if said.hangs:
            await self.closing.wait()
        pairs = [(key.encode(), value.encode()) for key, value in said.headers.items()]
        await send({"type": "http.response.start", "status": said.status, "headers": pairs})
        while said.endless and not self.closing.is_set():
            try:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            except OSError:
                return
            self.sent_bytes += 65536
            await asyncio.sleep(0)
            message = asyncio.ensure_future(receive())
            done, _ = await asyncio.wait({message}, timeout=0)
            message.cancel()
            if done:
                return
        await send({"type": "http.response.body", "body": said.body})
