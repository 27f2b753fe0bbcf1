"""Turns what pydantic found wrong in a TOML file into lines a person can act on.

Every problem of a file is told at once, each as ``file:line: key: what, what is allowed``, in the
order of the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from device_profiles.toml_lines import Path, locate

#: pydantic speaks of Python's types; a file has TOML's.
_PLAIN = {
    "tuple_type": "must be a list: [a, b], or [[name]] for tables",
    "dict_type": "must be a table: { key = value } or [name]",
    "model_type": "must be a table: { key = value } or [name]",
    "bool_type": "must be true or false",
}
#: What a text must look like, in words, for every pattern of the files that people write.
PATTERNS: Final[Mapping[str, str]] = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        'letters, digits, ".", "_" and "-", at most 64, the first a letter or digit'
    ),
    r"^(\+|[^#+/\x00]*)(/(\+|[^#+/\x00]*))*$": (
        'a topic without "#", in which "+" stands for one whole level'
    ),
    r"^[^#+\x00]*$": 'a topic without the wildcards "+" and "#"',
    r"^[0-9a-f]{64}$": "64 hexadecimal digits, as hazgate centre --show-key prints them",
    r"^\d{6,12}$": "6 to 12 digits, the code of the administrative division",
    r"^[0-9A-HJ-NPQRTUWXY]{18}$": "18 digits and capital letters without I, O, S, V and Z",
    r"^[^:\s]+:\d{1,5}$": 'host:port, as in "127.0.0.1:9108"',
    r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$": (
        'host:port, as in "0.0.0.0:8443", an IPv6 address in brackets'
    ),
    r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_.-]*$": (
        'vendor/model, both of lower-case letters, digits, "_" and "-", as in "acme/gas-1"'
    ),
    r"^[a-z][a-z0-9_]{0,62}$": (
        'lower-case letters, digits and "_", at most 63, the first a letter'
    ),
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": (
        'pack.name, both of lower-case letters, digits and "_", as in "ammonia.machine_room"'
    ),
    r"^[+-](0\d|1[0-4]):[0-5]\d$": 'an offset from UTC, as in "+08:00"',
    r"^[!#-%'-+\--;=-~]{1,200}$": (
        'at most 200 letters, digits and signs without blank, comma, quote, "<" and "&", as in '
        '"hazgate@lake-cold-store.example"'
    ),
    r"^(/[^/]+)+$": 'a pointer into the answer, as in "/code"',
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$": "the name of a header, as in appId",
    r"^[!-~]+( [!-~]+)*$": 'the type of a content, as in "text/plain; charset=utf-8"',
    r"^[^\s]{1,16}$": '1 to 16 characters without a blank, as in "ppm" or "%vol"',
}
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class ProfileError(ValueError):
    """Files of this package are not usable; `problems` holds one line for each reason.

    Parameters
    ----------
    problems
        Texts of the form ``file:line: key: what, allowed, next step``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class PathProblemsError(ValueError):
    """Several problems found by one validator, each at its own key path below the model.

    Parameters
    ----------
    problems
        Pairs of key path and text.
    """

    def __init__(self, problems: Sequence[tuple[Path, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(text for _, text in problems))


def describe(
    error: ValidationError, model: type[BaseModel], *, source: str, text: str
) -> list[str]:
    """Return one line for every problem in `error`, in the order of the lines of the file.

    Parameters
    ----------
    error
        What validating the parsed file raised.
    model
        The model of the whole file: unknown keys are compared with its fields.
    source
        Name of the file, as a person would type it.
    text
        Its TOML, to find the lines.
    """
    found = [
        (locate(text, path), f"{dotted(path)}: {message}")
        for path, message in explain(error, model)
    ]
    return [f"{source}:{line}: {message}" for line, message in sorted(found)]


def explain(error: ValidationError, model: type[BaseModel]) -> list[tuple[Path, str]]:
    """Return the key path and the text of every problem in `error`."""
    details = error.errors(include_url=False)
    return [found for detail in details for found in _explain(detail, model)]


def describe_syntax(error: ValueError, *, source: str, text: str) -> str:
    """Return the one line for a text that is not TOML: a syntax error hides all that follows it."""
    match = _AT_LINE.search(str(error))
    line = int(match[1]) if match else text.count("\n") + 1
    what = _AT_LINE.sub("", str(error)).strip()
    return f"{source}:{line}: not TOML: {what}; mend this first, the rest is read after it"


def dotted(path: Path) -> str:
    """Return ``channel.nh3.range[1]`` for ``("channel", "nh3", "range", 1)``, counting from 0."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).lstrip(".") or "file"


def _explain(detail: Mapping[str, Any], model: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    path: Path = tuple(detail["loc"])
    kind = detail["type"]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, PathProblemsError):
        yield from (((*path, *below), message) for below, message in cause.problems)
    elif kind == "extra_forbidden":
        yield path, _unknown(path, model)
    elif kind == "missing":
        yield path, "is missing; add it"
    elif kind in _PLAIN:
        yield path, f"{_PLAIN[kind]}, not {detail['input']!r:.80}"
    elif kind == "string_pattern_mismatch" and detail["ctx"]["pattern"] in PATTERNS:
        yield path, f"must be {PATTERNS[detail['ctx']['pattern']]}, not {detail['input']!r:.80}"
    elif cause is not None:
        yield path, str(cause)
    else:
        message = detail["msg"][:1].lower() + detail["msg"][1:]
        yield path, f"{message}, not {detail['input']!r:.80}"


def _unknown(path: Path, model: type[BaseModel]) -> str:
    allowed = sorted(_fields_at(model, path[:-1]))
    near = get_close_matches(str(path[-1]), allowed, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {hint}allowed: {', '.join(allowed)}"


def _fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys of the table at `path`; steps that name no field pass maps and lists."""
    for step in path:
        field = model.model_fields.get(str(step))
        inner = None if field is None else _model_in(field.annotation)
        model = model if inner is None else inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(each) for each in get_args(annotation))
    return next((each for each in inner if each is not None), None)
