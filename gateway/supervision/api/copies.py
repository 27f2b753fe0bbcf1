"""Copies that departments were sent: the list, and the receipt that a department gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.supervision import escalation
from gateway.supervision.api.deps import (
    MILLISECOND,
    Asking,
    CentreDep,
    OperatorDep,
    ViewerDep,
    answer,
    problem,
)
from gateway.supervision.tiers import scope_of
from gateway.supervision.views import copies as view
from gateway.supervision.views.copies import CopyRow
from gateway.supervision.write import Write

SHOWN = 1_000

router = APIRouter(prefix="/api/v1", tags=["departments"])


class ReceiptGiven(BaseModel):
    """What a department says with its receipt."""

    model_config = ConfigDict(extra="forbid")
    comment: Annotated[str, Field(max_length=1000)] = ""


@dataclass(frozen=True, slots=True)
class CopyList:
    """Copies, the last made first."""

    now_ms: int
    copies: list[CopyRow]


@router.get("/copies", summary="Copies sent to departments", responses={200: {"model": CopyList}})
async def list_copies(
    asking: ViewerDep,
    centre: CentreDep,
    *,
    department: Annotated[str, Query(max_length=64)] = "",
    owed: bool = False,
    limit: Annotated[int, Query(ge=1, le=SHOWN)] = SHOWN,
) -> Response:
    """Answer with the copies of visible alarms; with `owed`, those without a receipt alone."""
    rows = await centre.store.read(
        lambda database: view.listing(
            database, asking.scope, department=department, owed=owed, limit=limit
        )
    )
    return answer(CopyList(centre.clock.now_ns() // MILLISECOND, rows))


@router.post(
    "/copies/{identity}/receipt", summary="Give a receipt", responses={200: {"model": CopyRow}}
)
async def receive(
    identity: str, given: ReceiptGiven, asking: OperatorDep, centre: CentreDep
) -> Response:
    """Note that the department has received a copy, by an account of that department."""
    return answer(
        await centre.store.write(lambda write: _receive(write, asking, identity, given=given))
    )


def _receive(write: Write, asking: Asking, identity: str, *, given: ReceiptGiven) -> CopyRow:
    scope = scope_of(write.database, asking.subject, at_ns=write.now_ns)
    row = view.one(write.database, identity)
    if row is None or not scope.sees(row.node, row.hazard):
        raise problem(404, "copy", f"copy {identity[:64]}: there is none of this id")
    own = asking.subject.department
    if row.department != own:
        raise problem(
            403,
            "department",
            f"copy {identity}: was sent to {row.department}; {asking.subject.name} is of "
            f"{own or 'no department'}",
        )
    if not escalation.receive(write, identity, account=asking.subject.name, comment=given.comment):
        raise problem(409, "received", f"copy {identity}: {row.account} gave the receipt before")
    return view.one(write.database, identity) or row
