"""What the tile of a point says when several of its alarms stand."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gateway.model import NANOSECONDS
from tests.browser.conftest import Opener
from tests.browser.town import Town

pytestmark = pytest.mark.browser

TAG = "AR1-AT-101"


def test_standing_alarm_is_not_hidden_by_one_that_is_over(town: Town, open_page: Opener) -> None:
    """A gas alarm that stands is what tile and list show first, not a newer silence now over."""
    site = town.gateway("gw1")
    page = open_page(town)
    silence = f"gw1/{TAG}/no_data"
    town.tell(site, site.event(value=170.0))
    later = site.clock.now_ns() + 5 * NANOSECONDS
    missing = {"alarm": silence, "rule": "no_data", "value": None, "limit": None}
    town.tell(site, site.event(**missing, source_ns=later))
    town.tell(
        site, site.event("clear", **missing, before="UNACK", after="RTNUN", source_ns=later + 1)
    )

    rows = page.get_by_test_id("alarm-row")
    expect(rows).to_have_count(2)
    expect(page.locator(f'[data-alarm="{silence}"]')).to_have_attribute("data-state", "RTNUN")
    expect(rows.first).to_have_attribute("data-alarm", site.alarm)
    tile = page.locator(f'[data-testid="point-tile"][data-tag="{TAG}"]')
    expect(tile).to_have_attribute("data-why", "alarm")
    expect(tile).to_contain_text("H · unack.")
    expect(tile).not_to_contain_text("returned")


# Alarms of one point as [state, priority, age], and which of them its tile must show.
CASES = [
    ([["RTNUN", "critical", 1], ["ACKED", "low", 9]], 1),
    ([["UNACK", "medium", 1], ["ACKED", "high", 9]], 1),
    ([["ACKED", "high", 1], ["UNACK", "high", 9]], 1),
    ([["UNACK", "high", 9], ["UNACK", "high", 1]], 1),
    ([["LACKED", "critical", 1], ["RTNUN", "critical", 9]], 1),
]


def test_order_of_the_alarms_of_a_point(town: Town, open_page: Opener) -> None:
    """What is true comes first, then priority, then what is unacknowledged, then the newest."""
    page = open_page(town)
    for alarms, wanted in CASES:
        for rows, place in ((alarms, wanted), (alarms[::-1], 1 - wanted)):
            assert foremost(page, rows) == place, rows


def foremost(page: Page, alarms: list[list[object]]) -> int:
    """Return which of some alarms the screen's own program puts on the tile."""
    found: int = page.evaluate(
        """async (alarms) => {
          const { foremost } = await import("/static/ranking.js");
          const rows = alarms.map(([state, priority, age], i) =>
            ({ node: "n", alarm: `${i}`, state, priority, suppression: "NONE", raised_ms: -age }));
          return Number(foremost(rows).alarm);
        }""",
        alarms,
    )
    return found
