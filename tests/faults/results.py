"""The results that the repository keeps, and the page that shows them.

`python -m tests.faults --save` leaves a file for each test, short and long apart, so that a long
laboratory may be run a test at a time; `--page` writes `docs/reliability.md` from them.
"""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from tests.faults.catalogue import FaultTest
from tests.faults.laboratory import write
from tests.faults.table import Row, figures, numbered

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent / "results"
PAGE: Final = ROOT / "docs" / "reliability.md"
#: A figure that has a limit is shown on the page.
LIMITED: Final = "(limit "
#: What is below it on the page is written by the program.
BELOW: Final = "## Results\n"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one test came to.

    Parameters
    ----------
    runs, violations
        Without the controls'.
    unreached
        Runs that never came to the call that was to fail.
    controls
        Mutant -> whether it was caught; None where it could not run.
    seconds, control_seconds
        What the runs took, and those of the controls.
    figures
        What was timed and measured, in words.
    commit, day
        What was run, and when.
    missing
        What could not run, and why; empty where everything did.
    """

    test: str
    runs: int
    violations: int
    unreached: int = 0
    controls: dict[str, bool | None]
    seconds: int
    control_seconds: int = 0
    figures: dict[str, str]
    commit: str
    day: str
    missing: list[str] = []


def commit() -> str:
    """Return the short name of what is checked out, with a + where it was changed since.

    What is kept of the tests before is no such change.
    """

    def git(*words: str) -> str:
        return subprocess.run(
            ("git", *words), cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    kept = (f":!{path.relative_to(ROOT)}" for path in (FOLDER, PAGE))
    changed = git("status", "--porcelain", "--", ".", *kept)
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def save(rows: Sequence[Row], *, long: bool, folder: Path = FOLDER) -> None:
    """Keep a file for each test that was run."""
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    for row in rows:
        result = Result(
            test=row.test.name,
            runs=row.runs,
            violations=row.violations,
            unreached=row.unreached,
            controls=row.controls,
            seconds=round(row.seconds),
            control_seconds=round(row.control_s),
            figures=figures(row),
            commit=commit(),
            day=day,
            missing=row.missing,
        )
        write(folder / ("long" if long else "short") / f"{row.test.name}.json", result)


def load(*, long: bool, folder: Path = FOLDER) -> dict[str, Result]:
    """Return the kept results by the name of the test."""
    found = sorted((folder / ("long" if long else "short")).glob("*.json"))
    results = [msgspec.json.decode(path.read_bytes(), type=Result) for path in found]
    return {result.test: result for result in results}


def page(tests: dict[str, FaultTest], *, folder: Path = FOLDER, old: Path = PAGE) -> str:
    """Return the page: its text as it is, and below it the tables of what is kept."""
    text = old.read_text(encoding="utf-8").partition(BELOW)[0]
    short, long = load(long=False, folder=folder), load(long=True, folder=folder)
    lines = [
        "| test | what it promises | judged by | short | long | controls caught |",
        "|---|---|---|---|---|---|",
    ]
    for name, test in tests.items():
        cells = [_cell(results.get(name)) for results in (short, long)]
        told = [name, test.sentence, " ".join(numbered(test.observes)), *cells]
        lines.append(f"| {' | '.join(told)} | {_caught(test, short)} |")
    lines += ["", "### What was measured", ""]
    lines += ["| test | figure | short | long |", "|---|---|---|---|"]
    for name in tests:
        told = [results[name].figures if name in results else {} for results in (short, long)]
        for figure in (each for each in dict.fromkeys([*told[0], *told[1]]) if LIMITED in each):
            values = " | ".join(each.get(figure, "-") for each in told)
            lines.append(f"| {name} | {figure} | {values} |")
    return f"{text}{BELOW}\n" + "\n".join(lines) + "\n"


def _cell(result: Result | None) -> str:
    if result is None:
        return "-"
    ran = f"{result.runs:,} runs, {result.violations} violations, {result.seconds:,} s"
    away = [f"**not run**: {each}" for each in result.missing]
    away += [f"**not reached**: {result.unreached}"] if result.unreached else []
    what = f"{result.day}, {result.commit}"
    return "; ".join([ran, *away, what] if result.runs or result.violations else away)


def _caught(test: FaultTest, results: dict[str, Result]) -> str:
    if test.name not in results or not test.controls:
        return "-"
    marks = {True: "", False: " **not caught**", None: " not run"}
    found = results[test.name].controls
    return ", ".join(f"`{name}`{marks[was]}" for name, was in found.items())
