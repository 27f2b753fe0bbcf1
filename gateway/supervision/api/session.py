"""Logging in and out, and the accounts themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.model import NANOSECONDS
from gateway.supervision import accounts, routes, tiers
from gateway.supervision.accounts import AccountError, LoginError
from gateway.supervision.api.deps import (
    COOKIE,
    AdministratorDep,
    Asking,
    CentreDep,
    ViewerDep,
    answer,
    problem,
)
from gateway.supervision.centre import Centre
from gateway.supervision.tiers import Role, Subject

router = APIRouter(prefix="/api/v1", tags=["accounts"])

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.@-]+$")]
# Without a bound a lone surrogate would pass, and no hash can be made of it.
Password = Annotated[str, Field(max_length=accounts.MAX_PASSWORD)]


class Login(BaseModel):
    """Name and password."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=64)]
    password: Password


class PasswordChange(BaseModel):
    """The own password, old and new."""

    model_config = ConfigDict(extra="forbid")
    old: Password
    new: Password


class AccountChange(BaseModel):
    """What an account may do; the password is left as it is when none is given.

    `departments` are the hazard classes that it sees; `department` is the one whose receipts it
    gives.
    """

    model_config = ConfigDict(extra="forbid")
    role: Role
    division: Annotated[str, Field(max_length=32)] = ""
    departments: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    department: Annotated[str, Field(max_length=64)] = ""
    language: Literal["zh-CN", "en"] = "zh-CN"
    password: Password | None = None


class AccountCreation(AccountChange):
    """A new account."""

    name: Name
    password: Password


@dataclass(frozen=True, slots=True)
class Account:
    """An account as people see it."""

    name: str
    role: str
    division: str
    departments: tuple[str, ...]
    language: str
    department: str


@dataclass(frozen=True, slots=True)
class AccountList:
    """Accounts by name."""

    accounts: list[Account]


def shown(subject: Subject) -> Account:
    """Return what of an account is shown."""
    return Account(
        subject.name,
        subject.role.value,
        subject.division,
        subject.departments,
        subject.language,
        subject.department,
    )


@router.post("/session", summary="Log in", responses={200: {"model": Account}})
async def log_in(request: Request, login: Login, centre: CentreDep) -> Response:
    """Answer with the account, and the session in a cookie that scripts cannot read."""
    address = request.client.host if request.client else ""
    try:
        session = await centre.accounts.open(login.name, login.password, address=address)
    except LoginError as error:
        centre.metrics.refused.labels(reason="login").inc()
        status = 429 if error.code == "throttled" else 401
        raise problem(status, error.code, str(error)) from error
    response = answer(shown(session.subject))
    response.set_cookie(
        COOKIE,
        session.identity,
        max_age=accounts.SESSION_NS // NANOSECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=centre.secure,
    )
    return response


@router.get("/session", summary="Who am I", responses={200: {"model": Account | None}})
async def who(request: Request, centre: CentreDep) -> Response:
    """Answer with the account of the session, or null: to have none is no error."""
    identity = request.cookies.get(COOKIE, "")
    now_ns = centre.clock.now_ns()
    subject = None
    if identity:
        subject = await centre.store.read(
            lambda database: accounts.subject_of(database, identity, at_ns=now_ns)
        )
    return answer(None if subject is None else shown(subject))


@router.put("/session/password", status_code=204, summary="Change my password")
async def change_password(
    request: Request, change: PasswordChange, asking: ViewerDep, centre: CentreDep
) -> Response:
    """Replace the own password; every session of the account ends, this one too."""
    address = request.client.host if request.client else ""
    try:
        await centre.accounts.change_own(
            asking.subject.name, change.old, change.new, address=address
        )
    except LoginError as error:
        # Not 401: the session itself is good.
        status = 429 if error.code == "throttled" else 403
        raise problem(status, error.code, str(error)) from error
    except AccountError as error:
        raise problem(422, "account", str(error)) from error
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.delete("/session", status_code=204, summary="Log out")
async def log_out(asking: ViewerDep, centre: CentreDep) -> Response:
    """End the session, here and in the browser."""
    await centre.store.write(
        lambda write: accounts.end_session(write, asking.identity, operator=asking.subject.name)
    )
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.get("/accounts", summary="List accounts", responses={200: {"model": AccountList}})
async def list_accounts(asking: AdministratorDep, centre: CentreDep) -> Response:
    """Answer with the accounts that reach nowhere beyond the administrator's own."""
    now_ns = centre.clock.now_ns()
    found = await centre.store.read(
        lambda database: [
            shown(subject)
            for subject in accounts.listing(database)
            if tiers.governs_account(database, asking.subject, subject, at_ns=now_ns)
        ]
    )
    return answer(AccountList(found))


@router.post(
    "/accounts", status_code=201, summary="Make an account", responses={201: {"model": Account}}
)
async def create_account(
    creation: AccountCreation, asking: AdministratorDep, centre: CentreDep
) -> Response:
    """Make an account within the administrator's own division."""
    subject = _subject(creation.name, creation)
    await _govern(centre, asking, subject)
    try:
        await centre.accounts.create(subject, creation.password, operator=asking.subject.name)
    except AccountError as error:
        raise problem(409, "account", str(error)) from error
    return answer(shown(subject), status=201)


@router.put("/accounts/{name}", summary="Change an account", responses={200: {"model": Account}})
async def change_account(
    name: str, change: AccountChange, asking: AdministratorDep, centre: CentreDep
) -> Response:
    """Replace what an account may do, and end its sessions."""
    subject = _subject(name, change)
    await _find(centre, asking, name)
    await _govern(centre, asking, subject)
    try:
        await centre.accounts.change(subject, change.password, operator=asking.subject.name)
    except AccountError as error:
        raise problem(409, "account", str(error)) from error
    return answer(shown(subject))


@router.delete("/accounts/{name}", status_code=204, summary="Remove an account")
async def remove_account(name: str, asking: AdministratorDep, centre: CentreDep) -> Response:
    """Remove an account with its sessions."""
    await _find(centre, asking, name)
    try:
        await centre.store.write(
            lambda write: accounts.remove(write, name, operator=asking.subject.name)
        )
    except AccountError as error:
        raise problem(409, "account", str(error)) from error
    return Response(status_code=204)


def _subject(name: str, change: AccountChange) -> Subject:
    return Subject(
        name, change.role, change.division, change.departments, change.language, change.department
    )


async def _govern(centre: Centre, asking: Asking, subject: Subject) -> None:
    own = asking.subject
    now_ns = centre.clock.now_ns()
    if not await centre.store.read(
        lambda database: tiers.governs(database, own, subject.division, at_ns=now_ns)
    ):
        raise problem(403, "division", f"division {subject.division!r} does not lie in your own")
    if not tiers.may_give(own, subject.departments):
        allowed = ", ".join(own.departments)
        raise problem(403, "departments", f"you may give these departments only: {allowed}")
    why = await centre.store.read(lambda database: routes.why_not(database, subject, at_ns=now_ns))
    if why:
        raise problem(422, "department", why)


async def _find(centre: Centre, asking: Asking, name: str) -> None:
    found = await centre.store.read(lambda database: accounts.load(database, name))
    if found is not None:
        now_ns = centre.clock.now_ns()
        target = found[0]
        if await centre.store.read(
            lambda database: tiers.governs_account(database, asking.subject, target, at_ns=now_ns)
        ):
            return
    raise problem(404, "account", f"account {name}: there is none")
