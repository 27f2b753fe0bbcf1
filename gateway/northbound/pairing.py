"""Pairing with a parent: a one-time code, shown there once, buys this node its credential.

The token is made here and on the disk before it is offered; the parent is sent its hash. A node
that dies before it has read the answer offers the same token again, and the same code still works.
Beside the token is kept who the parent is: only what it has signed is taken for its order.
"""

from __future__ import annotations

import hashlib
import secrets
import ssl
from pathlib import Path

import httpx
import msgspec

from gateway import folders
from gateway.identity import load_key, public_hex, write_secret
from gateway.northbound import wire
from gateway.northbound.settings import ParentSettings
from gateway.northbound.trust import keep_pin, pin_of


class PairingError(Exception):
    """The parent did not give a credential; the message says why and what to do."""


class _Detail(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    detail: _Detail


def token_path(settings: ParentSettings, folder: Path) -> Path:
    """Return the file the credential is kept in."""
    return Path(settings.token_file) if settings.token_file else folder / "parent.token"


def offered_token(path: Path) -> tuple[str, Path]:
    """Return the token to offer and the file it waits in; one that was offered is offered again."""
    waiting = path.with_name(path.name + ".offered")
    if waiting.exists():
        return waiting.read_text(encoding="ascii").strip(), waiting
    token = secrets.token_urlsafe(32)
    write_secret(waiting, token.encode())
    return token, waiting


def trusting(settings: ParentSettings) -> ssl.SSLContext:
    """Return whose certificates to trust: those of the stated file, else the machine's own."""
    # Made here: httpx by itself trusts a list that it brings, not the machine's.
    return ssl.create_default_context(cafile=settings.ca_file)


def said(answer: httpx.Response) -> str:
    """Return what a refusal says: a centre's own words, else the answer's begin."""
    try:
        return msgspec.json.decode(answer.content, type=_Refusal).detail.message
    except msgspec.DecodeError:
        return f"{answer.text[:200]}; is this the address of a hazgate centre?"


def pair(settings: ParentSettings, folder: Path, code: str, *, node: str) -> None:
    """Make this node's token its credential by a code, and keep it where only the node may read.

    Parameters
    ----------
    node
        Whose credential it shall be: a code made for another node is of no use here.

    Raises
    ------
    PairingError
        The parent cannot be reached, the code is wrong, used, too old or another node's, or the
        token cannot be kept.
    """
    path = token_path(settings, folder)
    try:
        folders.make(folder)
        token, waiting = offered_token(path)
        key = load_key(folder)
    except OSError as error:
        raise PairingError(
            f"{folder}: cannot keep key and token: {error}; run this as the gateway's own user"
        ) from error
    request = wire.PairRequest(
        code=code.strip(),
        public_key=public_hex(key),
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
    )
    try:
        answer = httpx.post(
            settings.url.rstrip("/") + wire.PAIR,
            content=wire.encode(request),
            headers={"Content-Type": "application/json"},
            verify=trusting(settings),
            trust_env=False,
            timeout=10.0,
        )
    except httpx.HTTPError as error:
        raise PairingError(
            f"{settings.url}: cannot be reached: {error}; check the address and the network"
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise PairingError(f"{settings.url}: refused ({answer.status_code}): {said(answer)}")
    try:
        bought = msgspec.json.decode(answer.content, type=wire.PairAnswer)
    except msgspec.DecodeError as error:
        raise PairingError(f"{settings.url}: is no hazgate centre: {error}") from error
    if bought.node != node:
        waiting.unlink()
        raise PairingError(
            f"{settings.url}: the code was made for {bought.node}, this node is {node}; ask the "
            f"centre for a code for {node}"
        )
    try:
        # Before the token: a credential never stands beside the key of another centre.
        keep_pin(path, pin_of(bought))
        waiting.replace(path)
        folders.sync(path.parent)
    except OSError as error:
        raise PairingError(
            f"{path}: cannot be kept: {error}; run this again as the gateway's own user: the same "
            "code still works"
        ) from error
