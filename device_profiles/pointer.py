"""JSON pointers (RFC 6901), compiled once into steps and walked once for every payload."""

from __future__ import annotations

import re
from typing import Final

#: One step: the key in an object, and the index in an array (-1 where the step cannot be an index).
Step = tuple[str, int]
Steps = tuple[Step, ...]

#: Steps above this are keys only: no device sends longer arrays, and a composer must not build one.
MAX_INDEX: Final = 999

_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)


class Absent:
    """The type of `ABSENT`, which no JSON text can produce (null is a value; absent is none)."""

    __slots__ = ()


ABSENT: Final = Absent()


def compile_pointer(pointer: str) -> Steps:
    """Return the steps of a JSON pointer; the empty pointer is the whole document.

    Parameters
    ----------
    pointer
        "" or "/key/0/other"; "~1" stands for "/" and "~0" for "~" inside a key.

    Raises
    ------
    ValueError
        The pointer does not begin with "/" or has a "~" that is not "~0" or "~1".

    References
    ----------
    RFC 6901, sections 3 and 4.
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f'{pointer!r} is not a JSON pointer; begin it with "/", as in "/nh3"')
    if _BAD_ESCAPE.search(pointer):
        raise ValueError(f'{pointer!r} has a bare "~"; write "~0" for "~" and "~1" for "/"')
    keys = (part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))
    return tuple((key, int(key) if _INDEX.fullmatch(key) else -1) for key in keys)


def resolve(document: object, steps: Steps) -> object:
    """Return what stands at `steps` in a decoded JSON document, or `ABSENT`; never raise."""
    for key, index in steps:
        if isinstance(document, dict):
            document = document.get(key, ABSENT)
        elif isinstance(document, list) and 0 <= index < len(document):
            document = document[index]
        else:
            return ABSENT
    return document
