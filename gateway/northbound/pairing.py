"""Pairing with a parent: a one-time code, shown there once, buys this node its credential."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec

from gateway.identity import load_key, public_hex, write_secret
from gateway.northbound import wire
from gateway.northbound.settings import ParentSettings


class PairingError(Exception):
    """The parent did not give a credential; the message says why and what to do."""


def token_path(settings: ParentSettings, folder: Path) -> Path:
    """Return the file the credential is kept in."""
    return Path(settings.token_file) if settings.token_file else folder / "parent.token"


def pair(settings: ParentSettings, folder: Path, code: str) -> str:
    """Buy the credential with a code and keep it in a file only this node may read.

    Returns
    -------
    str
        The node id the code was made for.

    Raises
    ------
    PairingError
        The parent cannot be reached, or the code is wrong, used or too old.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    request = wire.PairRequest(code=code.strip(), public_key=public_hex(load_key(folder)))
    try:
        answer = httpx.post(
            settings.url.rstrip("/") + wire.PAIR,
            content=wire.encode(request),
            headers={"Content-Type": "application/json"},
            verify=settings.ca_file or True,
            trust_env=False,
            timeout=10.0,
        )
    except httpx.HTTPError as error:
        raise PairingError(
            f"{settings.url}: cannot be reached: {error}; check the address and the network"
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise PairingError(
            f"{settings.url}: refused ({answer.status_code}): {answer.text[:200]}; "
            "ask the centre for a new code"
        )
    try:
        bought = msgspec.json.decode(answer.content, type=wire.PairAnswer)
    except msgspec.DecodeError as error:
        raise PairingError(f"{settings.url}: is no hazgate centre: {error}") from error
    write_secret(token_path(settings, folder), bought.token.encode())
    return bought.node
