"""Two results compared: a regression is told from noise."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.compare import chance, judge, more_is_better, rows

KEY = "qos1_msgs_per_s"


def compared(
    folder: Path, a: dict[str, Any], b: dict[str, Any]
) -> subprocess.CompletedProcess[str]:
    """Run `python -m bench compare` on two results."""
    files = []
    for name, said in (("a", a), ("b", b)):
        files.append(str(folder / f"{name}.json"))
        Path(files[-1]).write_text(json.dumps(said), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "bench", "compare", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def result(*rates: float) -> dict[str, Any]:
    """Return a result with these runs."""
    return {KEY: sorted(rates)[len(rates) // 2], "samples": {KEY: list(rates)}, "machine": "one"}


@pytest.mark.more
def test_a_fifth_less_is_noticed(tmp_path: Path) -> None:
    """Five runs each, one of them a hiccup: 20 % fewer messages a second fail the comparison."""
    a = result(40_000, 41_000, 39_000, 40_500, 30_000)
    b = result(32_000, 33_000, 31_500, 32_500, 32_200)
    done = compared(tmp_path, a, b)
    assert done.returncode == 1, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["worse"] == [KEY]
    assert "WORSE" in done.stdout
    back = compared(tmp_path, b, a)
    assert back.returncode == 0, back.stdout
    assert "better" in back.stdout


def test_noise_is_not_a_regression(tmp_path: Path) -> None:
    """Runs that overlap pass, though their medians differ by more than a twentieth."""
    done = compared(
        tmp_path, result(40_000, 30_000, 36_000, 44_000, 39_000), result(36_000, 41_000, 29_000)
    )
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["worse"] == []


def test_the_same_spread_is_seldom_called_worse() -> None:
    """Of pairs drawn from one distribution no more than one in ten is called worse."""
    draw = random.Random(1)
    called = 0
    for _ in range(300):
        a, b = ([draw.gauss(100, 15) for _ in range(5)] for _ in range(2))
        called += judge(a, b, more=True) == "WORSE"
    assert called <= 30


def test_chance_is_counted_exactly() -> None:
    """Three above three happens in one of 20 orders; nothing is told apart by ties."""
    assert chance([1, 2, 3], [4, 5, 6]) == pytest.approx(1 / 20)
    assert chance([4, 5, 6], [1, 2, 3]) == pytest.approx(1 / 20)
    assert chance([1, 1, 1], [1, 1, 1]) == 1.0


@pytest.mark.parametrize(
    ("key", "better"),
    [
        ("qos0_msgs_per_s", True), ("readings_per_s", True), ("qos1_ratio", True),
        ("points_at_1hz", True), ("p99_ms", False), ("warm_stop_s", False), ("rss_mb", False),
        ("qos1_cpu_us_per_msg", False), ("state_bytes_per_point", False), ("qos1_lost", False),
        ("dropped", False), ("runs", None), ("seconds", None), ("machine", None),
    ],
)  # fmt: skip
def test_each_figure_has_its_direction(key: str, *, better: bool | None) -> None:
    """By what its name ends with; what was only asked for has none."""
    assert more_is_better(key) is better


def test_a_single_value_must_be_far_worse() -> None:
    """Without runs the noise is not known: a tenth passes, half does not."""
    (row,) = rows({"p99_ms": 40.0}, {"p99_ms": 44.0})
    assert row.verdict == "same"
    (row,) = rows({"p99_ms": 40.0}, {"p99_ms": 60.0})
    assert row.verdict == "WORSE"
    # Where others have runs, a figure without them is printed and not judged.
    found = rows({**result(1, 2, 3), "max_ms": 1.0}, {**result(1, 2, 3), "max_ms": 9.0})
    assert {row.key: row.verdict for row in found} == {KEY: "same", "max_ms": "-"}


@pytest.mark.more
def test_what_is_no_result_is_told(tmp_path: Path) -> None:
    """A file without figures, or with none in common, fails with a reason."""
    assert "no figure in common" in compared(tmp_path, {KEY: 1.0}, {"p99_ms": 1.0}).stderr
    (tmp_path / "a.json").write_text("nothing", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "compare", "/nowhere.json", str(tmp_path / "a.json")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is no result file" in done.stderr
