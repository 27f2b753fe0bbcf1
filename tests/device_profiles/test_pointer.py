from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.pointer import ABSENT, compile_pointer, resolve

# RFC 6901, section 5.
DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_rfc(pointer: str, value: object) -> None:
    """Every example of RFC 6901 section 5 resolves as printed there."""
    assert resolve(DOCUMENT, compile_pointer(pointer)) == value


@pytest.mark.parametrize("pointer", ["/foo/2", "/foo/-", "/foo/00", "/foo/-1", "/no", "/a~1b/x"])
def test_what_is_not_there_is_absent(pointer: str) -> None:
    """A pointer to nothing yields ABSENT, never an error and never a neighbour."""
    assert resolve(DOCUMENT, compile_pointer(pointer)) is ABSENT


def test_digits_are_a_key_in_an_object() -> None:
    """The same step is an index in an array and a key in an object."""
    assert resolve({"0": "key"}, compile_pointer("/0")) == "key"
    assert resolve(["index"], compile_pointer("/0")) == "index"


@pytest.mark.parametrize("pointer", ["nh3", "~", "/a~2", "/a~"])
def test_refuses_other_texts(pointer: str) -> None:
    """A text that is no JSON pointer is refused with what to write."""
    with pytest.raises(ValueError, match=r'"/|"~'):
        compile_pointer(pointer)


@given(st.text())
def test_any_key_can_be_pointed_at(key: str) -> None:
    """Escaping leaves no key out of reach."""
    escaped = key.replace("~", "~0").replace("/", "~1")
    assert resolve({key: 1}, compile_pointer(f"/{escaped}")) == 1
