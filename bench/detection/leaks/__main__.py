"""``python -m bench.detection.leaks`` tunes every estimator on the development seeds."""

from __future__ import annotations

import argparse

from bench.detection.leaks.comparison import ALL, Sample, tune
from bench.detection.leaks.evaluation import DEVELOPMENT


def main() -> None:
    """Print every setting of every estimator; half an hour."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.leaks", description=__doc__)
    parser.add_argument("--events", type=int, default=200, help="of each kind")
    parser.add_argument("--points", type=int, default=200, help="of normal data")
    parser.add_argument("--days", type=int, default=8, help="of each point")
    parser.add_argument("--only", choices=ALL, help="this estimator")
    said = parser.parse_args()
    sample = Sample(half=DEVELOPMENT, events=said.events, points=said.points, days=said.days)
    tune(sample, said.only)


if __name__ == "__main__":
    main()
