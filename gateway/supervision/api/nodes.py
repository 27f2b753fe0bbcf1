"""Gateways, the divisions they stand in, and the codes that pair new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.db import Database
from gateway.supervision import pairing, relays, tiers
from gateway.supervision.api.deps import (
    MILLISECOND,
    AdministratorDep,
    Asking,
    CentreDep,
    ViewerDep,
    answer,
    problem,
)
from gateway.supervision.pairing import Invitation
from gateway.supervision.views import nodes as view
from gateway.supervision.views.nodes import NodeRow
from gateway.supervision.write import Write

router = APIRouter(prefix="/api/v1", tags=["nodes"])


class Invite(BaseModel):
    """A node to be paired; `division` assigns it, else its own inventory says where it stands.

    `relays`: it is a centre, and speaks for the nodes below it within that division.
    """

    model_config = ConfigDict(extra="forbid")
    node: Annotated[str, Field(max_length=64)]
    division: Annotated[str, Field(max_length=32)] = ""
    relays: bool = False


class Move(BaseModel):
    """The child centre through which a node speaks from now on."""

    model_config = ConfigDict(extra="forbid")
    via: Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class NodeList:
    """Gateways by name."""

    now_ms: int
    nodes: list[NodeRow]


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, shown here and nowhere again."""

    code: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Tier:
    """One division of the tree."""

    code: str
    parent: str
    name: str
    level: str
    responsible: str
    telephone: str


@dataclass(frozen=True, slots=True)
class TierList:
    """The divisions that the asking account's own contains."""

    tiers: list[Tier]


@router.get("/nodes", summary="Gateways and their links", responses={200: {"model": NodeList}})
async def list_nodes(asking: ViewerDep, centre: CentreDep) -> Response:
    """Answer with every visible gateway: link, gaps, and up to when its story is complete."""
    now_ns = centre.clock.now_ns()
    rows = await centre.store.read(
        lambda database: view.listing(database, asking.scope, now_ns=now_ns)
    )
    return answer(NodeList(now_ns // MILLISECOND, rows))


@router.get("/tiers", summary="Divisions", responses={200: {"model": TierList}})
async def list_tiers(asking: ViewerDep, centre: CentreDep) -> Response:
    """Answer with the account's division and all under it."""
    now_ns = centre.clock.now_ns()

    def work(database: Database) -> list[Tier]:
        rows = database.execute(
            "SELECT code, parent, name, level, responsible, telephone FROM division ORDER BY code"
        )
        if asking.subject.division:
            codes = tiers.subtree(database, asking.subject.division, at_ns=now_ns)
            # What lies above is not theirs to know: their own division is a root to them.
            rows = [
                (code, parent if parent in codes else "", *rest)
                for code, parent, *rest in rows
                if code in codes
            ]
        elif not tiers.governs(database, asking.subject, "", at_ns=now_ns):
            rows = []
        return [Tier(*row) for row in rows]

    return answer(TierList(await centre.store.read(work)))


@router.post(
    "/pairing-codes", status_code=201, summary="Invite a node", responses={201: {"model": Code}}
)
async def invite(wanted: Invite, asking: AdministratorDep, centre: CentreDep) -> Response:
    """Make a one-time code for a node of the administrator's own division."""
    try:
        made = await centre.store.write(lambda write: _invite(write, asking, wanted))
    except ValueError as error:
        raise problem(422, "node", str(error)) from error
    return answer(Code(made.code, made.expires_ns // MILLISECOND), status=201)


def _invite(write: Write, asking: Asking, wanted: Invite) -> Invitation:
    subject = asking.subject
    if subject.division:
        known = write.execute("SELECT 1 FROM node WHERE node = ?", (wanted.node,))
        seen = tiers.visible_nodes(write.database, subject, at_ns=write.now_ns)
        # A code that is out already speaks for the division it was made for: it is not voided.
        rows = write.execute(
            "SELECT division FROM pairing_code WHERE node = ? AND used_ns IS NULL "
            "AND expires_ns > ?",
            (wanted.node, write.now_ns),
        )
        divisions = {wanted.division, *(row[0] for row in rows)}
        own = all(
            tiers.governs(write.database, subject, division, at_ns=write.now_ns)
            for division in divisions
        )
        if not own or (known and wanted.node not in seen):
            raise problem(
                403,
                "division",
                f"node {wanted.node}: assign it to a division within {subject.division}",
            )
    return pairing.invite(
        write,
        wanted.node,
        operator=subject.name,
        division=wanted.division,
        relays=wanted.relays,
    )


@router.post("/nodes/{node}/via", status_code=204, summary="Move a node to another child centre")
async def move(node: str, wanted: Move, asking: AdministratorDep, centre: CentreDep) -> Response:
    """Let a node speak through another child; both have to stand in the administrator's scope."""

    def work(write: Write) -> None:
        seen = tiers.visible_nodes(write.database, asking.subject, at_ns=write.now_ns)
        if not {node, wanted.via} <= seen:
            raise problem(404, "node", f"node {node} or {wanted.via}: is not known here")
        relays.move(write, node, wanted.via, operator=asking.subject.name)

    try:
        await centre.store.write(work)
    except ValueError as error:
        raise problem(422, "via", str(error)) from error
    return Response(status_code=204)
