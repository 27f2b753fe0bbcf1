"""From a sensor's message to the operator's hand: it appears, sounds, and is acknowledged."""

from __future__ import annotations

import re
import statistics
import time
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.plant import NODE, Plant, until

pytestmark = pytest.mark.browser

WITHIN_S = 1.0
#: How far the trend's cursor may stand from the pointer.
PIXELS = 4
ZOOM = "getComputedStyle(document.documentElement).zoom"
# Reads a canvas back once, and counts the pixels that have one of the colours by name.
COUNT_PIXELS = """(canvas, colours) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Object.fromEntries(Object.entries(colours).map(([name, colour]) => {
    const want = [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16));
    let found = 0;
    for (let i = 0; i < data.length; i += 4)
      if (want.every((part, k) => Math.abs(data[i + k] - part) < 12)) found += 1;
    return [name, found];
  }));
}"""
Tick = tuple[float, float]
COMMENT = "told the shift leader, valve closed"


def row_of(page: Page, alarm: str) -> Locator:
    return page.locator(f'[data-testid="alarm-row"][data-alarm="{NODE}/{alarm}"]')


def tile_of(page: Page, tag: str) -> Locator:
    return page.locator(f'[data-testid="point-tile"][data-tag="{tag}"]')


def acknowledge(page: Page, alarm: str, comment: str) -> None:
    row_of(page, alarm).get_by_test_id("ack").click()
    page.get_by_test_id("ack-comment").fill(comment)
    page.get_by_test_id("ack-send").click()
    expect(row_of(page, alarm)).to_have_attribute("data-state", "ACKED", timeout=20_000)


def test_message_becomes_a_row_within_a_second(
    plant: Plant, screen: Page, record_property: pytest.RecordProperty
) -> None:
    """A value by `mosquitto_pub` above its limit is a row within 1 s, without a reload."""
    screen.evaluate("window.__sameDocument = true")
    took = []
    for tag in ("T1", "T2", "T3"):
        expect(row_of(screen, f"{tag}/h")).to_have_count(0)
        begin = time.perf_counter()
        plant.publish(tag, 150.5)
        row_of(screen, f"{tag}/h").wait_for()
        took.append(time.perf_counter() - begin)
    report = ", ".join(f"{seconds * 1000:.0f} ms" for seconds in took)
    record_property("message_to_row", report)
    print(f"\nmosquitto_pub to row on the screen: {report}")  # noqa: T201
    for tag in ("T1", "T2", "T3"):
        row = row_of(screen, f"{tag}/h")
        expect(row).to_have_attribute("data-state", "UNACK")
        expect(row).to_contain_text("150.5 ppm, limit 100 ppm")
        expect(row).to_contain_text("Machine room")
    assert screen.evaluate("window.__sameDocument") is True
    assert statistics.median(took) < WITHIN_S, report


def test_acknowledgement_goes_to_the_site_and_comes_back(plant: Plant, screen: Page) -> None:
    """Who acknowledges, and why, is in the edge's journal, and the row shows it as acknowledged."""
    plant.publish("T4", 150)
    row = row_of(screen, "T4/h")
    expect(row).to_have_attribute("data-state", "UNACK")
    acknowledge(screen, "T4/h", COMMENT)
    expect(row).to_contain_text("Acknowledged, still in alarm")
    expect(row.get_by_test_id("ack")).to_have_count(0)
    expect(row.get_by_test_id("details")).to_contain_text(f"admin: {COMMENT}")
    done = [event for event in plant.journal() if event.cause == "acknowledge"]
    found = [event for event in done if event.alarm == f"{NODE}/T4/h"]
    assert [(event.after, event.operator, event.comment) for event in found] == [
        ("ACKED", "admin", COMMENT)
    ]


def test_a_return_to_normal_clears_the_row(plant: Plant, screen: Page) -> None:
    """An acknowledged alarm whose value has returned leaves the list by itself."""
    plant.publish("T5", 150)
    expect(row_of(screen, "T5/h")).to_have_attribute("data-state", "UNACK")
    acknowledge(screen, "T5/h", "seen")
    plant.publish("T5", 20)
    expect(row_of(screen, "T5/h")).to_have_count(0, timeout=20_000)


