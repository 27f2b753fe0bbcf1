"""How often the screen loads everything anew, and what it is meanwhile."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Opener
from tests.browser.plant import until
from tests.browser.town import Town

pytestmark = pytest.mark.browser

#: One each five seconds: what forty inventories may cost on a slow machine.
FEW = 5
#: Notes each instant at which the screen says that it is not live, and each arrival of an alarm.
SAMPLE = """() => {
  const app = document.querySelector("hz-app");
  window.__stale = 0;
  window.__arrivals = [];
  app.picture.addEventListener("change", () => { window.__stale += app.picture.loaded ? 0 : 1; });
  app.picture.addEventListener("arrival", ({ detail }) => window.__arrivals.push(detail.alarm));
}"""
TAKE = "(event) => document.querySelector('hz-app').picture.take(event)"


def loads(page: Page) -> list[str]:
    """Note from now on each request for all alarms."""
    found: list[str] = []
    page.on("request", lambda one: found.append(one.url) if one.url.endswith("/alarms") else None)
    return found


def test_restless_gateway_blinds_no_screen(town: Town, open_page: Opener) -> None:
    """While one gateway changes its inventory without end, the alarm of another comes at once."""
    good, restless = town.gateway("good"), town.gateway("restless")
    page = open_page(town)
    page.evaluate(SAMPLE)
    asked = loads(page)
    for number in range(40):
        town.do(restless.send(("inventory", restless.inventory(name=f"Name {number}"))))
        if number == 20:
            town.tell(good, good.event())
    page.locator(f'[data-alarm="{good.alarm}"]').wait_for(timeout=4_000)
    # The last of them is shown in the end, by few loads.
    expect(page.get_by_test_id("node-row").filter(has_text="Name 39")).to_be_visible()
    until(lambda: turn(page) and asked != [], 20, "a load")
    assert len(asked) <= FEW
    assert page.evaluate("window.__stale") == 0
    assert page.evaluate("window.__arrivals") == [good.alarm]
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live")


@pytest.mark.more
def test_load_under_way_is_not_given_up(town: Town, open_page: Opener) -> None:
    """Events come through while a load for an inventory hangs; resets meanwhile mean one more."""
    site = town.gateway("gw1")
    page = open_page(town)
    page.evaluate(SAMPLE)
    held = hold(page, "**/api/v1/points")
    asked = loads(page)
    inventory = {"kind": "reset", "data": {"node": "gw1"}, "position": 0}
    page.evaluate(TAKE, inventory)
    until(lambda: turn(page) and len(held) == 1, 20, "a load")
    town.tell(site, site.event())
    page.locator(f'[data-alarm="{site.alarm}"]').wait_for()
    for _ in range(5):
        page.evaluate(TAKE, inventory)
    assert (len(asked), page.evaluate("window.__stale")) == (1, 0)
    page.unroute("**/api/v1/points")
    until(lambda: turn(page) and len(asked) == 2, 20, "one load more")
    # The alarm was told of while the first load hung, and is not told of again.
    assert page.evaluate("window.__arrivals") == [site.alarm]
    expect(page.locator(f'[data-alarm="{site.alarm}"]')).to_be_visible()


def test_screen_that_missed_something_is_not_live(town: Town, open_page: Opener) -> None:
    """After a reset that may hide events the screen is not live until all is loaded."""
    town.gateway("gw1")
    page = open_page(town)
    held = hold(page, "**/api/v1/alarms")
    page.evaluate(TAKE, {"kind": "reset", "data": {}, "position": 0})
    live = page.get_by_test_id("live")
    expect(live).to_have_attribute("data-state", "stale")
    until(lambda: turn(page) and len(held) == 1, 20, "a load")
    expect(live).to_have_attribute("data-state", "stale")
    page.unroute("**/api/v1/alarms")
    expect(live).to_have_attribute("data-state", "live")


def hold(page: Page, path: str) -> list[Route]:
    """Let the requests for a path hang until they are routed no more."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(path, keep)
    return held


def turn(page: Page) -> bool:
    """Let the browser's messages be heard."""
    page.evaluate("1")
    return True
