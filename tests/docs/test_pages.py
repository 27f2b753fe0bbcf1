"""Links, headings, the picture of the rooms, and what no page may say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ARCHITECTURE, PAGES, ROOT, blocks, name_of, prose

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
#: Workplaces, people and hosts that mean nothing to a reader. The demo prints a port of loopback.
NOT_SAID = re.compile(
    r"/work\b|/home/|/root/|/tmp/|\bissue[s]? #?\d|\bsitting\b|py[p]i\.", re.IGNORECASE
)

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """Return a heading as a link names it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)}


def dead_links(text: str, folder: Path) -> list[str]:
    """Return the relative links of a text that lead nowhere."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, mark = target.partition("#")
        path = (folder / name).resolve() if name else None
        if path is None:
            continue
        lost = mark and path.suffix == ".md" and path.exists() and mark not in anchors(path)
        if not path.exists() or lost:
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link within the repository has its file, and its heading."""
    text = prose(page)
    assert dead_links(text, page.parent) == []
    own = [mark for mark in re.findall(r"\]\(#([^)]+)\)", text) if mark not in anchors(page)]
    assert own == []


def test_a_dead_link_is_found() -> None:
    """Negative control: a file and a heading that are not there."""
    text = "[a](README.md) [b](invented.md) [c](README.md#invented) [d](README.md#licence)"
    assert dead_links(text, ROOT) == ["invented.md", "README.md#invented"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_speaks_of_the_workplace(page: Path) -> None:
    """A page names no machine's folders, no tickets and no package host."""
    assert NOT_SAID.findall(page.read_text(encoding="utf-8")) == []


def test_the_workplace_is_found() -> None:
    """Negative control: what may not be said is recognised."""
    for text in ("see /tmp/x", "as in issue 12", "copy /home/me/site.toml"):
        assert NOT_SAID.search(text)


def rooms(text: str) -> list[list[str]]:
    """Return layers, each a sorted list of its rooms."""
    return [sorted(line.split(" | ")) for line in text.splitlines() if line]


def test_the_picture_of_the_rooms_is_the_checked_one() -> None:
    """The layers in the architecture page are those that import-linter holds."""
    (picture,) = (block.text for block in blocks(ARCHITECTURE) if block.language == "layers")
    contracts = SETTINGS["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    assert rooms(picture) == rooms("\n".join(layers))
    assert rooms(picture.replace("pipeline", "pipelines")) != rooms("\n".join(layers))


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_has_its_parts(page: Path) -> None:
    """A decision record has context, decision, is, is not and consequences, on one page."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    wanted = ["Context", "Decision", "Is", "Is not", "Consequences"]
    assert text.startswith(f"# {page.name[:4]} ")
    assert len(text.splitlines()) <= 70
    assert [heading for heading in headings if heading in wanted] == wanted


def test_decisions_are_numbered_without_gaps() -> None:
    """Numbers run from 0001; none is given twice."""
    assert [page.name[:4] for page in DECISIONS] == [
        f"{number:04}" for number in range(1, len(DECISIONS) + 1)
    ]


def test_the_changes_begin_with_alarm_behaviour() -> None:
    """What changes the alarms stands before everything else of a release."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for release in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert headings[0] == "Alarm behaviour"


def test_every_module_that_a_page_names_exists() -> None:
    """A path of a source file in backticks is a file of the repository."""
    for page in PAGES:
        for named in re.findall(r"`([\w/]+\.py)`", prose(page)):
            homes = (ROOT, ROOT / "gateway", ROOT / "gateway" / "supervision")
            assert any((home / named).exists() for home in homes), (page.name, named)
