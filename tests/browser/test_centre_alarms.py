"""What a centre itself says of a gateway, as its screen shows it, in both languages."""

from __future__ import annotations

from datetime import datetime

import pytest
from playwright.sync_api import expect

from gateway.model import NANOSECONDS, decode_event
from gateway.supervision.online import ZONE
from tests.browser.conftest import Opener, Watched
from tests.browser.town import Town
from tests.gateway.supervision.world import Child

pytestmark = pytest.mark.browser

ALARM = "county/@gw1/gateway_lost"
TITLE = {"en": "Gateway lost: no heartbeat", "zh-CN": "网关失联：收不到心跳"}
PLACE = {"en": "The gateway as its centre sees it", "zh-CN": "上级中心对网关的监测"}
BASIS = {"en": "judged by the centre county", "zh-CN": "由中心 county 判定"}
NOTE = {"en": "nothing is sent to the site", "zh-CN": "不下发现场"}
MISSING = {
    "en": "Missing events: 2, 4, {life}/2–4",
    "zh-CN": "缺失的事件：2，4，{life}/2–4",
}
EARLIER = {"en": "Missing events: {life}/2–4", "zh-CN": "缺失的事件：{life}/2–4"}
STALE = {"en": "Link to site lost", "zh-CN": "站点通信中断"}


def fall_silent(town: Town, site: Child) -> None:
    """Let the centre listen to nothing for as long as it takes to lose a gateway."""
    town.beat(site)
    for _ in range(10):
        town.world.pass_time(5)
        town.do(town.world.centre.watch.look())


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.more), "zh-CN"])
def test_a_lost_gateway_on_the_screen(
    town: Town, open_page: Opener, watched: Watched, language: str
) -> None:
    """It has title, place and basis, stands on the gateway's card, and is acknowledged at once."""
    site = town.gateway("gw1")
    page = open_page(town, language=language)
    town.tell(site, site.event())
    fall_silent(town, site)
    row = page.locator(f'[data-testid="alarm-row"][data-alarm="{ALARM}"]')
    for text in (TITLE[language], PLACE[language]):
        expect(row).to_contain_text(text)
    # It is the centre's own and true now; what the site said last is marked as old.
    expect(row).not_to_contain_text(STALE[language])
    other = page.locator(f'[data-testid="alarm-row"][data-alarm="{site.alarm}"]')
    expect(other).to_contain_text(STALE[language])
    card = page.locator('[data-testid="node-row"][data-node="gw1"]')
    expect(card.locator("li")).to_have_text([TITLE[language]])
    row.click()
    expect(row.get_by_test_id("details")).to_contain_text(BASIS[language])
    row.get_by_test_id("ack").click()
    expect(page.locator("dialog[open]")).to_contain_text(NOTE[language])
    expect(page.locator("dialog[open] .quick button")).to_have_count(1)
    page.get_by_test_id("ack-send").click()
    expect(row).to_have_attribute("data-state", "ACKED")
    expect(row.get_by_test_id("order")).to_have_count(0)
    assert watched.complaints == []


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.more), "zh-CN"])
def test_what_is_missing_is_on_the_card(
    town: Town, open_page: Opener, watched: Watched, language: str
) -> None:
    """Which events have not come, of this life and an earlier, and up to when all have."""
    site = town.gateway("gw1")
    early = [site.event() for _ in range(5)]
    town.tell(site, early[0], early[4])
    before = site.life
    site.new_life()
    entries = []
    for _ in range(4):
        entries.append(site.event())
        town.world.pass_time(10)
    town.tell(site, entries[0], entries[2])
    page = open_page(town, language=language)
    card = page.locator('[data-testid="node-row"][data-node="gw1"]')
    expect(card.locator("li")).to_have_text([MISSING[language].format(life=before[:4])])
    at_s = decode_event(entries[0]).received_ns / NANOSECONDS
    expect(card.locator("dd.off")).to_have_text(f"{datetime.fromtimestamp(at_s, ZONE):%H:%M:%S}")
    town.tell(site, entries[1], entries[3])
    expect(card.locator("li")).to_have_text([EARLIER[language].format(life=before[:4])])
    expect(card.locator("dd.off")).to_have_count(1)
    town.tell(site, *early[1:4])
    expect(card.locator("li")).to_have_count(0)
    expect(card.locator("dd.off")).to_have_count(0)
    assert watched.complaints == []
