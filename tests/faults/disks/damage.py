"""What a disk may do to a file that lies on it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

PAGE: Final = 4096


def flip(content: bytearray, chance: random.Random) -> None:
    """Turn one bit over."""
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def zero(content: bytearray, chance: random.Random) -> None:
    """Make a page zeros."""
    start = chance.randrange(len(content)) // PAGE * PAGE
    end = min(start + PAGE, len(content))
    content[start:end] = bytes(end - start)


def cut_off(content: bytearray, chance: random.Random) -> None:
    """Lose the end."""
    del content[chance.randrange(len(content)) :]


KINDS: Final[dict[str, Callable[[bytearray, random.Random], None]]] = {
    "flip": flip,
    "zero": zero,
    "cut": cut_off,
}


def damage(path: Path, kind: str, chance: random.Random) -> bool:
    """Damage a file; return whether that changed anything of it."""
    before = path.read_bytes()
    content = bytearray(before)
    if content:
        KINDS[kind](content, chance)
    path.write_bytes(content)
    return bytes(content) != before
