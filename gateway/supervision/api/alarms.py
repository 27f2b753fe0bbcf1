"""The alarm list, what people do about an alarm, and the journal of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.db import Database
from gateway.model import NANOSECONDS, Act
from gateway.supervision import child_rules, feed, orders
from gateway.supervision.api import own_alarms
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
from gateway.supervision.tiers import scope_of
from gateway.supervision.views import alarms as view
from gateway.supervision.views import journal as journal_view
from gateway.supervision.views import nodes as node_view
from gateway.supervision.views.alarms import AlarmRow
from gateway.supervision.views.journal import JournalRow
from gateway.supervision.write import Write

STANDING_SHOWN = 5_000
MINUTE_NS = 60 * NANOSECONDS
LONGEST_SHELVING = 8 * 60
#: In minutes: thirty days. Work that takes longer is looked at again.
LONGEST_OUTAGE = 30 * 24 * 60
#: What lasts until a stated end.
SET_ASIDE = {"shelve", "out-of-service"}

router = APIRouter(prefix="/api/v1", tags=["alarms"])


class Action(BaseModel):
    """What an operator asks of an alarm; `revision` is the one the screen showed.

    `minutes` says for how long to shelve or to take out of service; both need a reason in
    `comment`; say an outage's substitute measure there too.
    """

    model_config = ConfigDict(extra="forbid")
    alarm: Annotated[str, Field(max_length=256)]
    revision: Annotated[int, Field(ge=0)]
    action: Literal["acknowledge", "reset", "shelve", "unshelve", "out-of-service", "in-service"]
    comment: Annotated[str, Field(max_length=1000)] = ""
    minutes: Annotated[int, Field(ge=1, le=LONGEST_OUTAGE)] = 60

    @model_validator(mode="after")
    def _short(self) -> Action:
        if self.action == "shelve" and self.minutes > LONGEST_SHELVING:
            raise ValueError(f"minutes: shelve for {LONGEST_SHELVING} at most")
        return self


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
    responses={200: {"model": Ordered}, 202: {"model": Ordered}},
)
async def act(node: str, action: Action, asking: OperatorDep, centre: CentreDep) -> Response:
    """Make an order for the node that owns the alarm; the node decides.

    An alarm that is the centre's own is moved here, and the answer says that it was applied.
    """
    if child_rules.is_about(centre.node, node, action.alarm):
        wish = own_alarms.Wish(**action.model_dump())
        await own_alarms.act(centre, asking, node, wish)
        return answer(Ordered("", "applied"))
    if action.action in SET_ASIDE and not action.comment.strip():
        raise problem(422, "reason", f"{action.action} needs a reason in comment")
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
    whose, _, rest = action.alarm.partition("/")
    if rest.startswith("@") and whose != node:
        raise problem(403, "enterprise", f"alarm {action.alarm}: {whose} raised it and decides")
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
    if action.action in SET_ASIDE:
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
        return journal_view.listing(database, asking.scope, node, alarm=alarm, limit=limit)

    rows = await centre.store.read(work)
    return answer(JournalList(centre.clock.now_ns() // MILLISECOND, rows))
