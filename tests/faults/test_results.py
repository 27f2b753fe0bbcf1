"""The results that are kept, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

from tests.faults.catalogue import Case, Control, FaultTest, Found, load_catalogue, only, repeated
from tests.faults.judging.evidence import Evidence
from tests.faults.results import PAGE, load, page, save
from tests.faults.table import Row


async def nothing(_room: object) -> Evidence:
    """Break nothing."""
    return Evidence()


def a_test(name: str, *mutants: str) -> FaultTest:
    controls = tuple(
        Control(mutant=each, breaks=frozenset({"I1"}), cases=only([])) for each in mutants
    )
    return FaultTest(
        name=name, sentence=f"{name} holds.", observes=frozenset({"I1"}),
        plan=repeated(short=1, long=2, batch=1), run=nothing, limit_s=1.0, controls=controls,
    )  # fmt: skip


def test_results_are_kept_a_test_at_a_time(tmp_path: Path) -> None:
    """What is run later stands beside what was kept, and short counts beside long ones."""
    found = Found(case=Case(number=1, seed=1), faults=500, seconds=60.4, figures={"s": 2.0})
    save([Row(a_test("T90"), [found], {"loud": True})], long=True, folder=tmp_path)
    save([Row(a_test("T91"), [found])], long=True, folder=tmp_path)
    assert list(load(long=True, folder=tmp_path)) == ["T90", "T91"]
    assert load(long=False, folder=tmp_path) == {}
    result = load(long=True, folder=tmp_path)["T90"]
    assert (result.runs, result.violations, result.seconds) == (500, 0, 60)


def test_the_page_hides_nothing_bad(tmp_path: Path) -> None:
    """Violations, controls that got away and tests that could not run are told in its table."""
    bad = Found(case=Case(number=1, seed=1), faults=3, violations={"I1": ["lost", "lost"]})
    away = Found(case=Case(number=1, seed=1), missing="no /dev/fuse")
    save([Row(a_test("T90", "loud"), [bad], {"loud": False})], long=False, folder=tmp_path)
    save([Row(a_test("T91"), [away])], long=False, folder=tmp_path)
    part = Found(case=Case(number=2, seed=2, what="callers"), missing="too few descriptors")
    missed = Found(case=Case(number=3, seed=3), faults=0)
    save([Row(a_test("T93"), [bad, part, missed])], long=False, folder=tmp_path)
    old = tmp_path / "old.md"
    old.write_text("Text.\n\n## Results\nstale\n", encoding="utf-8")
    tests = {name: a_test(name) for name in ("T91", "T92", "T93")}
    tests["T90"] = a_test("T90", "loud")
    text = page(tests, folder=tmp_path, old=old)
    assert text.startswith("Text.\n\n## Results\n")
    assert "stale" not in text
    assert "| T90 | T90 holds. | I1 | 3 runs, 2 violations, 0 s; " in text
    assert "| - | `loud` **not caught** |" in text
    assert "| T91 | T91 holds. | I1 | **not run**: no /dev/fuse | - |" in text
    assert "0 s; **not run**: callers: too few descriptors; **not reached**: 1; " in text
    assert "| T92 | T92 holds. | I1 | - | - | - |" in text


def test_the_page_is_not_stale() -> None:
    """It is what the kept results give: write it anew with `python -m tests.faults --page`."""
    assert page(load_catalogue()) == PAGE.read_text(encoding="utf-8")
