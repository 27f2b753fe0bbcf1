"""Two languages: every word of the screen in both, and one press between them."""

from __future__ import annotations

import re
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from device_profiles.hazards import HazardClass
from gateway.alarms.catalogue import NODE_ALARMS
from gateway.alarms.definitions import Level
from gateway.model import Priority, State, Suppression
from gateway.supervision.tiers import Role
from tests.browser.conftest import Opener
from tests.browser.plant import Plant

DASHBOARD = Path(__file__).parents[2] / "gateway" / "supervision" / "dashboard"
TEXT = r'"((?:[^"\\]|\\.)*)"'
ENTRY = re.compile(rf'^  "([^"]+)": \[\s*{TEXT},\s*{TEXT},?\s*\],$', re.MULTILINE)
LITERAL = re.compile(r'"([a-z]+(?:\.[A-Za-z0-9_]+)+)"')
SINGLE = re.compile(r'\bt\("([a-z]+)"\)')
PREFIX = re.compile(r"`([a-z]+(?:\.[a-z]+)*\.)\$\{[^}]*\}((?:\.[a-z]+)*)`")
PLACE = re.compile(r"\{(\w+)\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: What an operator must reach or see at any time.
BAR = ("counts", "sound", "live", "clock", "language", "account")
#: Says nothing on purpose; and what an operator presses to read the *other* language.
EMPTY = {"trend.raw."}
OF_THE_OTHER = {"language.other", "language.switch"}
#: Keys made of a value that another part of the program names.
NAMED = {
    "state": [state.value for state in State],
    "brief": [state.value for state in State],
    "suppression": [one.value for one in Suppression if one is not Suppression.NONE],
    "priority": [priority.value for priority in Priority],
    "letter": [priority.value for priority in Priority],
    "own": [rule for rule, *_ in NODE_ALARMS],
    "level": [level.value for level in Level],
    "hazard": list(get_args(HazardClass)),
    "role": [role.value for role in Role],
    "link": ["up", "late", "lost", "never"],
    "order": ["pending", "sent", "applied", "refused", "expired"],
}


@cache
def texts() -> dict[str, tuple[str, str]]:
    source = (DASHBOARD / "i18n.js").read_text(encoding="utf-8")
    found = {key: (chinese, english) for key, chinese, english in ENTRY.findall(source)}
    table = source[source.index("const TEXTS") : source.index("\n};")]
    assert len(found) == len(re.findall(r'^  "[^"]+": \[', table, re.MULTILINE)) > 150
    return found


@cache
def sources() -> str:
    files = (path for path in sorted(DASHBOARD.glob("*.js")) if path.name != "i18n.js")
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_every_text_stands_in_both_languages() -> None:
    """Each key has a Chinese and an English text, with the same places to fill."""
    for key, (chinese, english) in texts().items():
        if key in EMPTY:
            continue
        assert chinese, key
        assert english, key
        assert sorted(PLACE.findall(chinese)) == sorted(PLACE.findall(english)), key
        if key not in OF_THE_OTHER:
            assert not CHINESE.search(english), key


def test_every_key_that_is_used_has_a_text() -> None:
    """No part of the screen asks for a text that is not there, and no text is left over."""
    known = texts()
    groups = {key.partition(".")[0] for key in known}
    asked = {key for key in LITERAL.findall(sources()) if key.partition(".")[0] in groups}
    asked |= set(SINGLE.findall(sources()))
    assert asked - known.keys() == set()
    made = PREFIX.findall(sources())
    assert len(made) >= len(NAMED)
    for before, after in made:
        if before.partition(".")[0] in groups:
            assert any(key.startswith(before) and key.endswith(after) for key in known), before
    unused = {
        key
        for key in known.keys() - asked
        if not any(key.startswith(before) and key.endswith(after) for before, after in made)
    }
    assert unused == set()


def test_every_value_of_the_program_has_a_word() -> None:
    """States, priorities, levels, hazard classes, roles and links all have words on the screen."""
    missing = [
        f"{group}.{value}"
        for group, values in NAMED.items()
        for value in values
        if f"{group}.{value}" not in texts()
    ]
    assert missing == []


def test_alarms_of_a_gateway_itself_have_the_words_of_the_catalogue() -> None:
    """They come without a title of their own; the screen says what the catalogue says."""
    for rule, _, english, chinese in NODE_ALARMS:
        assert texts()[f"own.{rule}"] == (chinese, english)


@pytest.mark.browser
def test_one_press_changes_the_language(plant: Plant, screen: Page) -> None:
    """The switch changes every text and `lang`, and the browser remembers it."""
    plant.publish("AR1-AT-101", 160)
    root = screen.locator("html")
    expect(root).to_have_attribute("lang", "en")
    expect(screen.get_by_test_id("live")).to_contain_text("Live")
    row = screen.locator('[data-testid="alarm-row"][data-alarm*="AR1-AT-101/ammonia"]')
    expect(row).to_contain_text("Ammonia in the machine room, leak")
    expect(row).to_contain_text("Unacknowledged")
    screen.get_by_test_id("language").click()
    expect(root).to_have_attribute("lang", "zh-CN")
    expect(screen.get_by_test_id("live")).to_contain_text("实时")
    expect(row).to_contain_text("制冷机房氨气泄漏")
    expect(row).to_contain_text("未确认")
    expect(row.get_by_test_id("ack")).to_have_text("确认")
    screen.reload()
    expect(root).to_have_attribute("lang", "zh-CN")
    expect(row).to_contain_text("制冷机房氨气泄漏")
    screen.get_by_test_id("language").click()
    expect(root).to_have_attribute("lang", "en")
    expect(row).to_contain_text("Ammonia in the machine room, leak")


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "chosen"), [("zh-TW", "zh-CN"), ("de", "en")])
def test_first_language_is_the_browsers(
    plant: Plant, open_page: Opener, locale: str, chosen: str
) -> None:
    """A browser that asks for Chinese gets Chinese, every other one English."""
    page = open_page(plant, language=locale)
    expect(page.locator("html")).to_have_attribute("lang", chosen)


@pytest.mark.browser
def test_bar_fits_every_screen(screen: Page) -> None:
    """From a telephone to a wall, nothing of the bar lies outside the screen or overlaps."""
    parts = [screen.get_by_test_id(name) for name in BAR]
    for _ in ("en", "zh-CN"):
        for width in (360, 390, 768, 1024, 1280, 1440, 1920, 2560):
            screen.set_viewport_size({"width": width, "height": 1200})
            boxes = [part.bounding_box() for part in parts]
            rims = [(b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]) for b in boxes if b]
            assert len(rims) == len(BAR)
            assert all(left >= 0 and right <= width for left, _, right, _ in rims), (width, rims)
            for one, other in combinations(rims, 2):
                beside = one[2] <= other[0] or other[2] <= one[0]
                assert beside or one[3] <= other[1] or other[3] <= one[1], (width, one, other)
        screen.get_by_test_id("language").click()
