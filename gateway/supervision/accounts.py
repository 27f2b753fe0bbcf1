"""Accounts and sessions: argon2id hashes, random session ids of which only hashes are kept.

The first administrator's password is generated, returned once to whoever started the centre, and
stored nowhere. Every change is journalled with who made it; a changed or removed account loses
its sessions at once.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from gateway.db import Database
from gateway.model import NANOSECONDS, Clock
from gateway.supervision.pairing import hashed
from gateway.supervision.store import Store
from gateway.supervision.throttle import Damper, Throttle, source
from gateway.supervision.tiers import Role, Subject
from gateway.supervision.write import Write

FIRST = "admin"
SESSION_NS = 12 * 3600 * NANOSECONDS
MIN_PASSWORD, MAX_PASSWORD = 10, 256
PER_ACCOUNT_AND_ADDRESS, PER_ADDRESS, PER_ACCOUNT = 5, 30, 200
#: argon2 takes tens of megabytes a time.
VERIFYING_AT_ONCE = 2

WRONG = "name or password is wrong"

encode = msgspec.json.Encoder().encode
decode_departments = msgspec.json.Decoder(tuple[str, ...]).decode


class LoginError(Exception):
    """Nobody is logged in; `code` is for machines, the text for people.

    Parameters
    ----------
    code
        "wrong" or "throttled".
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class AccountError(Exception):
    """An account cannot be made or changed as asked."""


@dataclass(frozen=True, slots=True)
class Session:
    """An opened session: the id goes into the cookie and is not kept."""

    identity: str
    subject: Subject
    expires_ns: int


