"""Signatures of orders: who made one can be told at the site, whoever carried it there.

A centre signs every order it makes with the Ed25519 key that signs its journal. What is signed is
not the JSON but a text of its own: a line that names its purpose, then each field as its length in
bytes, a colon, the bytes and a line feed. So no field can be taken for a part of another, and no
encoder has to agree with any other on how it writes JSON. A field that the wire gains later is not
covered: whoever makes one that matters begins a second version of this text.
"""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.identity import public_hex
from gateway.northbound.wire import Order

PURPOSE: Final = b"hazgate order v1\n"
#: In this order, for ever; all there are but the signature itself.
SIGNED: Final = (
    "id",
    "origin",
    "key",
    "node",
    "action",
    "alarm",
    "occurrence",
    "revision",
    "life",
    "operator",
    "comment",
    "expires_ns",
    "tag",
    "from_ns",
    "to_ns",
)


def signed_bytes(order: Order) -> bytes:
    """Return the text that an order's signature covers."""
    fields = (str(getattr(order, name)).encode("utf-8", "surrogatepass") for name in SIGNED)
    return PURPOSE + b"".join(b"%d:%b\n" % (len(field), field) for field in fields)


def sign(order: Order, key: Ed25519PrivateKey) -> Order:
    """Return an order with the key and the signature of its maker."""
    named = msgspec.structs.replace(order, key=public_hex(key))
    return msgspec.structs.replace(named, signature=key.sign(signed_bytes(named)).hex())


def is_signed_by(order: Order, public_key: str) -> bool:
    """Return whether the holder of a key (hexadecimal) signed an order as it is here."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(order.signature), signed_bytes(order))
    except (InvalidSignature, ValueError):
        return False
    return True
