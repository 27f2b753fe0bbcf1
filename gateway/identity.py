"""Who a node is: its id, the life of its store, the epoch of this start, and the key it signs with.

A life is 64 random bits made with a store; an epoch is 64 random bits per start. The Ed25519 key is
made at first start, stays in a file only the node may read, and signs the segments of the journal.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gateway import folders

NONE = "0" * 16


def random_bits() -> str:
    """64 random bits as 16 hexadecimal digits."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Identity:
    """Node id, life and epoch: three quarters of an event's id."""

    node: str
    life: str
    epoch: str


def load_key(folder: Path) -> Ed25519PrivateKey:
    """Return the node's signing key, made on first use (mode 0600) and synced before it is used.

    A file that is no key is set aside: the segments signed from then on name the new one.
    """
    path = folder / "node.key"
    if path.exists():
        try:
            return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
        except ValueError:
            path.replace(path.with_name(f"{path.name}.damaged-{random_bits()}"))
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    write_secret(path, raw)
    return key


def write_secret(path: Path, content: bytes) -> None:
    """Write a file only its owner may read, whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    scratch.replace(path)
    folders.sync(path.parent)


def public_hex(key: Ed25519PrivateKey) -> str:
    """Return the public half as hexadecimal, as it stands in journal segments and at the parent."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
