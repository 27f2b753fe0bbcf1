from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.toml_lines import line_index, locate

#: Every form that a key can be written in; the line numbers below are its own.
TEXT = Path(__file__).with_name("lines.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("title",), 2),
        (("quoted key",), 3),
        (("owner",), 5),
        (("owner", "name"), 6),
        (("owner", "dob"), 10),
        (("owner", "a", "b", "c"), 11),
        (("owner", "a", "b"), 11),
        (("owner", "a", "b", "d", "y", 0, "z"), 12),
        (("device",), 14),
        (("device", 0, "id"), 15),
        (("device", 0, "limits", "on delay"), 16),
        (("device", 0, "point", 0, "tag"), 18),
        (("device", 0, "point", 0, "rules"), 19),
        (("device", 0, "point", 0, "rules", 1), 21),
        (("device", 0, "point", 1, "tag"), 24),
        (("device", 1), 26),
        (("device", 1, "id"), 27),
        (("device", 1, "extra", "deep"), 29),
        (("device", 1, "point", 0, "tag"), 31),
        (("device", 1, "point", 0, "last"), 34),
    ],
)
def test_finds_the_line_of_a_key(path: tuple[str | int, ...], line: int) -> None:
    """Tables, arrays of tables, dotted keys, inline tables and arrays all have their own line."""
    tomllib.loads(TEXT)
    assert locate(TEXT, path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("nothing",), 1),
        (("owner", "missing"), 5),
        (("device", 0, "point", 1, "unit"), 23),
        (("device", 7, "id"), 14),
        (("title", "str"), 2),
    ],
)
def test_falls_back_to_the_nearest_parent(path: tuple[str | int, ...], line: int) -> None:
    """A key that is not written is told at the table in which it belongs."""
    assert locate(TEXT, path) == line


def test_counts_windows_line_ends() -> None:
    """A file saved on Windows has the same lines."""
    assert locate(TEXT.replace("\n", "\r\n"), ("device", 1, "point", 0, "tag")) == 31


@pytest.mark.parametrize("key", ['"\\u00b0C"', '"\\U000000b0C"', "'°C'", '"°C"'])
def test_reads_escapes_in_keys(key: str) -> None:
    """A key is found by its meaning, however it is spelled."""
    assert locate(f"a = 1\n{key} = 2\n", ("°C",)) == 2


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=6)
LEAVES = st.booleans() | st.integers(-9, 9) | KEYS | st.dates().map(str)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_size=4,
)


def _quoted(text: str) -> str:
    special = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(special.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in text) + '"'


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"{_inline(each)},\n" for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else str(value)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {path} if path else set()
    if isinstance(value, dict):
        found = found.union(*(_paths(inner, (*path, key)) for key, inner in value.items()))
    elif isinstance(value, list):
        found = found.union(*(_paths(inner, (*path, i)) for i, inner in enumerate(value)))
    return found


@given(TREES)
def test_finds_every_path_that_tomllib_reads(tree: dict[str, object]) -> None:
    """The index holds exactly the paths of the parsed document, whatever keys and nesting."""
    text = "".join(f"{_quoted(key)} = {_inline(value)}\n" for key, value in tree.items())
    assert set(line_index(text)) == _paths(tomllib.loads(text))


@given(st.text(alphabet="[]{}=,.\"'# \nab1\\", max_size=40))
def test_never_raises_on_what_is_not_toml(text: str) -> None:
    """A broken text gets some line within it."""
    assert 1 <= locate(text, ("a", 0, "b")) <= text.count("\n") + 1


def test_deep_nesting_is_survived() -> None:
    """A hostile file cannot break the search for its lines."""
    assert locate("a = " + "[" * 100_000, ("a",)) == 1
