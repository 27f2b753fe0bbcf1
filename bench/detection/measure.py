"""How early the detectors see what is coming, how much they miss, and how often they are wrong."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.detection import leaks, tep

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


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Measure and print each table as soon as it is there."""
    process, sound = _process()
    found = leaks.run(months=arguments.months, events=arguments.events)
    print(found.table())
    return {**process, **found.figures(), "sound": sound and found.sound}


def _process() -> tuple[Mapping[str, float | None], bool]:
    folder = os.environ.get(TEP)
    if not folder:
        print(f"Tennessee Eastman: not measured, {TEP} names no folder")
        return dict.fromkeys(TEP_KEYS), True
    result = tep.run(Path(folder))
    print(tep.table(result), flush=True)
    named = tep.figures(result)
    sound = (
        named["tep_mean_missed"] <= MOST_MISSED
        and named["tep_false_alarm_rate"] <= MOST_FALSE
        and named["tep_false_events"] == 0
        and named["tep_mean_delay_min"] <= LATEST_MIN
    )
    return named, sound
