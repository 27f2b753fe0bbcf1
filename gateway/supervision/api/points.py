"""Points, and the trend of one of them: summaries at once, raw readings once the node sent them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.supervision import orders, series
from gateway.supervision.api.deps import (
    MILLISECOND,
    Asking,
    CentreDep,
    ViewerDep,
    answer,
    problem,
)
from gateway.supervision.orders import TooManyError
from gateway.supervision.series import RawTrend, Trend
from gateway.supervision.tiers import scope_of
from gateway.supervision.views import points as view
from gateway.supervision.views.points import PointRow
from gateway.supervision.write import Write

MAX_MINUTES = 120
ASK_AGAIN_NS = 5 * NANOSECONDS
MINUTE_NS = 60 * NANOSECONDS

router = APIRouter(prefix="/api/v1", tags=["points"])


@dataclass(frozen=True, slots=True)
class PointList:
    """Points in the order their nodes list them."""

    now_ms: int
    points: list[PointRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """A trend; `raw_status` says whether raw readings were asked for, and whether they came."""

    now_ms: int
    tag: str
    unit: str
    limits: dict[str, float | None]
    summary: Trend
    raw: RawTrend | None
    raw_status: str


@router.get(
    "/points", summary="Points with their last values", responses={200: {"model": PointList}}
)
async def list_points(asking: ViewerDep, centre: CentreDep) -> Response:
    """Answer with every visible point; `fresh` says whether its value may be shown as current."""
    now_ns = centre.clock.now_ns()
    rows = await centre.store.read(
        lambda database: view.listing(database, asking.scope, now_ns=now_ns)
    )
    return answer(PointList(now_ns // MILLISECOND, rows))


@router.get("/readings", summary="Trend of one point", responses={200: {"model": Readings}})
async def read_trend(
    asking: ViewerDep,
    centre: CentreDep,
    *,
    node: str,
    tag: str,
    minutes: Annotated[int, Query(ge=1, le=360)] = 15,
    raw: bool = False,
) -> Response:
    """Answer with summaries and the last raw answer; `raw` asks the node for newer raw readings."""
    now_ns = centre.clock.now_ns()
    found = await centre.store.read(
        lambda database: _readings(database, asking, node, tag=tag, minutes=minutes, now_ns=now_ns)
    )
    if found is None:
        raise problem(404, "point", f"point {tag} of node {node}: there is none of this name")
    if raw:
        asked = await centre.store.write(
            lambda write: _ask(write, asking, node, tag=tag, minutes=min(minutes, MAX_MINUTES))
        )
        if asked:
            found = await centre.store.read(
                lambda database: _readings(
                    database, asking, node, tag=tag, minutes=minutes, now_ns=now_ns
                )
            )
    return answer(found)


def _readings(
    database: Database, asking: Asking, node: str, *, tag: str, minutes: int, now_ns: int
) -> Readings | None:
    point = view.one(database, asking.scope, node, tag=tag, now_ns=now_ns)
    if point is None:
        return None
    child_ns = now_ns + series.clock_offset(database, node)
    from_ns = child_ns - minutes * MINUTE_NS
    answered = series.raw(database, node, tag, from_ns=from_ns)
    status = "asked" if _waits(database, node, tag) else "answered" if answered else "none"
    return Readings(
        now_ms=now_ns // MILLISECOND,
        tag=tag,
        unit=point.unit,
        limits=point.limits,
        summary=series.trend(database, node, tag, from_ns=from_ns, now_ns=child_ns),
        raw=answered[0] if answered else None,
        raw_status=status,
    )


def _waits(database: Database, node: str, tag: str) -> bool:
    return bool(
        database.execute(
            "SELECT 1 FROM site_order WHERE node = ? AND status IN ('pending', 'sent') "
            "AND action = 'readings' AND tag = ? LIMIT 1",
            (node, tag),
        )
    )


def _ask(write: Write, asking: Asking, node: str, *, tag: str, minutes: int) -> bool:
    database = write.database
    scope = scope_of(database, asking.subject, at_ns=write.now_ns)
    if view.one(database, scope, node, tag=tag, now_ns=write.now_ns) is None:
        return False
    answered = database.execute(
        "SELECT answered_ns FROM raw_answer WHERE node = ? AND tag = ?", (node, tag)
    )
    recent = bool(answered) and 0 <= write.now_ns - answered[0][0] < ASK_AGAIN_NS
    if recent or _waits(database, node, tag):
        return False
    # The child reads these two by its own clock.
    to_ns = write.now_ns + series.clock_offset(database, node)
    try:
        orders.create(
            write,
            node,
            orders.READINGS,
            operator=asking.subject.name,
            fields={"tag": tag, "from_ns": to_ns - minutes * MINUTE_NS, "to_ns": to_ns},
        )
    except TooManyError:
        # The trend is shown without; the screen asks again soon.
        return False
    return True
