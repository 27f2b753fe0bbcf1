"""Whether the centre works and keeps what it is told, and its counters, for programs beside it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import __version__
from gateway.supervision.api.deps import MILLISECOND, CentreDep, answer, problem, require, viewer
from gateway.supervision.feed import newest
from gateway.supervision.readers import For
from gateway.supervision.tiers import Role

router = APIRouter(tags=["health"])


@dataclass(frozen=True, slots=True)
class Health:
    """The centre answers, and its store can be read and takes what is written."""

    status: str
    node: str
    version: str
    now_ms: int


@router.get(
    "/api/v1/health",
    summary="Is it well",
    responses={200: {"model": Health}, 503: {"description": "Nothing is kept, and why"}},
)
async def health(centre: CentreDep) -> Response:
    """Answer once the store has answered; 503 where it has taken nothing for five seconds."""
    trouble = centre.store.writing.trouble()
    if trouble is not None:
        raise problem(
            503,
            "unwritten",
            f"the store has taken nothing, or not all, for {trouble.seconds:.0f} s: "
            f"{trouble.reason}; see the centre's log, and look at its disk",
        )
    await centre.store.read(newest, whom=For.ALARMS)
    now_ms = centre.clock.now_ns() // MILLISECOND
    return answer(Health("ok", centre.node, __version__, now_ms))


@router.get("/metrics", summary="Counters in Prometheus format")
async def metrics(request: Request, centre: CentreDep) -> Response:
    """Answer the machine itself, or who administers everything: they are sums over all of it."""
    host = request.client.host if request.client else ""
    if not _loopback(host):
        asking = await viewer(request)
        require(asking, Role.ADMINISTRATOR)
        if asking.subject.division or asking.subject.departments:
            raise problem(403, "division", "these are sums over all divisions and departments")
    centre.metrics.streams.set(len(centre.hub))
    centre.metrics.unwritten.set(centre.store.writing.unwritten_s)
    return Response(generate_latest(centre.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
