"""What the screen must never do: look normal when nobody knows, or show what is not one's own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener, Watched
from tests.browser.plant import DIVISION, LIMITS, OTHER_DIVISION, Plant, missing, running

pytestmark = pytest.mark.browser

#: A link counts as lost after 45 s without a heartbeat, and must be told within 60 s.
TOLD_S = 60
#: Looks at every sign of health on the screen at one instant.
HEALTHY = """() => {
  const all = (selector, root = document) => [
    ...root.querySelectorAll(selector),
    ...[...root.querySelectorAll("*")].flatMap((one) =>
      one.shadowRoot ? all(selector, one.shadowRoot) : []),
  ];
  return {
    tiles: all('[data-testid="point-tile"][data-look="normal"]').length,
    links: all('[data-testid="node-row"][data-shown="up"]').length,
    live: all('[data-testid="live"][data-state="live"]').length,
  };
}"""


@pytest.fixture(name="mortal", scope="module")
def _mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant of this module's own: its gateway is killed, then its centre."""
    if absent := missing():
        pytest.skip(f"not installed: {absent}")
    folder = tmp_path_factory.mktemp("mortal")
    with running(folder, {"T1": LIMITS, "T2": LIMITS, "T3": LIMITS}) as plant:
        yield plant


@pytest.mark.more
def test_nothing_looks_normal_after_a_death(
    mortal: Plant, open_page: Opener, watched: Watched
) -> None:
    """A dead gateway and its points stop looking normal; a dead centre is told within seconds."""
    for tag in ("T1", "T2"):
        mortal.publish(tag, 20)
    page = open_page(mortal)
    for tag in ("T1", "T2"):
        tile = page.locator(f'[data-testid="point-tile"][data-tag="{tag}"]')
        expect(tile).to_have_attribute("data-look", "normal", timeout=30_000)
    # One point has never spoken, and is no more normal than a dead one.
    silent = page.locator('[data-testid="point-tile"][data-tag="T3"]')
    expect(silent).to_have_attribute("data-why", "never")
    assert page.evaluate(HEALTHY) == {"tiles": 2, "links": 1, "live": 1}

    mortal.kill("edge")
    killed = time.monotonic()
    node = page.get_by_test_id("node-row")
    expect(node).to_have_attribute("data-shown", "late", timeout=40_000)
    expect(page.locator('[data-testid="point-tile"][data-look="normal"]')).to_have_count(0)
    expect(node).to_have_attribute("data-shown", "lost", timeout=40_000)
    assert time.monotonic() - killed < TOLD_S
    assert page.evaluate(HEALTHY) == {"tiles": 0, "links": 0, "live": 1}
    expect(page.locator('[data-testid="point-tile"][data-tag="T1"]')).to_contain_text(
        "No data since"
    )

    assert watched.complaints == []
    mortal.kill("centre")
    died = time.monotonic()
    expect(page.get_by_test_id("stale-banner")).to_contain_text("THIS SCREEN IS NOT LIVE")
    assert time.monotonic() - died < 10
    assert page.evaluate(HEALTHY) == {"tiles": 0, "links": 0, "live": 0}
    # The gateway's loss is an alarm of the centre, and stays on the screen.
    lost = page.locator('[data-testid="alarm-row"][data-alarm$="/gateway_lost"]')
    expect(lost).to_have_count(1)
    expect(page).to_have_title("⚠ Not live · hazgate")
    # From here on the browser complains of what it cannot reach, and of nothing else.
    assert {text.partition(" (")[0] for text in watched.complaints} <= {
        "Failed to load resource: net::ERR_CONNECTION_REFUSED",
        "Failed to load resource: net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    }
    assert page.evaluate("window.__violations") == []
    assert watched.foreign == []


def test_another_division_sees_nothing(plant: Plant, screen: Page, open_page: Opener) -> None:
    """An operator sees the own division's alarms, points and gateways, live; another's, nothing."""
    plant.add_account("own", DIVISION)
    plant.add_account("other", OTHER_DIVISION)
    own, other = open_page(plant, account="own"), open_page(plant, account="other")
    plant.publish("T9", 150)
    row = '[data-testid="alarm-row"][data-alarm$="/T9/h"]'
    for page in (screen, own):
        page.locator(row).wait_for()
    # A change of account reaches a stream after all that was said before it.
    expect(other.get_by_test_id("calm")).to_have_text("No alarms")
    for kind in ("alarm-row", "point-tile", "node-row"):
        expect(other.get_by_test_id(kind)).to_have_count(0)
    assert "T9" not in other.content() + other.locator("hz-app").inner_text()
    with plant.client("other") as client:
        for kind in ("alarms", "points", "nodes"):
            assert client.get(f"/api/v1/{kind}").json()[kind] == []


def test_first_visit_asks_who_it_is(plant: Plant, open_page: Opener, watched: Watched) -> None:
    """Without a session there is a form and no data; only the right password enters."""
    screen = open_page(plant, own_session=True)
    screen.get_by_test_id("account").click()
    screen.get_by_test_id("logout").click()
    form = screen.get_by_test_id("login")
    form.wait_for()
    # Nor is there anything to complain of for who has never been here.
    screen.context.clear_cookies()
    screen.reload()
    form.wait_for()
    assert watched.complaints == []
    expect(screen.get_by_test_id("alarm-row")).to_have_count(0)
    name, password = plant.administrator
    form.locator('input[name="name"]').fill(name)
    form.locator('input[name="password"]').fill("not it")
    form.locator("button.main").click()
    expect(form.get_by_role("alert")).to_contain_text("wrong")
    watched.excuse("status of 401")
    form.locator('input[name="password"]').fill(password)
    form.locator("button.main").click()
    screen.locator('[data-testid="live"][data-state="live"]').wait_for()


def test_page_asks_its_own_server_only(screen: Page, watched: Watched) -> None:
    """The screen needs no other server, and its policy forbids what did not come with it."""
    screen.reload()
    screen.locator('[data-testid="live"][data-state="live"]').wait_for()
    assert watched.requests > 20
    assert watched.foreign == []
    # The witness sees a violation when there is one, and the policy stops it.
    blocked = screen.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.__injected = true";
          document.head.append(script);
          await new Promise((done) => setTimeout(done, 100));
          const seen = window.__violations.splice(0);
          return [window.__injected ?? false, seen.length];
        }"""
    )
    assert blocked == [False, 1]
    watched.excuse("Content Security Policy")
