"""What a gateway says of itself, and what can be done about an alarm, in both languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Opener, Watched
from tests.browser.town import Town

pytestmark = pytest.mark.browser

OWN = {"tag": "@node", "area": "", "hazard": "", "unit": "", "value": None, "limit": None}
LANGUAGES = (pytest.param("en", marks=pytest.mark.more), "zh-CN")
TITLE = {"en": "No connection to the broker", "zh-CN": "与消息服务器失去连接"}
ITSELF = {"en": "concerns the gateway itself", "zh-CN": "此报警针对网关自身"}
SITE_LIMIT = {"en": "limit of the site", "zh-CN": "本站限值"}


def row_of(page: Page, alarm: str) -> Locator:
    return page.locator(f'[data-testid="alarm-row"][data-alarm="{alarm}"]')


@pytest.mark.parametrize("language", LANGUAGES)
def test_alarm_of_the_gateway_itself(
    town: Town, open_page: Opener, watched: Watched, language: str
) -> None:
    """It has a title on row and card; choosing it says what it concerns and asks for no trend."""
    site = town.gateway("gw1")
    page = open_page(town, language=language)
    town.tell(site, site.event())
    alarm = "gw1/@node/broker_lost"
    town.tell(site, site.event(alarm=alarm, rule="broker_lost", priority="critical", **OWN))
    town.beat(site, trouble=["broker_lost"])
    card = page.locator('[data-testid="node-row"][data-node="gw1"]')
    expect(card.locator("li")).to_have_text(TITLE[language])
    row = row_of(page, alarm)
    expect(row).to_contain_text(TITLE[language])
    expect(row).not_to_contain_text("@node")
    trend = page.get_by_test_id("trend")
    # By itself the screen shows the trend of what has one.
    expect(trend).to_have_attribute("data-tag", "AR1-AT-101")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    row.click()
    expect(trend.locator(".whole")).to_contain_text(ITSELF[language])
    row_of(page, site.alarm).click()
    expect(trend).not_to_contain_text(ITSELF[language])
    expect(trend).to_have_attribute("data-points", "1")
    assert any("/readings?" in url for url in asked)
    assert [url for url in asked if "%40node" in url] == []
    assert watched.complaints == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_limit_without_a_standard_is_the_sites(
    town: Town, open_page: Opener, language: str
) -> None:
    """An alarm that cites no standard rests on the limit that the site has set."""
    site = town.gateway("gw1")
    page = open_page(town, language=language)
    town.tell(site, site.event())
    row_of(page, site.alarm).click()
    expect(page.get_by_test_id("details")).to_contain_text(SITE_LIMIT[language])
    cited = {"standard": "GB/T 50493", "clause": "5.5"}
    town.tell(site, site.event(alarm="gw1/second/h", **cited))
    row_of(page, "gw1/second/h").click()
    expect(page.get_by_test_id("details")).to_contain_text(re.compile(r"GB/T 50493\s+5\.5"))


def test_nothing_is_acknowledged_on_a_screen_that_is_not_live(
    town: Town, open_page: Opener
) -> None:
    """While not live no button, key or open dialog sends anything; afterwards they do again."""
    site = town.gateway("gw1")
    page = open_page(town)
    town.tell(site, site.event())
    button = row_of(page, site.alarm).get_by_test_id("ack")
    row_of(page, site.alarm).click()
    expect(button).to_be_enabled()
    page.evaluate("document.querySelector('hz-app').picture.lost()")
    expect(button).to_be_disabled()
    page.keyboard.press("a")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.evaluate("document.querySelector('hz-app').picture.load()")
    expect(button).to_be_enabled()
    page.keyboard.press("a")
    send = page.get_by_test_id("ack-send")
    expect(send).to_be_enabled()
    page.evaluate("document.querySelector('hz-app').picture.lost()")
    expect(send).to_be_disabled()
    expect(page.locator("dialog[open]")).to_contain_text("not live")
    page.get_by_test_id("ack-comment").press("Enter")
    page.evaluate("document.querySelector('hz-app').picture.load()")
    expect(send).to_be_enabled()
    expect(page.get_by_test_id("order")).to_have_count(0)


@pytest.mark.parametrize(
    ("state", "phrases"), [("LUNACK", 3), ("LACKED", 0)], ids=["acknowledge", "reset"]
)
def test_phrases_of_an_acknowledgement_are_not_offered_for_a_reset(
    town: Town, open_page: Opener, state: str, phrases: int
) -> None:
    """The ready phrases say that somebody acts on an alarm; a reset is not that."""
    site = town.gateway("gw1")
    page = open_page(town)
    town.tell(site, site.event())
    town.tell(site, site.event("clear", before="UNACK", after=state))
    row = row_of(page, site.alarm)
    expect(row).to_have_attribute("data-state", state)
    row.get_by_role("button").click()
    expect(page.get_by_test_id("ack-comment")).to_be_visible()
    expect(page.locator("dialog[open] .quick button")).to_have_count(phrases)
