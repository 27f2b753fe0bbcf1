"""How early the detectors see what is coming, how much they miss, and how often they are wrong."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.detection import faults, leaks, picture, tep, tep_rivals

#: Where the Tennessee Eastman files are.
TEP: Final = "HAZGATE_TEP"
TEP_KEYS: Final = (
    "tep_mean_missed",
    "tep_false_alarm_rate",
    "tep_false_events",
    "tep_mean_delay_min",
)
#: What is asked of the process detector, with the limit of its own normal data.
MOST_MISSED: Final = 0.015
MOST_FALSE: Final = 0.02
LATEST_MIN: Final = 36.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--months", type=int, default=1000, help="point-months without a leak")
    parser.add_argument("--events", type=int, default=500, help="leaks of each kind")
    parser.add_argument("--seeds", type=int, help="sensor faults of each style; all unless stated")
    parser.add_argument("--instrument", default="", help="sensor faults of this one alone")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it: FILE.png, .svg")


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure and print each table as soon as it is there."""
    process, sound = _process()
    leaking = leaks.run(months=arguments.months, events=arguments.events)
    print(leaking.table(), flush=True)
    faulty = faults.run(months=arguments.months, seeds=arguments.seeds, only=arguments.instrument)
    print(f"\n{faulty.table()}", flush=True)
    figures = {
        **process,
        **leaking.figures(),
        "level_slow_lead": round(leaking.level["slow"].share, 3),
        "trend_estimators": {
            row.estimator: {
                "slow_found": round(row.leaks["slow"].found, 3),
                "slow_lead": round(row.leaks["slow"].share, 3),
                "slow_least": round(row.leaks["slow"].least, 3),
                "false": row.false,
                "false_loud": row.loud,
                "months": row.months,
            }
            for row in leaking.rows
        },
        **faulty.figures(),
        "sound": sound and leaking.sound and faulty.sound,
    }
    if arguments.picture is not None:
        picture.draw(figures, arguments.picture)
    return figures


def _process() -> tuple[Mapping[str, Any], bool]:
    folder = os.environ.get(TEP)
    if not folder:
        print(f"Tennessee Eastman: not measured, {TEP} names no folder")
        return dict.fromkeys(TEP_KEYS), True
    result = tep.run(Path(folder))
    print(tep.table(result))
    rivals = tep_rivals.compete(Path(folder))
    print(
        f"{'others, own limits:':>28}   missed   false alarms delay, of 1 % of normal_test the same"
    )
    print(*rivals, "", sep="\n", flush=True)
    named = dict(tep.figures(result))
    sound = (
        named["tep_mean_missed"] <= MOST_MISSED
        and named["tep_false_alarm_rate"] <= MOST_FALSE
        and named["tep_false_events"] == 0
        and named["tep_mean_delay_min"] <= LATEST_MIN
    )
    of_faults = {
        str(each.number): {"missed": round(each.missed, 5), "delay_min": each.delay_min}
        for each in result.own.faults
    }
    others = {
        each.name: {
            "missed": round(each.own.mean_missed, 5),
            "false_alarm_rate": round(each.own.false_alarm_rate, 5),
            "delay_min": round(each.own.mean_delay_min, 2),
        }
        for each in rivals
    }
    return {**named, "tep_faults": of_faults, "tep_rivals": others}, sound
