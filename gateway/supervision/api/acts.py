"""Acts of this tier about an alarm: recorded and told; they move nothing and stop no siren."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.db import Database
from gateway.identity import random_bits
from gateway.model import Act
from gateway.supervision import acting
from gateway.supervision.acting import NEED_COMMENT, TakenError
from gateway.supervision.api.alarms import seen
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
from gateway.supervision.views import acts as view
from gateway.supervision.views import alarms as alarm_view
from gateway.supervision.views.acts import ActRow
from gateway.supervision.write import Write

router = APIRouter(prefix="/api/v1", tags=["alarms"])


class NewAct(BaseModel):
    """What this tier does about one occurrence of an alarm; questioned and urged need a comment.

    Sent again with the same `id`, it is recorded once.
    """

    model_config = ConfigDict(extra="forbid")
    alarm: Annotated[str, Field(max_length=256)]
    occurrence: Annotated[int, Field(ge=1)]
    act: Act
    comment: Annotated[str, Field(max_length=1000)] = ""
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")] = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The act is recorded; on its way to the site it is an order of the same id."""

    act: str


@dataclass(frozen=True, slots=True)
class ActList:
    """Acts, the last that came to be known first."""

    now_ms: int
    acts: list[ActRow]


@router.post(
    "/alarms/{node}/acts",
    status_code=201,
    summary="Record an act about an alarm",
    responses={201: {"model": Recorded}},
)
async def record(node: str, act: NewAct, asking: OperatorDep, centre: CentreDep) -> Response:
    """Keep an act, tell it to the tier above, and send it down to the site."""
    if act.act in NEED_COMMENT and not act.comment.strip():
        raise problem(422, "comment", f"{act.act}: needs a comment that says what is asked")
    identity = act.id or random_bits()
    try:
        await centre.store.write(
            lambda write: _record(write, asking, node, act=act, identity=identity)
        )
    except TakenError as error:
        raise problem(409, "id", str(error)) from error
    except TooManyError as error:
        raise problem(429, "orders", str(error), **{"Retry-After": "60"}) from error
    return answer(Recorded(identity), status=201)


def _record(write: Write, asking: Asking, node: str, *, act: NewAct, identity: str) -> None:
    row = seen(write, asking, node, act.alarm)
    if act.occurrence > row.occurrence:
        raise problem(
            409,
            "occurrence",
            f"alarm {act.alarm}: it has risen {row.occurrence} times, not {act.occurrence}; "
            "look again",
        )
    acting.act(
        write,
        node,
        act.act,
        alarm=act.alarm,
        occurrence=act.occurrence,
        operator=asking.subject.name,
        comment=act.comment,
        identity=identity,
    )


@router.get(
    "/alarms/{node}/acts", summary="Acts about an alarm", responses={200: {"model": ActList}}
)
async def list_acts(
    node: str,
    asking: ViewerDep,
    centre: CentreDep,
    *,
    alarm: Annotated[str, Query(max_length=256)],
) -> Response:
    """Answer with what every tier did about an alarm, as far as it is known here."""
    now_ns = centre.clock.now_ns()

    def work(database: Database) -> list[ActRow] | None:
        row = alarm_view.one(database, node, alarm, now_ns=now_ns)
        if row is None or not asking.scope.sees(node, row.hazard):
            return None
        return view.listing(database, node, alarm)

    rows = await centre.store.read(work)
    if rows is None:
        raise problem(404, "alarm", f"alarm {alarm}: there is none of this name")
    return answer(ActList(now_ns // MILLISECOND, rows))
