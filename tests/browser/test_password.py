"""One's own password, changed at the screen: by keys alone, and with every mistake told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from gateway.supervision.accounts import MAX_PASSWORD, MIN_PASSWORD
from tests.browser.conftest import Opener, Watched
from tests.browser.plant import DIVISION, PASSWORD, Plant

DASHBOARD = Path(__file__).parents[2] / "gateway" / "supervision" / "dashboard"
FRESH = "another long password"


def dialog_by_keys(page: Page) -> Locator:
    """Open the dialog as who has no mouse."""
    page.get_by_test_id("account").focus()
    for key in ("Enter", "Tab", "Enter"):
        page.keyboard.press(key)
    dialog = page.get_by_role("dialog")
    expect(dialog.locator('input[name="old"]')).to_be_focused()
    return dialog


def send(dialog: Locator, old: str, new: str, again: str) -> None:
    for name, value in (("old", old), ("new", new), ("again", again)):
        dialog.locator(f'input[name="{name}"]').fill(value)
    dialog.page.keyboard.press("Enter")


def test_lengths_are_those_of_the_server() -> None:
    """The dialog refuses the lengths that the server would refuse, and no other."""
    source = (DASHBOARD / "password-dialog.js").read_text(encoding="utf-8")
    found = re.findall(r"^const (?:SHORTEST|LONGEST) = (\d+);$", source, re.MULTILINE)
    assert found == [str(MIN_PASSWORD), str(MAX_PASSWORD)]


@pytest.mark.browser
def test_password_is_changed_by_keys(plant: Plant, open_page: Opener, watched: Watched) -> None:
    """The new password is asked for twice, ends the session, and is the one that enters."""
    plant.add_account("changes", DIVISION)
    page = open_page(plant, account="changes", language="zh-CN", own_session=True)
    dialog = dialog_by_keys(page)
    expect(dialog).to_have_accessible_name(re.compile("修改密码"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_test_id("account")).to_be_focused()
    send(dialog_by_keys(page), PASSWORD, FRESH, FRESH)
    form = page.get_by_test_id("login")
    expect(form.get_by_role("status")).to_contain_text("密码已修改")
    expect(form.get_by_role("alert")).to_have_count(0)
    expect(form.locator('input[name="name"]')).to_be_focused()
    page.keyboard.type("changes")
    page.keyboard.press("Tab")
    page.keyboard.type(FRESH)
    page.keyboard.press("Enter")
    page.locator('[data-testid="live"][data-state="live"]').wait_for()
    # A trend that was asked for while the session ended is refused.
    watched.complaints = [text for text in watched.complaints if "/readings?" not in text]
    assert watched.complaints == []
    assert page.evaluate("window.__violations") == []


@pytest.mark.browser
def test_every_mistake_is_told_where_it_is(
    plant: Plant, open_page: Opener, watched: Watched
) -> None:
    """What is wrong is told beside its field, which has the focus; nothing is changed by it."""
    plant.add_account("errs", DIVISION)
    page = open_page(plant, account="errs", own_session=True)
    dialog = dialog_by_keys(page)
    alert = dialog.get_by_role("alert")
    for name, told, typed in (
        ("old", "Enter your current password", ("", FRESH, FRESH)),
        ("new", "10 to 256 characters; this one has 5", (PASSWORD, "short", "short")),
        ("new", "must differ from the current one", (PASSWORD, PASSWORD, PASSWORD)),
        ("again", "are not the same", (PASSWORD, FRESH, FRESH + "!")),
    ):
        send(dialog, *typed)
        expect(alert).to_contain_text(told)
        field = dialog.locator('[aria-invalid="true"]')
        expect(field).to_have_attribute("name", name)
        expect(field).to_be_focused()
        expect(field).to_have_accessible_description(re.compile(told))
    assert watched.complaints == []

    path = "**/api/v1/session/password"
    page.route(path, lambda route: route.abort())
    send(dialog, PASSWORD, FRESH, FRESH)
    expect(alert).to_contain_text("did not answer")
    page.unroute(path)
    watched.excuse("ERR_FAILED")

    send(dialog, "not the password", FRESH, FRESH)
    expect(alert).to_contain_text("The current password is wrong")
    expect(dialog.locator('input[name="old"]')).to_be_focused()
    watched.excuse("status of 403")
    guess = {"old": "not the password", "new": FRESH}
    for _ in range(4):
        answer = page.request.put(f"{plant.url}/api/v1/session/password", data=guess)
        assert answer.status == 403
    send(dialog, PASSWORD, FRESH, FRESH)
    expect(alert).to_contain_text("Too many wrong passwords. Wait 15 minutes")
    watched.excuse("status of 429")
    # Still who one was, with the screen as it was.
    page.keyboard.press("Escape")
    expect(page.locator('[data-testid="live"][data-state="live"]')).to_be_visible()
    assert watched.complaints == []
