"""Signatures of webhooks after Standard Webhooks: who gets a post can tell that it is ours.

Signed is ``id.timestamp.body`` by HMAC-SHA256. While a secret is changed, both sign: a receiver
that knows either of them finds its own.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PREFIX: Final = "whsec_"
#: What Standard Webhooks asks of a secret's length, bytes.
LENGTHS: Final = (24, 64)


def read_secret(path: str) -> bytes:
    """Return the secret in a file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It holds no secret of this kind; the text tells nothing of what it holds.
    """
    text = Path(path).read_bytes().decode("ascii", errors="replace").strip()
    try:
        secret = b64decode(text.removeprefix(PREFIX), validate=True)
    except (Error, ValueError):
        secret = b""
    if not LENGTHS[0] <= len(secret) <= LENGTHS[1]:
        raise ValueError(
            f'{path}: holds no secret; write "{PREFIX}" and base64 of {LENGTHS[0]} to '
            f"{LENGTHS[1]} random bytes, as in: echo {PREFIX}$(head -c 32 /dev/urandom | base64)"
        )
    return secret


def headers(identity: str, body: bytes, secrets: Sequence[bytes], *, at_ns: int) -> dict[str, str]:
    """Return the three headers of a post.

    Parameters
    ----------
    identity
        The same whenever the same content is sent again.
    secrets
        The one in force, and while it is changed the one before.
    at_ns
        When it is sent, ns since 1970: a receiver refuses what is too old.
    """
    seconds = at_ns // 1_000_000_000
    signed = f"{identity}.{seconds}.".encode() + body
    signatures = [
        b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets
    ]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def identity_of(ids: Sequence[str]) -> str:
    """Return the id of a post that carries these events: of the same events always the same."""
    return "msg_" + hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32]
