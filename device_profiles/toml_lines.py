"""Finds the line on which a key of a TOML text stands, so that an error can point at it.

``tomllib`` gives values without places. This reads the same text once more, for places alone: it
expects a text that ``tomllib`` has accepted, and where it meets anything else it stops and answers
with what it has seen so far. It never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from types import MappingProxyType
from typing import Final

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Longest delimiters first; a multi-line string may end in up to five quotes.
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SHORT: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}
_MAX_CODE_POINT: Final = 0x10FFFF


class _StopError(Exception):
    """The text is not TOML from here on."""


def locate(text: str, path: Sequence[str | int]) -> int:
    """Return the line (from 1) of the key at `path`, or of the nearest parent that is written.

    Parameters
    ----------
    text
        TOML.
    path
        Keys and, in arrays and arrays of tables, indices from 0: ``("device", 0, "topic")``.

    Returns
    -------
    int
        Line of the key, of the element in a multi-line array, or of the ``[header]``; 1 for the
        document itself and where nothing of the path is written.
    """
    lines = line_index(text)
    whole = tuple(path)
    for length in range(len(whole), 0, -1):
        line = lines.get(whole[:length])
        if line is not None:
            return line
    return 1


@lru_cache(maxsize=8)
def line_index(text: str) -> Mapping[Path, int]:
    """Return the line of every key path of `text`, parents included (each at its first mention)."""
    reader = _Reader(text)
    with suppress(_StopError, RecursionError):
        reader.document()
    return MappingProxyType(reader.lines)


class _Reader:
    """One pass over the text; `at` is the offset, `lines` what was found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counted = 0
        self._line = 1
        self._arrays: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self._take(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        array = self.text.startswith("[[", self.at)
        line = self._line_here()
        self.at += 2 if array else 1
        keys = self._key()
        self._expect("]]" if array else "]")
        path: Path = ()
        for key in keys[:-1]:
            path = self._enter((*path, key), line)
        path = (*path, keys[-1])
        if not array:
            return self._enter(path, line)
        self.lines.setdefault(path, line)
        count = self._arrays.get(path, -1) + 1
        self._arrays[path] = count
        self.lines[*path, count] = line
        return (*path, count)

    def _enter(self, path: Path, line: int) -> Path:
        """Name the table at `path`; where it is an array of tables, its newest element is meant."""
        self.lines.setdefault(path, line)
        return (*path, self._arrays[path]) if path in self._arrays else path

    def _pair(self, table: Path) -> None:
        line = self._line_here()
        path = table
        for key in self._key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._expect("=")
        self._take(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        keys = []
        while True:
            self._take(_SPACE)
            bare = _BARE_KEY.match(self.text, self.at)
            quoted = _STRING.match(self.text, self.at)
            if bare is not None:
                keys.append(bare[0])
                self.at = bare.end()
            elif quoted is not None:
                keys.append(_unquote(quoted[0]))
                self.at = quoted.end()
            else:
                raise _StopError
            self._take(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        if self.text.startswith("[", self.at):
            self.at += 1
            self._array(path)
        elif self.text.startswith("{", self.at):
            self.at += 1
            self._inline(path)
        elif self.text.startswith(('"', "'"), self.at):
            self._take(_STRING, needed=True)
        else:
            self._take(_SCALAR, needed=True)

    def _array(self, path: Path) -> None:
        index = 0
        while not self._closed("]"):
            element = (*path, index)
            self.lines[element] = self._line_here()
            self._value(element)
            index += 1
            self._comma("]")

    def _inline(self, path: Path) -> None:
        while not self._closed("}"):
            self._pair(path)
            self._comma("}")

    def _closed(self, bracket: str) -> bool:
        self._take(_BLANK)
        if self.at >= len(self.text):
            raise _StopError
        closed = self.text.startswith(bracket, self.at)
        self.at += closed
        return closed

    def _comma(self, bracket: str) -> None:
        self._take(_BLANK)
        if not self.text.startswith(bracket, self.at):
            self._expect(",")

    def _expect(self, token: str) -> None:
        if not self.text.startswith(token, self.at):
            raise _StopError
        self.at += len(token)

    def _take(self, pattern: re.Pattern[str], *, needed: bool = False) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        elif needed:
            raise _StopError

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line


def _unquote(token: str) -> str:
    if token.startswith("'"):
        return token[1:-1]
    return _ESCAPE.sub(_unescape, token[1:-1])


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits is None:
        return _SHORT.get(match[4], match[4])
    code = int(digits, 16)
    return chr(code) if code <= _MAX_CODE_POINT else ""
