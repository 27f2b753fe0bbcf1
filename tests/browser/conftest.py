"""A browser a module, a plant for all that leave it whole, and a page a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    expect,
    sync_playwright,
)

from tests.browser.plant import LIMITS, PACK, PASSWORD, Plant, chromium, missing, running
from tests.browser.town import Town, standing

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
#: Notes every sound that plays, every word that is drawn, every violation of the page's own policy.
WITNESS = """
window.__playing = 0;
window.__tones = [];
window.__drawn = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...given) {
  window.__drawn.push([text, this.getTransform().e + x]);
  return fillText.call(this, text, x, ...given);
};
window.__contexts = [];
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`));
window.AudioContext = class extends AudioContext {
  constructor(...given) { super(...given); window.__contexts.push(this); }
};
for (const [name, step] of [["start", 1], ["stop", -1]]) {
  const original = AudioBufferSourceNode.prototype[name];
  AudioBufferSourceNode.prototype[name] = function (...given) {
    window.__playing += step;
    if (step > 0) window.__tones.push(this.buffer.duration);
    return original.apply(this, given);
  };
}
"""

Opener = Callable[..., Page]
# A shared machine may stall a page for seconds; what must be fast is measured where it is promised.
expect.set_options(timeout=20_000)


@dataclass
class Watched:
    """What the pages of one test said and asked for."""

    origin: str = ""
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    requests: int = 0

    def console(self, message: ConsoleMessage) -> None:
        """Note a warning or an error."""
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def excuse(self, words: str) -> None:
        """Forget the complaints that a test has caused on purpose; there must be one."""
        kept = [text for text in self.complaints if words not in text]
        assert len(kept) < len(self.complaints), self.complaints
        self.complaints = kept

    def request(self, request: Request) -> None:
        """Note where a request goes."""
        self.requests += 1
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.foreign.append(request.url)


@pytest.fixture(scope="module", name="plant")
def _plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    if absent := missing():
        pytest.skip(f"not installed: {absent}")
    devices = dict.fromkeys((f"T{number}" for number in range(1, 10)), LIMITS)
    folder = tmp_path_factory.mktemp("plant")
    with running(folder, {**devices, "AR1-AT-101": PACK}) as plant:
        yield plant


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Iterator[Town]:
    """A centre of this test's own, whose gateways the test speaks for."""
    with standing(tmp_path / "centre") as town:
        yield town


@pytest.fixture(scope="module", name="sessions")
def _sessions() -> dict[tuple[str, str], StorageState]:
    """Cookies by server and account: a password is hashed slowly on purpose."""
    return {}


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    if absent := missing():
        pytest.skip(f"not installed: {absent}")
    # Ended with its module: the loop it leaves running would be in the way of asynchronous tests.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(name="watched")
def _watched() -> Watched:
    return Watched()


@pytest.fixture(name="open_page")
def _open_page(
    browser: Browser, watched: Watched, sessions: dict[tuple[str, str], StorageState]
) -> Iterator[Opener]:
    """Open a page that is logged in without a click or a key, so that no sound is allowed yet."""
    contexts = []

    def open_page(
        plant: Plant | Town, *, account: str = "", language: str = "en", own_session: bool = False
    ) -> Page:
        key = plant.url, account
        context = browser.new_context(
            locale=language,
            timezone_id="Asia/Shanghai",
            viewport={"width": 1440, "height": 900},
            storage_state=None if own_session else sessions.get(key),
        )
        contexts.append(context)
        context.add_init_script(WITNESS)
        watched.origin = plant.url
        if own_session or key not in sessions:
            name, password = (account, PASSWORD) if account else plant.administrator
            answer = context.request.post(
                f"{plant.url}/api/v1/session", data={"name": name, "password": password}
            )
            assert answer.ok, answer.text()
            if not own_session:
                sessions[key] = context.storage_state()
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", watched.console)
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on("request", watched.request)
        page.goto(plant.url)
        page.locator('[data-testid="live"][data-state="live"]').wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(name="screen")
def _screen(plant: Plant, open_page: Opener, watched: Watched) -> Iterator[Page]:
    """A live screen of the administrator, in English; it must have had nothing to complain of."""
    page = open_page(plant)
    yield page
    assert page.evaluate("window.__violations") == []
    assert watched.complaints == []
    assert watched.foreign == []
