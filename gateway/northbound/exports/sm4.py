"""SM4-CBC with PKCS#5 padding, as hexadecimal text: how bodies go to a province's platform.

SM4 is the block cipher of GB/T 32907-2016 (ISO/IEC 18033-3:2010/Amd 1:2021). Its blocks have 16
bytes, so PKCS#5 is PKCS#7 here. CBC hides a body and does not protect it from being altered: that
is what TLS is for.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK: Final = 16


def read_block(path: str) -> bytes:
    """Return the key, or the first block, in a file: 32 hexadecimal digits or 16 signs.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It holds something else; the text tells nothing of what it holds.
    """
    found = Path(path).read_bytes().strip()
    if len(found) == 2 * BLOCK:
        try:
            return bytes.fromhex(found.decode("ascii"))
        except ValueError:
            found = b""
    if len(found) != BLOCK:
        raise ValueError(f"{path}: write 32 hexadecimal digits, or 16 signs, and nothing else")
    return found


def encrypted(body: bytes, key: bytes, iv: bytes | None) -> str:
    """Return a body as upper-case hexadecimal; a random first block stands before it without `iv`.

    Parameters
    ----------
    key
        16 bytes.
    iv
        The first block that both sides know, 16 bytes, or None.
    """
    first = secrets.token_bytes(BLOCK) if iv is None else iv
    padder = PKCS7(8 * BLOCK).padder()
    encryptor = Cipher(SM4(key), CBC(first)).encryptor()
    text = encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize()
    return (text if iv is not None else first + text).hex().upper()


def decrypted(text: str, key: bytes, iv: bytes | None) -> bytes:
    """Return the body of what `encrypted` made.

    Raises
    ------
    ValueError
        It is none, or of another key.
    """
    raw = bytes.fromhex(text)
    first, rest = (raw[:BLOCK], raw[BLOCK:]) if iv is None else (iv, raw)
    decryptor = Cipher(SM4(key), CBC(first)).decryptor()
    unpadder = PKCS7(8 * BLOCK).unpadder()
    padded = decryptor.update(rest) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()
