"""Who is asking: what every endpoint depends on, and the shape of answers and refusals.

A person is known by the session cookie, a child by its bearer token; neither is ever taken from a
body or a query. What a subject may not see answers exactly like what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response

from gateway.db import Database
from gateway.supervision import accounts, pairing
from gateway.supervision.centre import Centre
from gateway.supervision.readers import For
from gateway.supervision.tiers import Role, Scope, Subject, scope_of

COOKIE = "hazgate_session"
MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Asking:
    """A person, and what that person may see now."""

    identity: str
    subject: Subject
    scope: Scope


@dataclass(frozen=True, slots=True)
class Child:
    """A paired node, known by its token."""

    node: str
    token: str


def problem(status: int, code: str, message: str, **headers: str) -> HTTPException:
    """Return a refusal: a word for machines, a sentence for people."""
    return HTTPException(status, {"code": code, "message": message}, headers or None)


def answer(content: Any, *, status: int = 200) -> Response:
    """Return a value as JSON that no cache keeps."""
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def centre_of(request: Request) -> Centre:
    """Return the centre this application serves."""
    centre: Centre = request.app.state.centre
    return centre


async def serving(request: Request) -> Centre:
    """Return the same as `centre_of`; what does not await, FastAPI would run in a thread."""
    return centre_of(request)


def read_asking(database: Database, identity: str, *, now_ns: int) -> Asking | None:
    """Return who holds a session and what may be seen with it, or None."""
    subject = accounts.subject_of(database, identity, at_ns=now_ns) if identity else None
    if subject is None:
        return None
    return Asking(identity, subject, scope_of(database, subject, at_ns=now_ns))


async def viewer(request: Request) -> Asking:
    """Return who is asking; refuse who is not logged in."""
    centre = centre_of(request)
    identity = request.cookies.get(COOKIE, "")
    now_ns = centre.clock.now_ns()
    asking = None
    if identity:
        asking = await centre.store.read(
            lambda database: read_asking(database, identity, now_ns=now_ns)
        )
    if asking is None:
        raise problem(401, "login", "log in first: there is no session, or it has ended")
    return asking


def require(asking: Asking, role: Role) -> None:
    """Refuse who has less than this role."""
    if not asking.subject.role.includes(role):
        raise problem(
            403, "role", f"needs the role {role}; {asking.subject.name} is {asking.subject.role}"
        )


async def operator(asking: Annotated[Asking, Depends(viewer)]) -> Asking:
    """Return who is asking; refuse who is not at least an operator."""
    require(asking, Role.OPERATOR)
    return asking


async def administrator(asking: Annotated[Asking, Depends(viewer)]) -> Asking:
    """Return who is asking; refuse who is no administrator."""
    require(asking, Role.ADMINISTRATOR)
    return asking


async def child(request: Request) -> Child:
    """Return the paired node that is sending; refuse everybody else."""
    centre = centre_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    node = ""
    if scheme.lower() == "bearer" and token:
        node = await centre.store.read(
            lambda database: pairing.node_of(database, token), whom=For.ALARMS
        )
    if not node:
        centre.metrics.refused.labels(reason="credential").inc()
        raise problem(
            401,
            "credential",
            "no node has this credential; pair with a one-time code from the centre",
            **{"WWW-Authenticate": "Bearer"},
        )
    return Child(node, token)


ViewerDep = Annotated[Asking, Depends(viewer)]
OperatorDep = Annotated[Asking, Depends(operator)]
AdministratorDep = Annotated[Asking, Depends(administrator)]
ChildDep = Annotated[Child, Depends(child)]
CentreDep = Annotated[Centre, Depends(serving)]
