"""What a centre tells its own parent: itself, and every node below it, as it knows them.

On each connection: how every node is doing, where the alarms of each stand, then inventories a few
at a time between the events, so that alarms never wait behind them. After that only what changed.
Events wait in the outbox; summaries wait in the uplink's bounded memory and pass as they came.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.db import Database
from gateway.identity import Identity
from gateway.model import NANOSECONDS, Clock
from gateway.northbound import wire
from gateway.northbound.source import Report, Source, Whole
from gateway.supervision import facts, mirror, retirement, sequence
from gateway.supervision.news import News
from gateway.supervision.readers import For
from gateway.supervision.store import Store
from gateway.supervision.writer import BusyError

#: The uplink asks each 15 s at the latest; what is told may be a minute old before it is lost.
EVERY_NS: Final = 10 * NANOSECONDS
ANCHOR_NS: Final = 60 * NANOSECONDS
#: Of inventories told between two posts of events.
SLICE_BYTES: Final = 256 * 1024


class _Speaker(msgspec.Struct):
    """As much of an event as says whose it is."""

    node: str


decode_speaker = msgspec.json.Decoder(_Speaker).decode


@dataclass(frozen=True, slots=True)
class Relayed:
    """A summary of a node below, passed on as it came."""

    node: str
    body: bytes
    number: int
    #: Of as many as are kept of a large site: a centre's come one by one.
    of: int = 4

    def item(self, epoch: str) -> wire.Item:
        """Make it an item of the wire."""
        return wire.item("summary", f"{epoch}/s{self.number}", self.body, node=self.node)


class ToParent:
    """The `Source` of a centre's uplink, and what it remembers to tell.

    Parameters
    ----------
    store
        Open, and keeping an outbox.
    name, division
        Of the centre, as its parent shows them.
    parent
        Its address, noted beside what it has anchored.
    """

    def __init__(
        self, store: Store, *, clock: Clock, name: str, division: str, parent: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._parent = parent
        self._inventory = wire.Inventory(
            node=store.node,
            name=name,
            enterprise="",
            uscc="",
            division=division,
            grid="",
            areas=[],
            points=[],
        )
        self._pending: dict[tuple[str, str], None] = {}
        self._told_ns = self._anchored_ns = 0
        self._coverage = 1.0
        self._sent_heads: dict[str, tuple[int, str]] = {}
        self._taken_head: tuple[int, str] | None = None
        self._numbers = itertools.count(1)
        self._offer: Callable[[Report], None] | None = None
        #: Told that events were set aside as dead letters.
        self.rejected: Callable[[], None] = lambda: None
        #: What hinders exports, each as a line for the heartbeat.
        self.troubles: Callable[[], list[str]] = list
        self._wake: Callable[[], None] | None = None

    @property
    def source(self) -> Source:
        """What the uplink asks."""
        return Source(
            identity=lambda: self._store.own,
            whole=self.whole,
            status=self._status,
            store=self._store.act,
            anchored=lambda _seq, _head: None,
            rejected=lambda _: self.rejected(),
            event=item_of,
            changes=self.changes,
            receipts=self._receipts,
        )

    def follow(self, *, offer: Callable[[Report], None], wake: Callable[[], None]) -> None:
        """Pass on what is committed from now on: summaries by `offer`, all else by `wake`."""
        self._offer, self._wake = offer, wake
        self._store.upward = self._heard

    def _heard(self, news: Sequence[News]) -> None:
        for each in news:
            if each.kind == "summary" and self._offer is not None:
                self._offer(Relayed(each.node, each.body, next(self._numbers)))
            elif each.kind == "nodes":
                self._told_ns = 0
            elif each.kind in {"inventory", "present"}:
                self._pending[each.kind, each.node] = None
        if self._wake is not None:
            self._wake()

    async def whole(self, connection: str) -> Whole:
        """Return what a connection begins with; inventories of nodes below follow as changes."""
        now_ns = self._clock.now_ns()
        self._pending.clear()
        self._told_ns = now_ns

        def work(database: Database) -> tuple[int, list[str], list[wire.Item]]:
            last = database.execute("SELECT COALESCE(MAX(position), 0) FROM event")[0][0]
            life = self._store.own.life
            alarms = mirror.present(database, self._store.node, life, 0)
            items = [
                wire.item("inventory", f"{connection}/i", wire.encode(self._inventory)),
                wire.item("present", f"{connection}/p", wire.encode(alarms)),
                *self._nodes(database, connection, now_ns),
            ]
            nodes = [
                str(row[0])
                for row in database.execute("SELECT node FROM node WHERE via <> node ORDER BY node")
            ]
            for node in nodes:
                items += self._told("present", node, database, connection)
            return int(last), nodes, items

        last, nodes, items = await self._store.read(work, whom=For.PARENT)
        self._pending |= dict.fromkeys((("inventory", node) for node in nodes), None)
        return Whole(last, items)

    async def changes(self, connection: str) -> list[wire.Item]:
        """Return some of what has changed since of that which is told whole."""
        await self._note_anchor()
        now_ns = self._clock.now_ns()
        due = not 0 <= now_ns - self._told_ns < EVERY_NS
        if not due and not self._pending:
            return []
        if due:
            self._told_ns = now_ns
        # Where alarms stand goes before the events that it covers: these let nothing stand then.
        waiting = sorted(self._pending, key=lambda each: each[0] != "present")

        def work(database: Database) -> tuple[int, list[wire.Item]]:
            items = list(self._nodes(database, connection, now_ns)) if due else []
            room, count = SLICE_BYTES, 0
            for kind, node in waiting:
                if room <= 0 and kind != "present":
                    break
                for item in self._told(kind, node, database, connection):
                    room -= len(bytes(item.body))
                    items.append(item)
                count += 1
            return count, items

        for each in waiting:
            del self._pending[each]
        count, items = await self._store.read(work, whom=For.PARENT)
        # What changed once more meanwhile stands there already.
        self._pending = dict.fromkeys(waiting[count:]) | self._pending
        return items

    def _nodes(self, database: Database, connection: str, now_ns: int) -> Iterable[wire.Item]:
        """Yield how the nodes below are doing; the first item names the journal's head."""
        heard = total = 0
        life, seq, head = "", 0, ""
        if not 0 <= now_ns - self._anchored_ns < ANCHOR_NS:
            life, (seq, head) = self._store.life, self._store.journal_head
        for listed in itertools.chain(facts.of(database, now_ns=now_ns), [[]] if life else []):
            total += sum(each.link != retirement.RETIRED for each in listed)
            heard += sum(each.link in facts.HEARD for each in listed)
            told = wire.Nodes(clock_ns=now_ns, nodes=listed, life=life, seq=seq, head=head)
            identity = f"{connection}/n{next(self._numbers)}"
            if life:
                self._sent_heads = {identity: (seq, head)}
            life, seq, head = "", 0, ""
            yield wire.item("nodes", identity, wire.encode(told))
        self._coverage = heard / total if total else 1.0

    def _told(
        self, kind: str, node: str, database: Database, connection: str
    ) -> Iterable[wire.Item]:
        """Yield a node's inventory or present state, where it has told one."""
        identity = f"{connection}/{kind[0]}{next(self._numbers)}"
        if kind == "inventory":
            for (body,) in database.execute("SELECT body FROM inventory WHERE node = ?", (node,)):
                yield wire.item("inventory", identity, bytes(body), node=node)
            return
        rows = database.execute(
            "SELECT present_life, present_seq FROM node WHERE node = ?", (node,)
        )
        # Before a life has told its own present state, nothing is known to have ended in it.
        if rows and rows[0][0] and rows[0][0] == sequence.current_life(database, node):
            state = mirror.present(database, node, rows[0][0], rows[0][1])
            yield wire.item("present", identity, wire.encode(state), node=node)

    def _status(self) -> tuple[int, str, float, list[str]]:
        seq, head = self._store.own_head
        return seq, head, self._coverage, self.troubles()

    def _receipts(self, receipts: Sequence[wire.Receipt]) -> None:
        for receipt in receipts:
            sent = self._sent_heads.pop(receipt.id, None)
            if sent is not None and receipt.status == "stored":
                self._taken_head = sent

    async def _note_anchor(self) -> None:
        if self._taken_head is None:
            return
        (seq, head), self._taken_head = self._taken_head, None
        self._anchored_ns = self._clock.now_ns()
        with suppress(BusyError):  # the next minute anchors more
            await self._store.anchored(seq, head, parent=self._parent)


def item_of(who: Identity, seq: int, entry: bytes) -> wire.Item:
    """Wrap an event of the outbox, naming the node below whose it is."""
    node = decode_speaker(entry).node
    named = "" if node == who.node else node
    return wire.item("event", f"{who.life}/{seq}", entry, node=named)
