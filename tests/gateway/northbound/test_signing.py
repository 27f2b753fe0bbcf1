"""Signatures of orders: whatever is changed on the way is noticed, whoever carried it."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.identity import public_hex
from gateway.northbound.signing import PURPOSE, SIGNED, is_signed_by, sign, signed_bytes
from gateway.northbound.wire import Order
from tests.contract.messages import SIGNED_ORDER

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)


def test_an_order_is_known_by_its_maker() -> None:
    """What a maker signed is its own by its key and by no other."""
    order = sign(msgspec.structs.replace(SIGNED_ORDER, signature=""), KEY)
    assert order == SIGNED_ORDER
    assert is_signed_by(order, public_hex(KEY))
    assert not is_signed_by(order, public_hex(OTHER))


def test_everything_but_the_signature_is_signed() -> None:
    """No field of an order may be added to the wire and left out of what is signed unnoticed."""
    assert {*SIGNED, "signature"} == {field.name for field in msgspec.structs.fields(Order)}


@pytest.mark.parametrize("name", SIGNED)
def test_an_altered_field_is_noticed(name: str) -> None:
    """Each field, changed in the least, makes the order none of its maker's."""
    before = getattr(SIGNED_ORDER, name)
    after = before + 1 if isinstance(before, int) else before[:-1] + chr(ord(before[-1]) ^ 1)
    altered = msgspec.structs.replace(SIGNED_ORDER, **{name: after})
    assert not is_signed_by(altered, public_hex(KEY))


def test_no_field_can_be_taken_for_part_of_another() -> None:
    """What one field loses to the next, line feeds and colons included, is another text."""
    one = Order(id="1", action="urged", alarm="a", operator="x\n3:", comment="yz")
    for operator, comment in (("x\n3:y", "z"), ("x", "\n3:yz"), ("", "x\n3:yz")):
        other = msgspec.structs.replace(one, operator=operator, comment=comment)
        assert signed_bytes(one) != signed_bytes(other)
    assert signed_bytes(one).startswith(PURPOSE)


@pytest.mark.parametrize(
    ("key", "signature"),
    [("", "00"), ("zz", "00"), (public_hex(KEY), ""), (public_hex(KEY), "xy"), ("ab" * 32, "")],
)
def test_what_is_no_key_or_signature_signs_nothing(key: str, signature: str) -> None:
    """Nonsense in their place is a wrong signature, not an error."""
    assert not is_signed_by(msgspec.structs.replace(SIGNED_ORDER, signature=signature), key)
