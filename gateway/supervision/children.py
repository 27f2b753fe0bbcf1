"""What the watch knows of the children between two looks, and what a look finds changed.

Judged are the centre's own children, those that speak to it with a credential. What lies below them
is judged by them: of it, only what they told is shown and counted. After a start nothing is judged
until a child that lives must have been heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.db import Database, Row
from gateway.supervision import child_alarms, escalation, links, mirror
from gateway.supervision.child_alarms import Edge
from gateway.supervision.child_rules import RULES
from gateway.supervision.conditions import Delays, Facts, verdicts
from gateway.supervision.links import Pulses
from gateway.supervision.online import Change
from gateway.supervision.settings import WatchSettings

#: From best to worst.
LINKS = ("up", "late", "lost")

OVERDUE = "receipt_overdue"
#: What is said of a child for as long as it is one.
ABOUT_CHILDREN = frozenset(RULES) - {OVERDUE}

_SELECT = (
    "SELECT n.node, n.fork, n.rewritten, h.link, h.lag, h.coverage, h.clock_ns, h.received_ns "
    "FROM node n LEFT JOIN heartbeat h ON h.node = n.node "
    "WHERE EXISTS (SELECT 1 FROM credential c WHERE c.node = n.node)"
)
_RELAYED = "SELECT node, link, received_ns, told FROM heartbeat WHERE told <> ''"


@dataclass(frozen=True, slots=True)
class Judged:
    """What has changed: shown links, links in the ledger, and conditions of alarms."""

    links: tuple[tuple[str, str, str], ...] = ()
    changes: tuple[Change, ...] = ()
    edges: tuple[Edge, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything to write."""
        return bool(self.links or self.changes or self.edges)


@dataclass(slots=True)
class _Look:
    """One look under way."""

    now_ns: int
    monotonic_ns: int
    links: list[tuple[str, str, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


class Children:
    """Judges every child at each look.

    Parameters
    ----------
    centre
        Id of the centre, as its alarms begin.
    pulses
        When each child was last heard.
    """

    def __init__(self, centre: str, settings: WatchSettings, pulses: Pulses) -> None:
        self._centre = centre
        self._settings = settings
        self._pulses = pulses
        self._delays = Delays()
        self._empty_ns: dict[str, int] = {}
        self._up: dict[str, bool | None] = {}

    def await_all(self, database: Database) -> None:
        """Count the silence of those that are there at the start from the start on."""
        for row in database.execute(_SELECT):
            self._pulses.expect(row[0])

    def judge(self, database: Database, *, now_ns: int, monotonic_ns: int) -> Judged:
        """Look at every child and return what has changed since the look before."""
        look = _Look(now_ns, monotonic_ns)
        begun = monotonic_ns - self._pulses.begun_ns >= self._settings.lost_after
        active = child_alarms.active(database, self._centre) if begun else {}
        overdue = escalation.overdue(database)
        mine = set()
        for row in database.execute(_SELECT):
            node = row[0]
            mine.add(node)
            silence_ns = self._pulses.silence(node, monotonic_ns)
            self._judge_link(look, node, row[3], silence_ns=silence_ns)
            facts = self._facts(row, silence_ns, overdue.get(node, 0), look=look)
            if begun:
                self._judge_alarms(look, node, facts, active=active.get(node, frozenset()))
        for row in database.execute(_RELAYED):
            self._judge_relayed(look, row)
        for node in sorted((active.keys() | overdue.keys()) - mine):
            # Of what lies below, this centre has to say only what its own departments owe.
            stand = active.get(node, frozenset())
            edge = (overdue.get(node, 0) > 0, OVERDUE in stand)
            if begun and edge[0] != edge[1]:
                value = float(overdue.get(node, 0))
                look.edges.append(Edge(node, OVERDUE, edge[0], value))
            if node not in {self._centre, mirror.ITSELF}:
                # One that moved away or speaks no more is nobody's loss: what was said of it ends.
                ended = sorted(stand & ABOUT_CHILDREN)
                look.edges += [Edge(node, rule, active=False) for rule in ended if begun]
        return Judged(tuple(look.links), tuple(look.changes), tuple(look.edges))

    def noted(self, changes: tuple[Change, ...], *, anew: bool) -> None:
        """Remember what the ledger now says; after a new span began, of these alone."""
        if anew:
            self._up.clear()
        self._up.update({change.node: change.up for change in changes})

    def _judge_link(self, look: _Look, node: str, before: str | None, *, silence_ns: int) -> None:
        heard, lost_ns = self._pulses.heard(node), self._settings.lost_after
        state = links.state(silence_ns, lost_ns=lost_ns)
        # Silence since the start proves nothing good of who was lost before it.
        worse = before in LINKS and LINKS.index(state) > LINKS.index(before)
        if before in LINKS and state != before and (heard or worse):
            look.links.append((node, before, state))
        up = state != "lost"
        if (heard or not up) and self._up.get(node) is not up:
            look.changes.append(Change(node, look.now_ns - silence_ns, up))

    def _judge_relayed(self, look: _Look, row: Row) -> None:
        """Judge a node that speaks through a child by what that child has told last."""
        node, before, heard_ns, told = row
        state = links.shown(before, heard_ns, look.now_ns, told=told)
        if state != before:
            look.links.append((node, before, state))
        up = {"up": True, "late": True, "lost": False}.get(state)
        if self._up.get(node) is not up:
            look.changes.append(Change(node, look.now_ns, up))

    def _facts(self, row: Row, silence_ns: int, overdue: int, *, look: _Look) -> Facts:
        node, fork, rewritten, link, lag, coverage, clock_ns, received_ns = row
        heard = self._pulses.heard(node)
        if link is None:
            return Facts(
                silence_ns=silence_ns, heard=heard, fork=bool(fork), rewritten=bool(rewritten),
                overdue=overdue,
            )  # fmt: skip
        if lag == 0 or not heard or silence_ns >= links.LATE_NS:
            self._empty_ns[node] = look.monotonic_ns
        behind_ns = look.monotonic_ns - self._empty_ns.setdefault(node, look.monotonic_ns)
        return Facts(
            silence_ns=silence_ns,
            heard=heard,
            lag=lag,
            behind_ns=behind_ns,
            offset_ns=clock_ns - received_ns,
            coverage=coverage,
            fork=bool(fork),
            rewritten=bool(rewritten),
            overdue=overdue,
        )

    def _judge_alarms(
        self, look: _Look, node: str, facts: Facts, *, active: frozenset[str]
    ) -> None:
        found = verdicts(facts, self._settings)
        for rule in self._delays.ripe(node, found, active=active, now_ns=look.monotonic_ns):
            verdict = found[rule]
            look.edges.append(Edge(node, rule, verdict.active is True, verdict.value))
