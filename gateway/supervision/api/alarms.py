"""The alarm list, what people do about an alarm, and the journal of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.db import Database
from gateway.model import NANOSECONDS, Act, decode_event
from gateway.supervision import feed, orders
from gateway.supervision.api.deps import (
    MILLISECOND,
    Asking,
    CentreDep,
    OperatorDep,
    ViewerDep,
    answer,
    problem,
)
from gateway.supervision.orders import TooManyError
from gateway.supervision.store import Write
from gateway.supervision.tiers import UNKNOWN_HAZARD, scope_of
from gateway.supervision.views import alarms as view
from gateway.supervision.views import nodes as node_view
from gateway.supervision.views.alarms import AlarmRow

STANDING_SHOWN = 5_000
MINUTE_NS = 60 * NANOSECONDS

_JOURNAL = (
    "SELECT e.hash, e.entry, e.received_ns FROM event e "
    "LEFT JOIN mirror m ON m.node = e.node AND m.alarm = e.alarm "
    "WHERE e.node IN ({nodes}) AND {hazards} "
)
#: An alarm states its class. Another event has that of the alarm it names, and the end of an order
#: about no alarm is about some point: only who is in charge of everything is shown that.
_HAZARD = (
    "CASE WHEN e.kind = 'alarm' OR e.hazard <> '' THEN e.hazard "
    "WHEN m.alarm IS NOT NULL THEN m.hazard "
    f"WHEN e.alarm = '' AND e.kind <> 'order' THEN '' ELSE '{UNKNOWN_HAZARD}' END"
)

router = APIRouter(prefix="/api/v1", tags=["alarms"])


class Action(BaseModel):
    """What an operator asks of an alarm; `revision` is the one the screen showed.

    `minutes` says how long to shelve; shelving needs a reason in `comment`.
    """

    model_config = ConfigDict(extra="forbid")
    alarm: Annotated[str, Field(max_length=256)]
    revision: Annotated[int, Field(ge=0)]
    action: Literal["acknowledge", "reset", "shelve", "unshelve"]
    comment: Annotated[str, Field(max_length=1000)] = ""
    minutes: Annotated[int, Field(ge=1, le=480)] = 60


@dataclass(frozen=True, slots=True)
class AlarmList:
    """Alarms, and the feed position they were read at."""

    position: int
    now_ms: int
    alarms: list[AlarmRow]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order was made; what becomes of it comes by the stream."""

    order: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One event of a node as evidence, with the hash of its bytes."""

    node: str
    life: str
    epoch: str
    seq: int
    kind: str
    alarm: str
    cause: str
    occurrence: int
    revision: int
    tag: str
    area: str
    hazard: str
    rule: str
    before: str
    after: str
    suppression: str
    priority: str
    value: float | None
    unit: str
    limit: float | None
    quality: str
    historical: bool
    test: bool
    standard: str
    clause: str
    operator: str
    comment: str
    source_ms: int
    received_ms: int
    stored_ms: int
    clock_source: str
    detail: dict[str, str | int | float | bool | None]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class JournalList:
    """Events, the last stored first."""

    now_ms: int
    events: list[JournalRow]


@router.get("/alarms", summary="Standing alarms", responses={200: {"model": AlarmList}})
async def list_alarms(
    asking: ViewerDep,
    centre: CentreDep,
    *,
    history: bool = False,
    limit: Annotated[int, Query(ge=1, le=STANDING_SHOWN)] = STANDING_SHOWN,
) -> Response:
    """Answer with the alarms not normal or suppressed; with history, those that ended too."""
    now_ns = centre.clock.now_ns()

    def work(database: Database) -> AlarmList:
        read = view.history if history else view.standing
        rows = read(database, asking.scope, now_ns=now_ns, limit=limit)
        return AlarmList(feed.newest(database), now_ns // MILLISECOND, rows)

    return answer(await centre.store.read(work))


@router.post(
    "/alarms/{node}/actions",
    status_code=202,
    summary="Order something of an alarm",
    responses={202: {"model": Ordered}},
)
async def act(node: str, action: Action, asking: OperatorDep, centre: CentreDep) -> Response:
    """Make an order for the node that owns the alarm; the node decides."""
    if action.action == "shelve" and not action.comment.strip():
        raise problem(422, "reason", "shelving needs a reason in comment")
    try:
        order = await centre.store.write(lambda write: _order(write, asking, node, action=action))
    except TooManyError as error:
        raise problem(429, "orders", str(error), **{"Retry-After": "10"}) from error
    return answer(Ordered(order, "pending"), status=202)


def seen(write: Write, asking: Asking, node: str, alarm: str) -> AlarmRow:
    """Return an alarm that the asking person may see; refuse any other as one that is not there."""
    # The scope is read anew: what counts is what may be done when it is done.
    scope = scope_of(write.database, asking.subject, at_ns=write.now_ns)
    row = view.one(write.database, node, alarm, now_ns=write.now_ns) if scope.sees(node) else None
    if row is None or not scope.sees(node, row.hazard):
        raise problem(404, "alarm", f"alarm {alarm}: there is none of this name")
    return row


def _order(write: Write, asking: Asking, node: str, *, action: Action) -> str:
    row = seen(write, asking, node, action.alarm)
    if row.revision != action.revision:
        raise problem(
            409,
            "stale_revision",
            f"alarm {action.alarm}: it has moved (revision {row.revision}, you saw "
            f"{action.revision}); look again and repeat",
        )
    may = node_view.may_order(write.database, node)
    if may is not None and action.action not in may:
        raise problem(
            403,
            "not_delegated",
            f"{action.action}: the enterprise decides that; {row.node_name} has not delegated it "
            f"to {write.node}; record an act instead: {', '.join(Act)}",
        )
    life = write.execute(
        "SELECT life FROM mirror WHERE node = ? AND alarm = ?", (node, action.alarm)
    )[0][0]
    fields: dict[str, str | int] = {
        "alarm": action.alarm,
        "revision": action.revision,
        "life": life,
        "comment": action.comment,
    }
    if action.action == "shelve":
        fields["to_ns"] = write.now_ns + action.minutes * MINUTE_NS
    return orders.create(write, node, action.action, operator=asking.subject.name, fields=fields)


@router.get("/journal", summary="Events of a node", responses={200: {"model": JournalList}})
async def list_journal(
    asking: ViewerDep,
    centre: CentreDep,
    *,
    node: str,
    alarm: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Answer with the last events that a node sent, of one alarm where one is named."""
    if not asking.scope.sees(node):
        raise problem(404, "node", f"node {node}: there is none of this name")

    def work(database: Database) -> list[JournalRow]:
        sql, named = _JOURNAL, (alarm,) if alarm else ()
        if alarm:
            sql += "AND e.alarm = ? "
        found = asking.scope.select(
            database,
            sql + "ORDER BY e.position DESC LIMIT ?",
            node=node,
            hazard=_HAZARD,
            extra=(*named, limit),
        )
        return [_journal_row(*row) for row in found]

    rows = await centre.store.read(work)
    return answer(JournalList(centre.clock.now_ns() // MILLISECOND, rows))


def _journal_row(digest: str, entry: bytes, stored_ns: int) -> JournalRow:
    event = decode_event(entry)
    return JournalRow(
        node=event.node,
        life=event.life,
        epoch=event.epoch,
        seq=event.seq,
        kind=event.kind,
        alarm=event.alarm,
        cause=event.cause,
        occurrence=event.occurrence,
        revision=event.revision,
        tag=event.tag,
        area=event.area,
        hazard=event.hazard,
        rule=event.rule,
        before=event.before,
        after=event.after,
        suppression=event.suppression,
        priority=event.priority,
        value=event.value,
        unit=event.unit,
        limit=event.limit,
        quality=event.quality,
        historical=event.historical,
        test=event.test,
        standard=event.standard,
        clause=event.clause,
        operator=event.operator,
        comment=event.comment,
        source_ms=event.source_ns // MILLISECOND,
        received_ms=event.received_ns // MILLISECOND,
        stored_ms=stored_ns // MILLISECOND,
        clock_source=event.clock_source,
        detail=event.detail,
        prev=event.prev,
        hash=digest,
    )