class Accounts:
    """Makes accounts and opens sessions.

    Parameters
    ----------
    hasher
        argon2id with its cost; the library's default when none is given.
    """

    def __init__(self, store: Store, clock: Clock, *, hasher: PasswordHasher | None = None) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._verifying = asyncio.Semaphore(VERIFYING_AT_ONCE)
        self._pairs = Throttle(clock, allowed=PER_ACCOUNT_AND_ADDRESS)
        self._addresses = Throttle(clock, allowed=PER_ADDRESS)
        self._names = Throttle(clock, allowed=PER_ACCOUNT)
        self._damper = Damper(clock)
        # Verified when an account does not exist, so that both answers take as long.
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    async def first(self) -> str | None:
        """Make the first administrator; return the password, or None where accounts exist."""
        password = secrets.token_urlsafe(12)
        stored = await asyncio.to_thread(self._hasher.hash, password)
        subject = Subject(FIRST, Role.ADMINISTRATOR, "")

        def work(write: Write) -> bool:
            if write.execute("SELECT 1 FROM account LIMIT 1"):
                return False
            insert(write, subject, stored, operator="first start")
            return True

        return password if await self._store.write(work) else None

    async def create(self, subject: Subject, password: str, *, operator: str) -> None:
        """Make an account.

        Raises
        ------
        AccountError
            The name is taken, the password too short, or nobody but an administrator of everything
            may have no division.
        """
        self._check(subject, password)
        stored = await asyncio.to_thread(self._hasher.hash, password)

        def work(write: Write) -> None:
            if write.execute("SELECT 1 FROM account WHERE name = ?", (subject.name,)):
                raise AccountError(f"account {subject.name}: exists; choose another name")
            insert(write, subject, stored, operator=operator)

        await self._store.write(work)

    async def change(self, subject: Subject, password: str | None, *, operator: str) -> None:
        """Replace an account's role, division, departments, language and, if given, password.

        Raises
        ------
        AccountError
            There is no such account, or `create` would refuse it.
        """
        self._check(subject, password)
        stored = None
        if password is not None:
            stored = await asyncio.to_thread(self._hasher.hash, password)
        await self._store.write(lambda write: replace(write, subject, stored, operator=operator))

    async def renew(self, name: str) -> str | None:
        """Give an account a new random password, end its sessions; None where there is none."""
        password = secrets.token_urlsafe(12)
        stored = await asyncio.to_thread(self._hasher.hash, password)

        def work(write: Write) -> bool:
            if load(write.database, name) is None:
                return False
            set_password(write, name, stored, operator="operating system")
            return True

        return password if await self._store.write(work) else None

    async def change_own(self, name: str, old: str, new: str, *, address: str) -> None:
        """Replace the password of who knows the old one; every session of the account ends.

        Raises
        ------
        LoginError
            The old password is wrong, or there were too many failures of late.
        AccountError
            The new one is too short or too long.
        """
        subject, known = await self._known(name, old, address=address)
        self._check(subject, new)
        stored = await asyncio.to_thread(self._hasher.hash, new)

        def work(write: Write) -> None:
            still(write, name, known)
            set_password(write, name, stored, operator=name)

        await self._store.write(work)

    async def open(self, name: str, password: str, *, address: str) -> Session:
        """Open a session for who knows the password.

        Raises
        ------
        LoginError
            Wrong name or password, or too many failures of late.
        """
        _, known = await self._known(name, password, address=address)
        identity = secrets.token_urlsafe(32)

        def work(write: Write) -> Session:
            subject = still(write, name, known)
            expires_ns = write.now_ns + SESSION_NS
            write.execute("DELETE FROM session WHERE expires_ns <= ?", (write.now_ns,))
            write.execute(
                "INSERT INTO session (id_hash, account, expires_ns) VALUES (?, ?, ?)",
                (hashed(identity), subject.name, expires_ns),
            )
            write.journal(
                "login", operator=subject.name, detail={"result": "opened", "address": address}
            )
            return Session(identity, subject, expires_ns)

        return await self._store.write(work)

    async def _known(self, name: str, password: str, *, address: str) -> tuple[Subject, str]:
        origin = source(address)
        pair = f"{name}\n{origin}"
        keys = ((self._pairs, pair), (self._addresses, origin), (self._names, name))
        self._allow(keys)
        found = await self._store.read(lambda database: load(database, name))
        stored = found[1] if found else self._decoy
        async with self._verifying:
            # Looked at again: who waited here beside this one may have failed meanwhile.
            self._allow(keys)
            right = await asyncio.to_thread(self._verify, stored, password)
            if found is None or not right:
                for throttle, key in keys:
                    throttle.failed(key)
        if found is None or not right:
            if self._damper.first(pair):
                await self._store.write(
                    lambda write: write.journal(
                        "login", operator=name[:64], detail={"result": "wrong", "address": address}
                    )
                )
            raise LoginError("wrong", WRONG)
        self._pairs.succeeded(pair)
        return found

    def _allow(self, keys: tuple[tuple[Throttle, str], ...]) -> None:
        if any(throttle.blocked(key) for throttle, key in keys):
            raise LoginError("throttled", "too many failed logins; wait 15 minutes and try again")

    def _check(self, subject: Subject, password: str | None) -> None:
        if not subject.division and subject.role is not Role.ADMINISTRATOR:
            raise AccountError(
                f"account {subject.name}: a {subject.role} needs a division; only an administrator "
                "may see all of them"
            )
        if password is not None and not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise AccountError(
                f"account {subject.name}: the password has {len(password)} characters; allowed are "
                f"{MIN_PASSWORD} to {MAX_PASSWORD}"
            )

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def insert(write: Write, subject: Subject, stored: str, *, operator: str) -> None:
    """Write a new account and journal it."""
    write.execute(
        "INSERT INTO account (name, password, role, division, departments, language, department, "
        "made_ns) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            subject.name,
            stored,
            subject.role.value,
            subject.division,
            encode(subject.departments).decode(),
            subject.language,
            subject.department,
            write.now_ns,
        ),
    )
    _journal(write, "created", subject, operator=operator)


