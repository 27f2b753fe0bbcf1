"""An anomaly of many points: the card names those it owes most to, in both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gateway.model import Contribution
from gateway.northbound import wire
from tests.browser.conftest import Opener, Watched
from tests.browser.town import Town, points_of

pytestmark = pytest.mark.browser

ALARM = "reactor/R1-UX-101/anomaly"
OWES = (
    Contribution("R1-TT-101", 0.81, 4.23),
    Contribution("R1-PT-201", 0.4, -0.55),
    Contribution("R1-FT-301", 0.1),
)


@pytest.fixture
def site(town: Town) -> Town:
    """A gateway with an anomaly, and another alarm beside it."""
    child = town.gateway("reactor")
    rule = wire.InventoryRule(
        rule="anomaly", alarm=ALARM, level="anomaly", limit=1.0, priority="high",
        standard="", clause="", title_zh="偏离正常运行",
        title_en="Runs as it never did in normal running",
    )  # fmt: skip
    (point,) = points_of(child, "R1-UX-101", unit="1", name="Reactor as a whole")
    known = points_of(child, "AR1-AT-101")
    inventory = child.inventory(
        points=[*known, wire.InventoryPoint(**{
            name: getattr(point, name) for name in point.__struct_fields__ if name != "rules"
        }, rules=[rule])],
    )  # fmt: skip
    assert town.do(child.send(("inventory", inventory))) == ["stored"]
    about = {"alarm": ALARM, "tag": "R1-UX-101", "rule": "anomaly", "unit": "1", "limit": 1.0}
    town.tell(child, child.event(), child.event(**about, value=3.21, contributions=OWES))
    return town


def selected(page: Page, alarm: str) -> None:
    """Select a row: its details are shown."""
    page.locator(f'[data-testid="alarm-row"][data-alarm="{alarm}"]').click()
    page.get_by_test_id("details").wait_for()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        pytest.param(
            "en",
            ("Owes most to", "R1-TT-101 (+4.2 sd), R1-PT-201 (-0.6 sd), R1-FT-301"),
            marks=pytest.mark.more,
        ),
        ("zh", ("主要来自", "R1-TT-101（+4.2σ），R1-PT-201（-0.6σ），R1-FT-301")),
    ],
)
def test_the_card_names_whom_it_owes_most_to(
    site: Town, open_page: Opener, watched: Watched, language: str, words: tuple[str, str]
) -> None:
    """Tag by tag, with direction and size; where nothing tells how far, the tag alone."""
    page = open_page(site, language=language)
    selected(page, ALARM)
    expect(page.get_by_test_id("owes")).to_have_text(words[1])
    expect(page.get_by_text(words[0])).to_be_visible()
    assert watched.complaints == []


def test_another_alarm_owes_nobody(site: Town, open_page: Opener) -> None:
    """Negative control: the line is that of an anomaly alone."""
    page = open_page(site)
    selected(page, "reactor/AR1-AT-101/ammonia.machine_room.h")
    expect(page.get_by_test_id("owes")).to_have_count(0)
