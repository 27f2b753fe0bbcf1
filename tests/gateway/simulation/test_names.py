"""The demo's plant in two languages: every name in both, and the same plant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.roles.demo import TEMPLATE, read_names, renamed, terminal_language
from gateway.roles.edge.site import load_site

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAME = re.compile(r'(?<=\bname = ").*?(?=")')


def test_every_name_of_the_demo_is_in_chinese(tmp_path: Path) -> None:
    """No name of the plant is left in English, none is made for nothing, and only names differ."""
    text = TEMPLATE.read_text(encoding="utf-8")
    names = read_names("zh")
    chinese = renamed(text, names)
    assert NAME.sub("", chinese) == NAME.sub("", text)
    found = NAME.findall(chinese)
    assert len(found) == len(NAME.findall(text)) == len(names) - 1
    assert all(CHINESE.search(name) for name in found)
    assert {*found, names["centre"]} == set(names.values())
    path = tmp_path / "site.toml"
    path.write_text(chinese, encoding="utf-8")
    site = load_site(path)
    assert {point.tag: point.name for point in site.plant.points}["AR1-PT-103"] == "压缩机吸气压力"


def test_a_name_that_is_missing_is_an_error() -> None:
    """A new area or point cannot be forgotten: it has to be named in both languages."""
    names = {key: name for key, name in read_names("zh").items() if key != "HC6-AT-603"}
    with pytest.raises(KeyError, match="HC6-AT-603"):
        renamed(TEMPLATE.read_text(encoding="utf-8"), names)


def test_english_is_the_file_as_it_is() -> None:
    """In English nothing is replaced."""
    text = TEMPLATE.read_text(encoding="utf-8")
    assert renamed(text, read_names("en")) == text


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "zh_TW.UTF-8", "LANG": "en_GB.UTF-8"}, "zh"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_terminal_chooses_the_language(environment: dict[str, str], language: str) -> None:
    """Chinese where the terminal speaks it; what stands before in the locale's order decides."""
    assert terminal_language(environment) == language
