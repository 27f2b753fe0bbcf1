"""SM4-CBC: the cipher of the standard, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.exports.sm4 import decrypted, encrypted, read_block

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
blocks = st.binary(min_size=16, max_size=16)


def test_the_cipher_is_that_of_the_standard() -> None:
    """GB/T 32907-2016, appendix A.1: key and text 0123..3210 give 681edf34...."""
    # The first block of CBC with a first block of zeros is the cipher of the text itself.
    assert encrypted(KEY, KEY, bytes(16))[:32] == "681EDF34D206965E86B3E94F536E4246"


@given(st.binary(max_size=200), blocks, st.none() | blocks)
def test_what_is_encrypted_can_be_read(body: bytes, key: bytes, iv: bytes | None) -> None:
    """Any body, any key, with a common first block and without; padding is always there."""
    text = encrypted(body, key, iv)
    assert decrypted(text, key, iv) == body
    assert len(bytes.fromhex(text)) == (len(body) // 16 + 1 + (iv is None)) * 16


def test_without_a_common_first_block_no_two_are_alike() -> None:
    """The same body twice tells nobody that it is the same."""
    assert encrypted(b"x", KEY, None) != encrypted(b"x", KEY, None)


@pytest.mark.parametrize(
    ("content", "good"),
    [(KEY.hex(), True), (KEY.hex().upper() + "\n", True), ("0123456789abcdef", True),
     ("", False), ("g" * 32, False), ("0" * 31, False), ("0" * 33, False)],
)  # fmt: skip
def test_a_key_is_read_in_two_forms(tmp_path: Path, content: str, *, good: bool) -> None:
    """32 hexadecimal digits or 16 signs; anything else is refused without being told."""
    path = tmp_path / "key"
    path.write_text(content, encoding="ascii")
    if good:
        assert len(read_block(str(path))) == 16
        return
    with pytest.raises(ValueError, match="32 hexadecimal") as caught:
        read_block(str(path))
    assert not content or content not in str(caught.value)
