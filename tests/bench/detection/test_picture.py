"""The picture shows what the saved result says, and says what is missing."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from bench import BenchError
from bench.detection import picture
from bench.detection.faults.kinds import KINDS

RESULT = Path(picture.__file__).parents[1] / "results" / "detection.json"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """What is committed."""
    found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return found


def test_the_committed_result_is_drawn_small(figures: dict[str, Any], tmp_path: Path) -> None:
    """A PNG of less than 150 kB, the same each time."""
    for name in ("a.png", "b.png"):
        picture.draw(figures, tmp_path / name)
    drawn = (tmp_path / "a.png").read_bytes()
    assert drawn.startswith(PNG)
    assert len(drawn) < 150_000
    assert drawn == (tmp_path / "b.png").read_bytes()


def test_every_fault_and_every_estimator_is_in_it(figures: dict[str, Any], tmp_path: Path) -> None:
    """Each row has its name; a drawing keeps its text where the fonts are not outlines."""
    with picture_text():
        picture.draw(figures, tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    names = [*KINDS, *(f"fault {number}" for number in figures["tep_faults"]), "level alarm"]
    names += [picture.CALLED.get(name, name) for name in figures["trend_estimators"]]
    names += figures["fault_false_by_rule"]
    assert [name for name in names if name not in drawn] == []


def picture_text() -> Any:
    """Let text be text for a while."""
    from matplotlib import rc_context  # noqa: PLC0415 - as the module does

    return rc_context({"svg.fonttype": "none"})


def test_what_was_not_measured_is_said(figures: dict[str, Any], tmp_path: Path) -> None:
    """Without the Tennessee Eastman files its panel says so; the others are there."""
    with picture_text():
        picture.draw({**figures, "tep_faults": None}, tmp_path / "a.svg")
    assert "names no folder" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_an_ending_that_is_no_picture_is_told(figures: dict[str, Any], tmp_path: Path) -> None:
    """The file is named, and what can be drawn."""
    with pytest.raises(BenchError, match=r"a\.nothing: .*svg"):
        picture.draw(figures, tmp_path / "a.nothing")


def test_without_matplotlib_it_is_said_how_to_get_it(
    figures: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bench itself needs no matplotlib."""
    loads = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError("No module named 'matplotlib'")
        return loads(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BenchError, match="make setup"):
        picture.draw(figures, tmp_path / "a.png")
