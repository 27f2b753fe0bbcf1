"""A word that this screen does not know counts as the gravest; it silences and hides nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener, Watched
from tests.browser.plant import until
from tests.browser.town import Town

pytestmark = pytest.mark.browser

#: Names that every object of the browser's language has, and one that is nobody's.
PRIORITIES = (
    pytest.param("constructor", marks=pytest.mark.more),
    "__proto__",
    pytest.param("x y", marks=pytest.mark.more),
)
PLAYING, TONE = "window.__playing", "window.__tones.at(-1)"
#: How long the critical tone's period is.
CRITICAL_S = 0.8


@pytest.mark.parametrize("priority", PRIORITIES)
def test_unknown_priority_sounds_and_looks_critical(
    town: Town, open_page: Opener, watched: Watched, priority: str
) -> None:
    """One gateway's strange priority stops no tone, not its own and not that of others."""
    good, strange = town.gateway("good"), town.gateway("strange")
    page = open_page(town)
    page.keyboard.press("x")
    town.tell(good, good.event(priority="low"))
    until(lambda: page.evaluate(PLAYING) == 1, 20, "a tone")

    town.tell(strange, strange.event(priority=priority))
    row = page.locator('[data-testid="alarm-row"][data-node="strange"]')
    tile = page.locator('[data-testid="point-tile"][data-node="strange"]')
    for place in (row, tile):
        expect(place.get_by_role("img")).to_have_accessible_name("Critical")
        assert "critical" in (place.get_attribute("class") or "").split()
    expect(page.locator('[data-priority="critical"][data-count="1"]')).to_be_visible()
    sound = page.get_by_test_id("sound")
    expect(sound).to_have_attribute("data-sound", "sounding")
    assert page.evaluate(PLAYING) == 1
    # Muting also ends the seconds for which a new alarm sounds: after it sounds what stands.
    sound.click()
    page.locator('[data-testid="mute"][data-minutes="1"]').click()
    expect(sound).to_have_attribute("data-sound", "muted")
    sound.click()
    page.get_by_role("button", name="Unmute").click()
    expect(sound).to_have_attribute("data-sound", "sounding")
    assert page.evaluate(f"[{PLAYING}, {TONE}]") == [1, CRITICAL_S]
    town.tell(good, good.event(alarm="good/second/h", priority="critical"))
    page.locator('[data-alarm="good/second/h"]').wait_for()
    assert page.evaluate(PLAYING) == 1
    assert watched.complaints == []


def test_a_tone_that_fails_ends_no_other(town: Town, open_page: Opener) -> None:
    """The tone that sounds goes on until the next one does, and the next is tried again."""
    site = town.gateway("gw1")
    page = open_page(town)
    page.keyboard.press("x")
    town.tell(site, site.event(priority="low"))
    until(lambda: page.evaluate(PLAYING) == 1, 20, "a tone")
    page.evaluate(
        """() => {
          const { createBuffer } = BaseAudioContext.prototype;
          window.__failed = 0;
          BaseAudioContext.prototype.createBuffer = function () {
            window.__failed += 1;
            throw new Error("no memory for a tone");
          };
          window.__mend = () => { BaseAudioContext.prototype.createBuffer = createBuffer; };
        }"""
    )
    town.tell(site, site.event(alarm="gw1/second/h", priority="critical"))
    until(lambda: page.evaluate("window.__failed > 1"), 20, "a second try")
    assert page.evaluate(PLAYING) == 1
    page.evaluate("window.__failed = 0; window.__mend()")
    expect(page.get_by_test_id("sound")).to_have_attribute("data-sound", "sounding")
    until(lambda: page.evaluate(TONE) == CRITICAL_S, 20, "the graver tone")
    assert page.evaluate(PLAYING) == 1
