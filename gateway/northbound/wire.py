"""Wire v1: what a child node and its parent say to each other. The child opens every connection.

Intake carries up to 500 items, each with an id of its own, and is answered per id after the
parent's commit. An event's body is embedded as the very bytes the child journalled (`msgspec.Raw`),
so every tier keeps and hashes the same bytes. Unknown fields are tolerated by both sides and
unknown item kinds are rejected by name, not by failure, since a fleet is never updated at once.
A value outside its bounds makes a body not readable, before anything of it reaches a store.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model import Int64, Ordinal

VERSION = 1
MAX_ITEMS = 500
#: An event is flat and its longest part is what a person typed.
MAX_EVENT_BYTES = 64 * 1024

INTAKE = "/api/v1/intake"
HEARTBEAT = "/api/v1/heartbeat"
ORDERS = "/api/v1/orders/stream"
PAIR = "/api/v1/pair"

#: How urgent an intake is, as RFC 9218 writes it; who says nothing means the state.
PRIORITY = "Priority"
Urgency = Literal["live", "state", "backlog"]
URGENCIES: dict[Urgency, str] = {"live": "u=1", "state": "u=3", "backlog": "u=6"}

#: What decoding may raise; text that is no UTF-8 and depth without end come from no node of ours.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

#: The sum or the difference of two of these is still an `Int64`.
Nanoseconds = Annotated[int, Meta(ge=-(2**62), le=2**62 - 1)]
#: A SHA-256; empty before the first entry.
Head = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]
QualityByte = Annotated[int, Meta(ge=0, le=255)]
#: 31 years: what no device waits between two readings.
IntervalSeconds = Annotated[float, Meta(ge=0, le=1e9)]

Kind = Literal["event", "present", "inventory", "summary", "readings", "nodes"]


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing the child wants stored; a receipt answers its `id`, unique within the node.

    `node` is whom a centre relays this for; empty, and left out, for what the sender says of
    itself. An item that gets no receipt waits at the sender: the parent has first to be told of
    that node.
    """

    kind: str
    id: str
    body: msgspec.Raw
    node: str = ""


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /api/v1/intake``. `node` is compared with the credential, not believed."""

    v: Int64 = VERSION
    node: str
    life: str
    epoch: str
    items: list[Item]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The parent's answer for one item, given after its commit."""

    id: str
    status: Literal["stored", "duplicate", "rejected"]
    reason: str = ""


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """Body of the answer to an intake."""

    v: Int64 = VERSION
    receipts: list[Receipt]


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms that stand now (not normal, or suppressed): the last event of each."""

    life: str
    seq: Ordinal
    alarms: list[msgspec.Raw]


class InventoryArea(msgspec.Struct, frozen=True, kw_only=True):
    """A place with one hazard class."""

    id: str
    name: str
    hazard: str


class InventoryRule(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm definition of a point, as far as a screen needs it."""

    rule: str
    alarm: str
    level: str
    limit: float | None
    priority: str
    standard: str = ""
    clause: str = ""
    title_zh: str = ""
    title_en: str = ""


class InventoryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point with what is needed to draw and to judge it."""

    tag: str
    area: str
    device: str
    channel: str
    unit: str
    low: float | None
    high: float | None
    interval_s: IntervalSeconds
    name: str = ""
    rules: list[InventoryRule] = []


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What the node watches; sent on every connection and taken whole.

    `delegates` names the centres that may act for the enterprise, and what each may do; a node that
    leaves it out does whatever its parent orders.
    """

    node: str
    name: str
    enterprise: str
    uscc: str
    division: str
    grid: str
    areas: list[InventoryArea]
    points: list[InventoryPoint]
    delegates: dict[str, list[str]] | msgspec.UnsetType = msgspec.UNSET


class SummaryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Ten seconds of one point; values in the point's unit, null where no usable reading came."""

    tag: str
    last: float | None
    min: float | None
    max: float | None
    mean: float | None
    count: Ordinal
    quality: QualityByte
    source_ns: Nanoseconds


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The points that had readings between two instants (clock of the child, ns)."""

    from_ns: Nanoseconds
    to_ns: Nanoseconds
    points: list[SummaryPoint]


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """Raw readings an order asked for, oldest first; `thinned`: some were left out evenly."""

    order: str
    tag: str
    time_ns: list[Nanoseconds]
    value: list[float | None]
    quality: list[QualityByte]
    thinned: bool = False


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a node below a centre is doing, as that centre knows it.

    `link` is its link as seen there (up, late, lost, never, unknown; retired for one that
    was scrapped), `behind` the centre behind
    which it is unknown. `life` and `epoch` are those that spoke last. What follows them is of its
    last heartbeat; `offset_ns` is by how much its clock was ahead of the relaying centre's.
    """

    node: str
    name: str
    division: str
    link: str
    behind: str = ""
    life: str = ""
    epoch: str = ""
    last_seq: Ordinal = 0
    head: Head = ""
    lag: Ordinal = 0
    coverage: float = 0.0
    clock_ns: Nanoseconds = 0
    offset_ns: Nanoseconds = 0
    version: str = ""
    fork: str = ""
    trouble: list[str] = []


class Nodes(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes below a centre, some at a time: at each connection, each 15 s, at each change.

    `clock_ns` is the centre's time. `life`, `seq` and `head` are those of its own journal, to be
    anchored; the events it sends have a life of their own.
    """

    clock_ns: Nanoseconds
    nodes: list[NodeFacts]
    life: str = ""
    seq: Ordinal = 0
    head: Head = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a centre above asks of a node; it always ends in an event, applied or refused.

    Parameters
    ----------
    revision, life
        Where the alarm stood, and in which life of the node, as its giver saw it.
    occurrence
        What an act of an upper tier is about.
    node
        Whom it is for: a centre between passes it down unchanged.
    origin, key, signature
        The centre that made it, its public key, and what it signed (`gateway.northbound.signing`).
    """

    id: str
    action: str
    alarm: str = ""
    revision: Int64 = 0
    operator: str = ""
    comment: str = ""
    expires_ns: Int64 = 0
    tag: str = ""
    from_ns: Int64 = 0
    to_ns: Int64 = 0
    occurrence: Int64 = 0
    life: str = ""
    node: str = ""
    origin: str = ""
    key: str = ""
    signature: str = ""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /api/v1/heartbeat``, each 15 s.

    `lag` counts events not yet received above, those among them that the node's disk has not taken
    yet; `coverage` is the share of points with a usable
    reading in the last minute, `head` the hash of the last journal entry `last_seq` (to be anchored
    above).
    """

    v: Int64 = VERSION
    node: str
    life: str
    epoch: str
    last_seq: Ordinal
    head: Head
    lag: Ordinal
    coverage: float
    clock_ns: Nanoseconds
    version: str
    trouble: list[str] = []


class HeartbeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The parent's clock, the journal entry it has anchored, and who it is.

    `public_key` is what it signs its orders with; a parent before signatures leaves both out.
    """

    v: Int64 = VERSION
    clock_ns: Nanoseconds
    anchored_seq: Ordinal
    anchored_head: str
    centre: str | msgspec.UnsetType = msgspec.UNSET
    public_key: str | msgspec.UnsetType = msgspec.UNSET


class PairRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /api/v1/pair``: a one-time code makes a token of the child its credential.

    The child makes the token and sends only its SHA-256 (hexadecimal), so that it may ask again
    with the same code and token when the answer was lost.
    """

    v: Int64 = VERSION
    code: str
    public_key: str
    token_hash: str


class PairAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The node id the code was issued for, and who the parent is, as in `HeartbeatAnswer`."""

    v: Int64 = VERSION
    node: str
    centre: str | msgspec.UnsetType = msgspec.UNSET
    public_key: str | msgspec.UnsetType = msgspec.UNSET


def urgency(priority: str) -> Urgency:
    """Return what a `Priority` header means; one that cannot be read means the state."""
    stated = [part.strip() for part in priority.split(",")]
    return next((name for name, written in URGENCIES.items() if written in stated), "state")


encode = msgspec.json.Encoder().encode


def item(kind: Kind, identity: str, body: bytes, *, node: str = "") -> Item:
    """Wrap already encoded JSON as an item, its bytes untouched."""
    return Item(kind=kind, id=identity, body=msgspec.Raw(body), node=node)