def replace(write: Write, subject: Subject, stored: str | None, *, operator: str) -> None:
    """Write an account anew, end its sessions and journal it."""
    known = write.execute("SELECT password FROM account WHERE name = ?", (subject.name,))
    if not known:
        raise AccountError(f"account {subject.name}: there is none; create it first")
    if (subject.role, subject.division) != (Role.ADMINISTRATOR, ""):
        _keep_one(write, subject.name)
    write.execute(
        "UPDATE account SET password = ?, role = ?, division = ?, departments = ?, language = ?, "
        "department = ? WHERE name = ?",
        (
            stored or known[0][0],
            subject.role.value,
            subject.division,
            encode(subject.departments).decode(),
            subject.language,
            subject.department,
            subject.name,
        ),
    )
    write.execute("DELETE FROM session WHERE account = ?", (subject.name,))
    write.scopes_changed = True
    _journal(write, "changed", subject, operator=operator, password=stored is not None)


def still(write: Write, name: str, stored: str) -> Subject:
    """Return an account as it is now; refuse it when the verified password is its own no more."""
    found = load(write.database, name)
    if found is None or found[1] != stored:
        raise LoginError("wrong", WRONG)
    return found[0]


def set_password(write: Write, name: str, stored: str, *, operator: str) -> None:
    """Replace the password and nothing else, end the account's sessions and journal it."""
    found = load(write.database, name)
    if found is None:
        raise AccountError(f"account {name}: there is none; create it first")
    write.execute("UPDATE account SET password = ? WHERE name = ?", (stored, name))
    write.execute("DELETE FROM session WHERE account = ?", (name,))
    write.scopes_changed = True
    _journal(write, "changed", found[0], operator=operator, password=True)


def remove(write: Write, name: str, *, operator: str) -> None:
    """Remove an account with its sessions and journal it; the last administrator stays."""
    found = load(write.database, name)
    if found is None:
        raise AccountError(f"account {name}: there is none")
    _keep_one(write, name)
    write.execute("DELETE FROM account WHERE name = ?", (name,))
    write.execute("DELETE FROM session WHERE account = ?", (name,))
    write.scopes_changed = True
    _journal(write, "removed", found[0], operator=operator)


def end_session(write: Write, identity: str, *, operator: str) -> None:
    """Close a session and journal it."""
    write.execute("DELETE FROM session WHERE id_hash = ?", (hashed(identity),))
    write.scopes_changed = True
    write.journal("login", operator=operator, detail={"result": "closed"})


def load(database: Database, name: str) -> tuple[Subject, str] | None:
    """Return an account and its password hash, or None."""
    rows = database.execute(
        "SELECT name, role, division, departments, language, department, password FROM account "
        "WHERE name = ?",
        (name,),
    )
    if not rows:
        return None
    found, role, division, departments, language, department, stored = rows[0]
    hazards = decode_departments(departments)
    subject = Subject(found, Role(role), division, hazards, language, department)
    return subject, stored


def listing(database: Database) -> list[Subject]:
    """Return every account by name."""
    names = database.execute("SELECT name FROM account ORDER BY name")
    found = (load(database, row[0]) for row in names)
    return [account[0] for account in found if account is not None]


def subject_of(database: Database, identity: str, *, at_ns: int) -> Subject | None:
    """Return who holds a session id, or None for one that is unknown or has expired."""
    rows = database.execute(
        "SELECT account FROM session WHERE id_hash = ? AND expires_ns > ?",
        (hashed(identity), at_ns),
    )
    found = load(database, rows[0][0]) if rows else None
    return found[0] if found else None


def _keep_one(write: Write, name: str) -> None:
    others = write.execute(
        "SELECT 1 FROM account WHERE role = 'administrator' AND division = '' AND name <> ?",
        (name,),
    )
    if not others:
        raise AccountError(f"account {name}: is the last administrator of everything; make another")


def _journal(
    write: Write, act: str, subject: Subject, *, operator: str, password: bool = False
) -> None:
    write.journal(
        "account",
        operator=operator,
        detail={
            "account": subject.name,
            "act": act,
            "role": subject.role.value,
            "division": subject.division,
            "departments": " ".join(subject.departments),
            "department": subject.department,
            "password": "changed" if password else "kept",
        },
    )
