"""Where a site has delegated nothing, a centre acts beside the alarm and offers nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Opener, Watched
from tests.browser.town import Town

pytestmark = pytest.mark.browser

LANGUAGES = (pytest.param("en", marks=pytest.mark.more), "zh-CN")
BUTTON = {"en": "Act", "zh-CN": "督办"}
URGED = {"en": "Urged", "zh-CN": "已催办"}
WAITS = {"en": "not yet at the site", "zh-CN": "待下达现场"}
COMMENT = {"en": "Nobody answers the telephone", "zh-CN": "现场电话无人接听，请立即核实"}


def row_of(page: Page, alarm: str) -> Locator:
    return page.locator(f'[data-testid="alarm-row"][data-alarm="{alarm}"]')


def picture(page: Page, name: str) -> None:
    """Keep what the screen shows, where somebody wants to look at it."""
    folder = os.environ.get("HAZGATE_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_centre_without_delegation_urges(
    town: Town, open_page: Opener, watched: Watched, language: str
) -> None:
    """The button acts, an urging needs words, and the card shows who urged; the alarm stays."""
    site = town.gateway("gw1", delegates={})
    town.tell(site, site.event())
    page = open_page(town, language=language)
    row = row_of(page, site.alarm)
    button = row.get_by_test_id("act")
    expect(button).to_have_text(BUTTON[language])
    expect(row.get_by_test_id("ack")).to_have_count(0)
    button.click()
    send = page.get_by_test_id("ack-send")
    expect(send).to_be_enabled()
    page.get_by_test_id("act-urged").check()
    expect(send).to_be_disabled()
    page.get_by_test_id("ack-comment").fill(COMMENT[language])
    picture(page, f"act-dialog-{language}")
    send.click()
    expect(row.get_by_test_id("acted")).to_contain_text(URGED[language])
    expect(row).to_have_attribute("data-state", "UNACK")
    row.click()
    acts = row.get_by_test_id("acts")
    expect(acts).to_contain_text(COMMENT[language])
    expect(acts).to_contain_text(WAITS[language])
    picture(page, f"act-row-{language}")
    # It may be acted on again, while the first is on its way.
    expect(button).to_be_enabled()
    assert watched.complaints == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_enterprise_sees_that_it_is_urged(town: Town, open_page: Opener, language: str) -> None:
    """Where acknowledging is delegated it is offered, and beside it stands what the city did."""
    site = town.gateway("gw1", delegates={"county": ["acknowledge"]})
    detail = {"order": "ab" * 8, "action": "urged", "origin": "city", "result": "applied"}
    note = {"alarm": site.alarm, "occurrence": 1, "operator": "wu", "comment": COMMENT[language]}
    town.tell(site, site.event(), site.note("act", detail=detail, **note))
    page = open_page(town, language=language)
    row = row_of(page, site.alarm)
    expect(row.get_by_test_id("ack")).to_be_enabled()
    expect(row.get_by_test_id("acted")).to_contain_text(f"{URGED[language]} · city")
    row.click()
    expect(row.get_by_test_id("acts")).to_contain_text(COMMENT[language])
    picture(page, f"urged-{language}")
