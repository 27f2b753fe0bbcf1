"""The centre's own alarms about its children: the same life cycle and desk as a gateway's.

An alarm ``CENTRE/@CHILD/RULE`` is the centre's: it stands in the stream of the centre's own events
and in its store, and people at the centre acknowledge it themselves. In the lists it stands under
the child, so that exactly those see it who see the child. Where it stands is read from the store
for each move: what a transaction takes back has never happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.alarms import store as alarm_store
from gateway.alarms.desk import Desk, Transition
from gateway.alarms.requests import Request
from gateway.db import Database
from gateway.model import Detection, State
from gateway.supervision import own
from gateway.supervision.child_rules import ChildAlarms
from gateway.supervision.views import nodes as node_view
from gateway.supervision.write import Write


@dataclass(frozen=True, slots=True)
class Edge:
    """A condition of a child that began or ended, and the figure and limit that decided."""

    child: str
    rule: str
    active: bool
    value: float | None = None


def active(database: Database, centre: str) -> dict[str, frozenset[str]]:
    """Return, by child, the rules whose condition is true as the store has it."""
    found: dict[str, set[str]] = {}
    for (alarm,) in database.execute(
        "SELECT alarm FROM alarm WHERE state IN (?, ?)",
        (State.UNACKNOWLEDGED.value, State.ACKNOWLEDGED.value),
    ):
        node, tag, rule = alarm.split("/")
        if node == centre:
            found.setdefault(tag.removeprefix("@"), set()).add(rule)
    return {child: frozenset(rules) for child, rules in found.items()}


def expired(database: Database, *, now_ns: int) -> tuple[str, ...]:
    """Return the children with an alarm whose suppression has ended."""
    rows = database.execute(
        "SELECT alarm FROM alarm WHERE suppressed_until_ns > 0 AND suppressed_until_ns <= ?",
        (now_ns,),
    )
    return tuple(sorted({row[0].split("/")[1].removeprefix("@") for row in rows}))


def move(write: Write, edges: Iterable[Edge], *, limits: Mapping[str, float]) -> None:
    """Carry conditions that began or ended into alarms; what stands so already stays."""
    for edge in edges:
        definitions, desk = _desk(write, edge.child, limits)
        detection = Detection(
            row=definitions.row(edge.rule),
            active=edge.active,
            time_ns=write.now_ns,
            received_ns=write.now_ns,
            value=float("nan") if edge.value is None else edge.value,
        )
        _keep(write, edge.child, desk.detect(detection))


def expire(write: Write, children: Iterable[str], *, limits: Mapping[str, float]) -> None:
    """End the suppressions of these children's alarms whose time has run out."""
    for child in children:
        _keep(write, child, _desk(write, child, limits)[1].expire(write.now_ns))


def order(write: Write, child: str, request: Request, *, limits: Mapping[str, float]) -> Transition:
    """Carry out at once what an operator of the centre asks of one of its own alarms.

    Raises
    ------
    RefusedError
        As the desk of a gateway refuses.
    """
    transitions = _desk(write, child, limits)[1].order(request, now_ns=write.now_ns)
    _keep(write, child, transitions)
    return transitions[-1]


def _desk(write: Write, child: str, limits: Mapping[str, float]) -> tuple[ChildAlarms, Desk]:
    rows = write.execute("SELECT division FROM node WHERE node = ?", (child,))
    definitions = ChildAlarms(write.node, child, division=rows[0][0] if rows else "", limits=limits)
    alarms = [definitions[number].alarm for number in range(len(definitions))]
    statuses, entries = alarm_store.load(write.database, alarms)
    own.begin(write)
    desk = Desk(definitions, write.own_chain, statuses=statuses, entries=entries)
    return definitions, desk


def _keep(write: Write, child: str, transitions: list[Transition]) -> None:
    alarm_store.save(write.database, transitions)
    for transition in transitions:
        own.keep(write, transition.event, transition.entry)
    if transitions:
        node_view.publish(write, child)
