"""Two result files of one bench, figure by figure; fails on a regression beyond noise.

A figure is worse beyond noise when its median is worse by more than 5 %, and the runs of B are
ranked below those of A as chance alone would rank them in one case of 12 or fewer (the exact
rank-sum test: of five runs each, one may be a hiccup). Where a file has too few runs to tell (three
and three are the least), or a single value, a median worse by more than 25 % is taken for worse.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import BenchError

#: What a figure's name ends with, and whether more of it is better; the longest ending counts.
DIRECTIONS: Final = {
    "_per_s": True,
    "_ratio": True,
    "points_at_1hz": True,
    "_detect_rate": True,
    "_median_lead": True,
    "_ms": False,
    "_s": False,
    "_mb": False,
    "_us_per_msg": False,
    "bytes_per_point": False,
    "_lost": False,
    "dropped": False,
    "_false_alarm_rate": False,
}
#: A bench that keeps its runs keeps those of the figures that count; others have no known noise.
NOT_JUDGED: Final = "-"
#: What was counted has no noise of its own: it is judged without samples too.
COUNTED: Final = ("_lost", "dropped", "bytes_per_point", "points_at_1hz")
LEAST: Final = 0.05
LEAST_ALONE: Final = 0.25
CHANCE: Final = 1 / 12
#: More runs than this are as good as told apart by their ranks; the exact count would be long.
MOST_RUNS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure: medians in A and B, and what became of it."""

    key: str
    a: float
    b: float
    verdict: str

    @property
    def ratio(self) -> float:
        """B for each A."""
        return self.b / self.a if self.a else float("inf") if self.b else 1.0


def more_is_better(key: str) -> bool | None:
    """Return the direction of a figure, or None for one that has none."""
    found = [ending for ending in DIRECTIONS if key.endswith(ending)]
    return DIRECTIONS[max(found, key=len)] if found else None


def rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Row]:
    """Yield every figure that both files have and that has a direction."""
    runs_a, runs_b = a.get("samples", {}), b.get("samples", {})
    for key in a:
        better = more_is_better(key)
        if better is None or not _number(a[key]) or not _number(b.get(key)):
            continue
        counted = key.endswith(COUNTED)
        if not counted and (runs_a or runs_b) and not (runs_a.get(key) and runs_b.get(key)):
            verdict = NOT_JUDGED
        else:
            ours, theirs = runs_a.get(key, [a[key]]), runs_b.get(key, [b[key]])
            verdict = judge(ours, theirs, more=better)
        yield Row(key=key, a=a[key], b=b[key], verdict=verdict)


def judge(a: Sequence[float], b: Sequence[float], *, more: bool) -> str:
    """Return "same", "better" or "WORSE" for B against A; `more` says which way is better."""
    sign = 1.0 if more else -1.0
    before, after = median(a), median(b)
    change = sign * (after - before)
    size = abs(after - before) / abs(before) if before else float(after != before)
    if comb(len(a) + len(b), len(a)) * CHANCE >= 1:
        beyond = size > LEAST and chance(a, b) <= CHANCE
    else:
        beyond = size > LEAST_ALONE
    if not beyond:
        return "same"
    return "better" if change > 0 else "WORSE"


def chance(a: Sequence[float], b: Sequence[float]) -> float:
    """Return how often chance alone ranks two groups at least as far apart, in the same order."""
    a, b = a[:MOST_RUNS], b[:MOST_RUNS]
    pooled = [*a, *b]
    ranks = [
        sum(other < value for other in pooled) + sum(other == value for other in pooled) / 2
        for value in pooled
    ]
    seen = sum(ranks[: len(a)])
    usual = sum(ranks) * len(a) / len(pooled)
    sums = [sum(each) for each in combinations(ranks, len(a))]
    farther = sum((each >= seen) if seen >= usual else (each <= seen) for each in sums)
    return farther / len(sums)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("a", type=Path, metavar="A", help="a result file: the one before")
    parser.add_argument("b", type=Path, metavar="B", help="the one after")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Print the table; a figure that is worse makes it fail."""
    a, b = _read(arguments.a), _read(arguments.b)
    for name, said in (("A", a), ("B", b)):
        print(f"{name}: {said.get('machine', 'on a machine that is not told')}")
    found = list(rows(a, b))
    if not found:
        raise BenchError(f"{arguments.a} and {arguments.b} have no figure in common")
    print(f"{'figure':<40} {'A':>14} {'B':>14} {'B/A':>7}  verdict")
    for row in found:
        print(f"{row.key:<40} {row.a:>14,.6g} {row.b:>14,.6g} {row.ratio:>7.3f}  {row.verdict}")
    worse = [row.key for row in found if row.verdict == "WORSE"]
    gone = sorted(key for key in a if more_is_better(key) is not None and key not in b)
    for key in gone:
        print(f"{key}: not in B")
    return {"compared": len(found), "worse": worse, "missing": gone, "sound": not worse}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: is no result file: {error}") from error
    if not isinstance(said, dict):
        raise BenchError(f"{path}: is no result file: it holds no figures")
    return said
