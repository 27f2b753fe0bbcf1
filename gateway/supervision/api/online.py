"""How long gateways were on line in a month, as JSON or as a table for an office's program.

No verdict is given: no source that this project could read says what rate is required of whom.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gateway.db import Database
from gateway.supervision import tiers
from gateway.supervision.api.deps import MILLISECOND, Asking, CentreDep, ViewerDep, answer, problem
from gateway.supervision.online import ZONE
from gateway.supervision.views import online as view
from gateway.supervision.views.online import OnlineRow

#: A cell that begins so is run as a formula by the programs that open such tables.
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

router = APIRouter(prefix="/api/v1", tags=["nodes"])


@dataclass(frozen=True, slots=True)
class OnlineList:
    """A month by the clock of a time zone, and its rows."""

    month: str
    zone: str
    now_ms: int
    rows: list[OnlineRow]


@router.get("/online", summary="On-line time in a month", responses={200: {"model": OnlineList}})
async def list_online(
    asking: ViewerDep,
    centre: CentreDep,
    *,
    month: Annotated[str, Query(max_length=7)],
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Answer by gateway, centre, enterprise and division, for what the account may see."""
    now_ns = centre.clock.now_ns()
    try:
        rows = await centre.store.read(
            lambda database: view.listing(
                database,
                asking.scope,
                _codes(database, asking, now_ns),
                month=month,
                now_ns=now_ns,
            )
        )
    except ValueError as error:
        message = f"month {month[:16]!r}: is no month; write it like 2026-11"
        raise problem(422, "month", message) from error
    if form == "json":
        return answer(OnlineList(month, str(ZONE), now_ns // MILLISECOND, rows))
    return Response(
        # The mark tells an office's program that it is UTF-8.
        "\ufeff" + table(rows),
        media_type="text/csv; charset=utf-8",
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="online-{month}.csv"',
        },
    )


def table(rows: list[OnlineRow]) -> str:
    """Return rows as CSV in which no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([field.name for field in fields(OnlineRow)])
    for row in rows:
        writer.writerow([harmless(value) for value in asdict(row).values()])
    return text.getvalue()


def harmless(value: Any) -> Any:
    """Return what a cell may hold: a text that would be a formula begins with an apostrophe."""
    if isinstance(value, str) and value.startswith(DANGEROUS):
        return f"'{value}"
    return value


def _codes(database: Database, asking: Asking, now_ns: int) -> frozenset[str]:
    if asking.subject.division:
        return tiers.subtree(database, asking.subject.division, at_ns=now_ns)
    return frozenset(row[0] for row in database.execute("SELECT code FROM division"))
