"""A centre that can keep nothing says so on every screen, though the picture is live."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gateway.db import StoreFullError
from gateway.supervision.writing import FULL_S, Writing
from tests.browser.conftest import Opener, Watched
from tests.browser.town import Town

pytestmark = pytest.mark.browser

SAYS = {"en": "THIS CENTRE CANNOT SAVE ANYTHING since", "zh-CN": "无法保存数据"}
ADVICE = {"en": "Have the server's disk checked at once", "zh-CN": "请立即检查本中心服务器的磁盘"}


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.more), "zh-CN"])
def test_a_full_disk_is_a_banner(
    town: Town, open_page: Opener, watched: Watched, language: str
) -> None:
    """It stands while nothing is kept, in the room of the other banner, and goes by itself."""
    site = town.gateway("gw1")
    page = open_page(town, language=language)
    banner = page.get_by_test_id("unwritten-banner")
    town.tell(site, site.event())
    expect(page.get_by_test_id("alarm-row")).to_have_count(1)
    expect(banner).to_have_count(0)
    now_s = 0.0
    store = town.world.centre.store
    store.writing = Writing(lambda: now_s)
    store.writing.fail(StoreFullError("no room"))
    expect(banner).to_contain_text(SAYS[language])
    expect(banner).to_contain_text(ADVICE[language])
    expect(page.get_by_test_id("stale-banner")).to_have_count(0)
    now_s += FULL_S + 1
    expect(banner).to_have_count(0)
    assert watched.complaints == []