def test_trend_shows_limits_and_values(plant: Plant, screen: Page) -> None:
    """The trend of a point draws its curve and each limit, and tells them to who cannot see it."""
    for value in (40, 60, 80):
        plant.publish("T6", value)
    expect(tile_of(screen, "T6")).to_contain_text("80 ppm", timeout=30_000)
    tile_of(screen, "T6").click()
    trend = screen.get_by_test_id("trend")
    expect(trend).to_have_attribute("data-tag", "T6")
    expect(trend).to_have_attribute("data-points", re.compile(r"[1-9]\d*"), timeout=30_000)
    expect(trend).to_have_attribute("aria-label", re.compile("80 ppm; HH 500 ppm, H 100 ppm"))
    drawn = trend.locator("canvas")
    wanted = {"HH": ("c40d1e", 300), "H": ("b9600b", 150), "curve": ("1f4f7d", 5)}
    # Drawn anew each 9 s: a page whose clock lags under load shows the newest value a round later.
    until(lambda: lacking(drawn, wanted) == [], 30, "curve and limits")
    check_time_axis(screen, drawn)
    told, readout = re.compile(r"mean .*\(\d+–80\)"), screen.get_by_test_id("readout")
    until(lambda: points(screen, 0.98) and bool(told.search(readout.inner_text())), 20, "a readout")
    # Also where the page is enlarged, the pointer points at what it is told of.
    screen.set_viewport_size({"width": 1920, "height": 1080})
    until(lambda: screen.evaluate(ZOOM) == "1.25", 20, "an enlarged page")
    until(lambda: points(screen, 0.6), 20, "a cursor under the pointer")


def points(page: Page, share: float) -> bool:
    """Move the pointer to a share of the plot's width; return whether the cursor stands under it.

    The plot takes a new size a moment after its page has: until then the answer is no.
    """
    trend = page.get_by_test_id("trend")
    box, canvas = trend.bounding_box(), trend.locator("canvas").bounding_box()
    if box is None or canvas is None or abs(box["width"] - canvas["width"]) > PIXELS:
        return False
    across = box["x"] + box["width"] * share
    page.mouse.move(across, box["y"] + box["height"] / 2)
    line = page.locator(".u-cursor-x").bounding_box()
    return line is not None and abs(line["x"] - across) <= PIXELS


def check_time_axis(page: Page, canvas: Locator) -> None:
    """Each time below the trend stands where it was: the right edge is now."""
    # Another window and back draws the whole trend anew, with a time each five minutes again.
    page.locator('.pair [data-minutes="60"]').click()
    until(lambda: steps_of(page, 10) != [], 20, "an hour")
    page.evaluate("window.__drawn = []")
    page.locator('.pair [data-minutes="15"]').click()
    until(lambda: steps_of(page, 5) != [], 20, "a new drawing")
    now = page.get_by_test_id("clock").locator("b").inner_text()
    ticks = steps_of(page, 5)[-1]
    (_, left), (second, right) = ticks
    edge = canvas.evaluate("(one) => one.width") - 12
    shown = second + (edge - right) / (right - left) * 5
    assert shown % 1440 == pytest.approx(minute(now), abs=0.3), (ticks, now)


def times_of(page: Page) -> list[Tick]:
    """Return the times drawn, in minutes of the day, with where they stand."""
    drawn = page.evaluate("window.__drawn")
    return [(minute(text), x) for text, x in drawn if re.fullmatch(r"\d\d:\d\d", text)]


def steps_of(page: Page, step: int) -> list[tuple[Tick, Tick]]:
    """Return the neighbours among the times drawn that are so many minutes apart."""
    return [(a, b) for a, b in pairwise(times_of(page)) if (b[0] - a[0]) % 1440 == step]


def minute(text: str) -> float:
    hour, minutes, seconds = (int(part) for part in f"{text}:0".split(":")[:3])
    return hour * 60 + minutes + seconds / 60


def lacking(canvas: Locator, wanted: dict[str, tuple[str, int]]) -> list[str]:
    """Return what is drawn with no more pixels of its colour than it must exceed."""
    colours = {name: colour for name, (colour, _) in wanted.items()}
    counts: dict[str, int] = canvas.evaluate(COUNT_PIXELS, colours)
    return [name for name, (_, least) in wanted.items() if counts[name] <= least]


def test_unacknowledged_alarm_sounds_until_muted(plant: Plant, screen: Page) -> None:
    """Once the user allows sound an alarm sounds; muting ends it; a new alarm ends the mute."""
    sound = screen.get_by_test_id("sound")
    expect(sound).to_have_attribute("data-sound", "blocked")
    plant.publish("T7", 150)
    expect(row_of(screen, "T7/h")).to_have_attribute("data-state", "UNACK")
    assert screen.evaluate("window.__playing") == 0
    sound.click()
    expect(sound).to_have_attribute("data-sound", "sounding")
    assert screen.evaluate("window.__contexts.map((one) => one.state)") == ["running"]
    assert screen.evaluate("window.__playing") == 1
    sound.click()
    screen.locator('[data-testid="mute"][data-minutes="5"]').click()
    expect(sound).to_have_attribute("data-sound", "muted")
    assert screen.evaluate("window.__playing") == 0
    expect(row_of(screen, "T7/h")).to_have_attribute("data-state", "UNACK")
    plant.publish("T8", 150)
    expect(row_of(screen, "T8/h")).to_have_attribute("data-state", "UNACK")
    expect(sound).to_have_attribute("data-sound", "sounding")
    assert screen.evaluate("window.__playing") == 1
