"""What a sensor may say without freezing the page that draws it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener, Watched
from tests.browser.town import Town, points_of

pytestmark = pytest.mark.browser

#: Lowest and highest of a curve: beyond what ticks can count, too close to each other, too far.
RANGES = [
    (9.9e16, 9.9e16),
    (9.9e16, 9.9e16 + 16),
    (-9.9e16 - 16, -9.9e16),
    (1e15, 1e15 + 0.125),
    (1e9, 1e9 + 1e-6),
    (123456.7, 123456.7000001),
    (0.1, 0.1 + 1e-16),
    (1e300, 1.5e300),
    (-1.7e308, 1.7e308),
    (1.7e308, 1.7e308),
    (0, 5e-324),
    (1e-300, 2e-300),
    (0, 0),
    (-5, 40),
]
# Draws one curve with the trend's own range, and returns that range.
DRAW = """async ([low, high]) => {
  const { default: uPlot } = await import("uplot");
  const { valueRange } = await import("/static/trend-plot.js");
  const data = [[1, 2, 3], [low, high, low]];
  const box = document.createElement("div");
  document.body.append(box);
  const scales = { x: { time: false }, y: { range: () => valueRange(data, []) } };
  const plot = new uPlot({ width: 400, height: 200, scales, series: [{}, {}] }, data, box);
  await new Promise((done) => requestAnimationFrame(done));
  plot.destroy();
  box.remove();
  return valueRange(data, []);
}"""


def test_every_range_can_be_drawn(town: Town, open_page: Opener, watched: Watched) -> None:
    """Whatever the values, the axis is finite, wide enough for ticks, and holds them."""
    page = open_page(town)
    for low, high in RANGES:
        least, most = page.evaluate(DRAW, [low, high])
        assert least < most, (low, high)
        assert most - least < float("inf"), (low, high)
        assert (least <= low and high <= most) or (least, most) == (0, 1), (low, high)
        assert most - least >= max(abs(least), abs(most)) * 1e-9, (low, high)
    assert page.evaluate(DRAW, [-1.7e308, 1.7e308]) == [0, 1]
    assert watched.complaints == []


def test_page_goes_on_with_a_value_of_no_measure(
    town: Town, open_page: Opener, watched: Watched
) -> None:
    """A gateway that sends 9.9e16 is drawn, and the page still takes alarms."""
    site = town.gateway("gw1")
    # Without a limit near by: only the values themselves span the axis.
    points = points_of(site, "AR1-AT-101", low=None, high=None)
    assert town.do(site.send(("inventory", site.inventory(points=points)))) == ["stored"]
    # Without the usual first value either: it is long past.
    town.world.pass_time(3600)
    for _ in range(3):
        town.summarise(site, 9.9e16, min=9.9e16, max=9.9e16 + 16)
    page = open_page(town)
    trend = page.get_by_test_id("trend")
    expect(trend).to_have_attribute("data-points", "3")
    town.tell(site, site.event())
    expect(page.locator(f'[data-alarm="{site.alarm}"]')).to_be_visible()
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live")
    assert watched.complaints == []
