"""What an uplink asks of its node, whichever tier it stands on.

An edge tells of itself; a centre tells of itself and of every node below it. Both are the same to
the uplink: things that are sent whole on every connection, events that wait in the outbox, and
reports that wait in memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import Counter, Gauge, Histogram

from gateway.db import Database
from gateway.identity import Identity
from gateway.northbound import wire


class Report(Protocol):
    """One message of a period's `of`; it is made when there is somebody to send it to."""

    @property
    def of(self) -> int:
        """How many messages the period has."""
        ...

    def item(self, epoch: str) -> wire.Item:
        """Make the item; its id begins with the epoch and a slash, and is no other report's."""
        ...


class Gauges(Protocol):
    """The metrics that an uplink moves; each role has them among its own."""

    outbox: Gauge
    parent_connected: Gauge
    summaries_shed: Counter
    stage_seconds: Histogram


@dataclass(frozen=True, slots=True)
class Whole:
    """What is told whole at the beginning of a connection.

    Parameters
    ----------
    seq
        Number of the last row of the outbox that it includes; what comes after it is live.
    items
        In the order in which they are sent; they are posted a few at a time.
    """

    seq: int
    items: Iterable[wire.Item]


def event_item(who: Identity, seq: int, entry: bytes) -> wire.Item:
    """Wrap an event of the node's own."""
    return wire.item("event", f"{who.life}/{seq}", entry)


def own_whole(connection: str, inventory: wire.Inventory, present: wire.Present) -> Whole:
    """Return the inventory and the present state of one node; it may take a while to encode."""
    return Whole(
        present.seq,
        [
            wire.item("inventory", f"{connection}/inventory", wire.encode(inventory)),
            wire.item("present", f"{connection}/present", wire.encode(present)),
        ],
    )


async def nothing(_: str) -> Sequence[wire.Item]:
    """Return what a node has to tell that tells everything whole when it connects: nothing."""
    return ()


def unread(_: Sequence[wire.Receipt]) -> None:
    """Leave receipts of what was told whole; a rejection is logged in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the uplink asks of the node, each call made on the event loop.

    Parameters
    ----------
    identity
        Node, life and epoch now (a lost store begins a new life).
    whole
        What is told whole, given a prefix for the ids of its items that no other connection has.
    status
        Number of the journal's last entry, its head, coverage and standing troubles for the
        heartbeat.
    store
        Runs a function on the store, in its thread.
    anchored
        Told what the parent has anchored.
    rejected
        Told how many events were set aside as dead letters just now.
    event
        Makes the item of a row of the outbox: who is speaking, the row's number, its entry.
    changes
        What has changed since of that which is told whole, a few items at a time, given a prefix
        as above; asked before each post of events, and each 15 s.
    receipts
        Given what the parent answers to that, and to `whole`.
    unwritten
        How many events the node has made that no outbox holds yet: its disk has not answered.
    """

    identity: Callable[[], Identity]
    whole: Callable[[str], Awaitable[Whole]]
    status: Callable[[], tuple[int, str, float, list[str]]]
    store: Callable[[Callable[[Database], Any]], Awaitable[Any]]
    anchored: Callable[[int, str], None]
    rejected: Callable[[int], None]
    event: Callable[[Identity, int, bytes], wire.Item] = event_item
    changes: Callable[[str], Awaitable[Sequence[wire.Item]]] = nothing
    receipts: Callable[[Sequence[wire.Receipt]], None] = unread
    unwritten: Callable[[], int] = int
