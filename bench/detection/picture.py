"""``python -m bench.detection.picture RESULT.json FILE`` draws what the bench measured (PNG, SVG).

Everything in it stands in the result: it is drawn without measuring anew. matplotlib is loaded only
here, and only when a picture is asked for.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import BenchError
from bench.detection.faults.kinds import KINDS
from bench.detection.leaks.comparison import ALL, BANK
from bench.detection.leaks.evaluation import poisson_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHER, LIMIT, INK, FAINT = "#0b6e99", "#9aa5ad", "#c8401f", "#22303a", "#d8dee2"
STYLE: Final[Any] = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "hazgate",
}
#: What is asked for, as the tables say it.
LEAST_LEAD, LEAST_FOUND, MOST_FALSE = 40.0, 99.0, 0.03
#: How an estimator is called for people, where its name does not say it.
CALLED: Final = {
    "difference": "difference over a window",
    "regression": "plain slope (least squares)",
    ALL[BANK]: "hazgate's trend",
}
DOTS: Final = 80
#: Nothing in a file but the picture: the same each time it is drawn.
UNDATED: Final[dict[str, dict[str, Any]]] = {".svg": {"metadata": {"Date": None}}}


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Draw the figures of a run into a file; its ending says which kind.

    Raises
    ------
    BenchError
        matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - only for a picture
        from matplotlib.figure import Figure  # noqa: PLC0415 - the same
    except ImportError as error:
        raise BenchError(f"{error}: a picture needs matplotlib, `make setup` has it") from error
    with rc_context(STYLE):
        figure = Figure(figsize=(12.5, 8.4))
        axes = figure.subplots(2, 2)
        figure.subplots_adjust(left=0.09, right=0.9, bottom=0.07, top=0.92, wspace=0.75, hspace=0.4)
        panels = (process, leaks, faults, false_alarms)
        for panel, own in zip(panels, axes.flat, strict=True):
            panel(own, figures)
            for side in ("top", "right", "left"):
                own.spines[side].set_visible(False)
            own.tick_params(axis="y", length=0)
            own.invert_yaxis()
        try:
            figure.savefig(path, dpi=DOTS, **UNDATED.get(path.suffix, {}))
        except (OSError, ValueError) as error:
            raise BenchError(f"{path}: {error}") from error


def _titled(axes: Axes, title: str, told: str) -> None:
    axes.set_title(f"{title}\n\n", loc="left", fontweight="bold", fontsize=11)
    axes.text(0.0, 1.03, told, transform=axes.transAxes, va="bottom")


def _limit(axes: Axes, at: float, *, height: float) -> None:
    """Draw what is asked for, with its name at a height, of the axes."""
    axes.axvline(at, color=LIMIT, linewidth=1, linestyle=(0, (4, 3)), zorder=2.5)
    place = axes.get_xaxis_transform()
    axes.text(
        at, height, " asked ", color=LIMIT, fontsize=8, rotation=90, transform=place, ha="right"
    )


def _beside(axes: Axes, row: float, text: str) -> None:
    """Write at the right of a row, behind the axes."""
    axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center")


def process(axes: Axes, figures: Mapping[str, Any]) -> None:
    """Draw what the process detector misses of each fault, and when it tells."""
    of_faults = figures.get("tep_faults")
    if not of_faults:
        _titled(axes, "Process detector", "not measured: HAZGATE_TEP names no folder")
        axes.set_yticks([])
        return
    mean, rate = 100 * figures["tep_mean_missed"], 100 * figures["tep_false_alarm_rate"]
    delay = figures["tep_mean_delay_min"]
    _titled(
        axes,
        "Process detector, Tennessee Eastman",
        f"missed {mean:.2f} % of faulty frames; of normal ones {rate:.2f} % are beyond the limit,\n"
        f"{figures['tep_false_events']} false alarms; mean delay {delay:.0f} min",
    )
    for row, each in enumerate(of_faults.values()):
        axes.barh(row, 100 * each["missed"], color=OURS, height=0.6)
        axes.text(100 * each["missed"] + 0.08, row, f"{100 * each['missed']:.2g}", va="center")
        _beside(axes, row, f"after {each['delay_min']:.0f} min")
    axes.set_yticks(range(len(of_faults)), [f"fault {name}" for name in of_faults])
    axes.set_xlabel("frames missed, %")
    axes.set_xlim(0, 110 * max(0.01, *(each["missed"] for each in of_faults.values())))
    axes.set_ylim(-0.6, len(of_faults) - 0.4)


def leaks(axes: Axes, figures: Mapping[str, Any]) -> None:
    """Draw how early each estimator foretells slow leaks."""
    rows: list[tuple[str, float, float, str]] = [
        (
            CALLED.get(name, name),
            100 * each["slow_lead"],
            100 * each["slow_least"],
            f"{each['slow_found']:.1%}",
        )
        for name, each in figures["trend_estimators"].items()
        if name != ALL[BANK]
    ]
    rows.sort(key=lambda row: row[1])
    ours = figures["trend_estimators"].get(ALL[BANK])
    least = 100 * ours["slow_least"] if ours else 0.0
    found = f"{figures['trend_slow_found']:.1%}"
    rows.append((CALLED[ALL[BANK]], 100 * figures["trend_median_lead"], least, found))
    level = 100 * figures["level_slow_lead"]
    rows.insert(0, ("level alarm", level, level, ""))
    _titled(
        axes,
        "Slow leaks, foretold",
        f"{figures['trend_median_lead']:.0%} of the time from its start to the limit is left,\n"
        f"or {figures['trend_median_lead_s'] / 60:.0f} min (medians)",
    )
    for row, (name, lead, nine, foretold) in enumerate(rows):
        colour = OURS if name == CALLED[ALL[BANK]] else OTHER
        axes.plot([nine, lead], [row, row], color=colour, linewidth=5, alpha=0.35, zorder=2)
        axes.plot(lead, row, "o", color=colour, markersize=8, zorder=3)
        _beside(axes, row, f"found {foretold}" if foretold else "at the limit")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_xlabel("lead, % of the time from start to limit: median, bar from nine in ten")
    axes.set_xlim(-2, 100)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", color=FAINT)
    _limit(axes, LEAST_LEAD, height=0.87)


def faults(axes: Axes, figures: Mapping[str, Any]) -> None:
    """Draw which sensor faults are found in their stated time."""
    _titled(
        axes,
        "Sensor faults, found within their stated time",
        f"{figures['fault_detect_rate']:.2%} of {figures['fault_injected']:,}, of which "
        f"{figures['fault_injected_in_alarm']:,} came\nwhile an alarm stood: "
        f"{figures['fault_cleared']} alarms cleared",
    )
    names = list(KINDS)
    for row, name in enumerate(names):
        key = f"fault_{name.lower().replace(' ', '_')}"
        share, delay = 100 * figures[f"{key}_detect_rate"], figures[f"{key}_delay_s"]
        asked = KINDS[name].asked
        axes.plot([0, share], [row, row], color=FAINT, linewidth=2, zorder=1)
        face = OURS if asked else "white"
        axes.plot(share, row, "o", color=OURS, markerfacecolor=face, markersize=8, zorder=3)
        told = "at once" if delay == 0 else "-" if delay is None else f"{_time(delay)}"
        _beside(axes, row, f"{share:.4g} % of {figures[f'{key}_injected']:,}, {told}")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("found, % (hollow: while it lasted); at the right the median delay")
    axes.set_xlim(0, 103)
    axes.set_ylim(-0.6, len(names) - 0.4)
    _limit(axes, LEAST_FOUND, height=0.0)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def false_alarms(axes: Axes, figures: Mapping[str, Any]) -> None:
    """Draw how often nothing was wrong, with what is excluded with 95 %."""
    trend, health = figures["trend_point_months"], figures["fault_point_months"]
    rows = [
        ("trend", figures["trend_false_alarms"], trend),
        ("all of health", figures["fault_false_alarms"], health),
    ]
    rows += [(f"  {rule}", count, health) for rule, count in figures["fault_false_by_rule"].items()]
    _titled(
        axes,
        "False alarms of a point in 30 days",
        f"trend: {trend:,.0f} point-months, health: {health:,.0f};\nhalf of the points read 0",
    )
    for row, (_, count, months) in enumerate(rows):
        colour = OURS if row < 2 else OTHER
        most = poisson_bound(count) / months
        axes.plot([0, most], [row, row], color=colour, linewidth=5, alpha=0.35, zorder=2)
        axes.plot(count / months, row, "o", color=colour, markersize=7, zorder=3, clip_on=False)
        _beside(axes, row, f"{count}")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_xlabel("alarms a point and 30 days, bar to the upper bound of 95 %")
    worst = max(poisson_bound(count) / months for _, count, months in rows)
    axes.set_xlim(0, max(1.25 * MOST_FALSE, 1.1 * worst))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", color=FAINT)
    _limit(axes, MOST_FALSE, height=0.0)


def main() -> None:
    """Draw a saved result."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.picture", description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("file", type=Path)
    said = parser.parse_args()
    draw(json.loads(said.result.read_text(encoding="utf-8")), said.file)


if __name__ == "__main__":
    main()
