"""One transaction of a centre: what it changes, its journal, and whom it concerns, or nothing.

Whoever changes something here is given a `Write`. Statements, the entries of the own journal, what
screens are shown and what goes into the outbox commit together; what a part takes back was never
said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.db import Database, Row, StoreError, Value
from gateway.identity import Identity
from gateway.journal import Chain, close_segment, write_entries
from gateway.model import AlarmEvent
from gateway.northbound import outbox
from gateway.supervision import clock_step, feed, filling, opening
from gateway.supervision.clock_step import Instant
from gateway.supervision.feed import FeedItem
from gateway.supervision.news import NOBODY, News, Receivers, Show, Shown, Told


class Write:
    """One transaction: statements, journal entries and feed items that commit together.

    Parameters
    ----------
    database
        The writer's connection, inside its transaction.
    chain
        Where the own journal stands.
    now_ns
        The one instant of the whole transaction.
    own
        Where the stream of the centre's own events stands.
    receivers
        Who wants to hear of it.
    key
        What this centre signs its orders with.
    """

    def __init__(
        self,
        database: Database,
        chain: Chain,
        now_ns: int,
        *,
        own: Chain | None = None,
        receivers: Receivers = NOBODY,
        key: Ed25519PrivateKey | None = None,
    ) -> None:
        self.database = database
        self.now_ns = now_ns
        self.items: list[FeedItem] = []
        self.news: list[News] = []
        self.scopes_changed = False
        self._shown = Shown()
        self._chain = chain
        self._own = own or Chain(chain.identity)
        self._receivers = receivers
        self.key = key
        self._entries: list[tuple[int, bytes]] = []
        self._outgoing: list[tuple[str, outbox.Row]] = []

    @property
    def node(self) -> str:
        """Id of the centre itself."""
        return self._chain.identity.node

    @property
    def life(self) -> str:
        """Life of the centre's store."""
        return self._chain.identity.life

    @property
    def own(self) -> Identity:
        """Who speaks in the stream of the centre's own events."""
        return self._own.identity

    @property
    def own_chain(self) -> Chain:
        """Where that stream stands, for a desk; what it seals is handed to `own.keep`."""
        return self._own

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        return self.database.execute(sql, parameters)

    def publish(self, kind: str, node: str, body: bytes, *, hazard: str = "") -> None:
        """Tell the screens that may see `node` once this is committed."""
        self.items.append(feed.append(self.database, kind, node, body, hazard=hazard))

    def show(self, what: str, node: str, names: Iterable[str] = ("",), *, show: Show) -> None:
        """Have rows published by `show`, each once, as they stand when all else is written."""
        self._shown.touch(what, node, names, show=show)

    def journal(
        self,
        kind: str,
        *,
        detail: dict[str, str | int | float | bool | None],
        alarm: str = "",
        operator: str = "",
        comment: str = "",
    ) -> None:
        """Add an entry to the centre's own journal."""
        event, entry = self._chain.seal(
            kind,
            source_ns=self.now_ns,
            received_ns=self.now_ns,
            clock_source="system",
            alarm=alarm,
            operator=operator,
            comment=comment,
            detail=detail,
        )
        self._entries.append((event.seq, entry))

    def follow(self, at: Instant) -> None:
        """Move along what ends by a clock that was set, before anything bears the new time."""
        if at.step_ns:
            clock_step.move(self.database, at.step_ns)
            before_ns = at.now_ns - at.step_ns
            self.journal(
                "clock",
                detail={"before_ns": before_ns, "after_ns": at.now_ns, "step_ns": at.step_ns},
            )

    def seal(self, kind: str, **fields: Any) -> tuple[AlarmEvent, bytes]:
        """Make the next of the centre's own events; `gateway.supervision.own.tell` stores it."""
        return self._own.seal(
            kind,
            source_ns=self.now_ns,
            received_ns=self.now_ns,
            clock_source="system",
            **fields,
        )

    def forward(self, position: int, event: AlarmEvent, entry: bytes) -> None:
        """Put a stored event into the outbox; it leaves on its receiver's receipt alone."""
        row = outbox.Row(position, event.alarm, entry)
        self._outgoing += [(name, row) for name in self._receivers.of(event)]
        if self._receivers.parent:
            self.news.append(News("event", ""))

    @property
    def exported(self) -> bool:
        """Whether it puts something out for an export."""
        return any(name != opening.PARENT for name, _ in self._outgoing)

    def tell_parent(self, kind: Told, node: str, body: bytes = b"") -> None:
        """Have the parent told how something of a node stands, once this is committed."""
        if self._receivers.parent:
            self.news.append(News(kind, node, body))

    @contextmanager
    def part(self) -> Iterator[None]:
        """Take back all that was written inside when anything is raised; the rest stands.

        A store in trouble is another matter: then the whole transaction ends.
        """
        chain, own, scopes_changed = self._chain, self._own, self.scopes_changed
        grown: tuple[list[Any], ...] = (self.items, self.news, self._entries, self._outgoing)
        lengths = [len(each) for each in grown]
        before = (chain.seq, chain.head, own.seq, own.head)
        self.execute("SAVEPOINT part")
        try:
            yield
        except StoreError:
            raise
        except BaseException:
            self.execute("ROLLBACK TO SAVEPOINT part")
            self.execute("RELEASE SAVEPOINT part")
            chain.seq, chain.head, own.seq, own.head = before
            for each, length in zip(grown, lengths, strict=True):
                del each[length:]
            self.scopes_changed = scopes_changed
            raise
        self.execute("RELEASE SAVEPOINT part")

    def finish(self, key: Ed25519PrivateKey) -> None:
        """Write what was left for the end, sign a segment that is full; last before the commit."""
        self._shown.show(lambda node: self.publish("reset", node, b"{}"))
        for name in dict.fromkeys(name for name, _ in self._outgoing):
            rows = [row for to, row in self._outgoing if to == name]
            if name == opening.PARENT:
                rows = filling.due(self.database, rows)
            outbox.append(self.database, rows, [name])
        if self._entries:
            write_entries(self.database, self._entries)
            close_segment(self.database, key, at_ns=self.now_ns)
