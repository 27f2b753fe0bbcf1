"""``python -m bench`` lists the benches; ``python -m bench NAME`` runs one.

A bench ends with one JSON line of its figures. Exit status: 0 measured and sound, 1 something was
wrong, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import BenchError, kernels, throughput
from bench.machine import machine

BENCHES = {"kernels": kernels, "throughput": throughput}


def summary(name: str) -> str:
    """Return what a bench measures, in one line."""
    return (BENCHES[name].__doc__ or "").partition("\n")[0]


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Repeatable measurements.")
    benches = parser.add_subparsers(dest="name", metavar="NAME")
    for name, module in BENCHES.items():
        one = benches.add_parser(name, help=summary(name), description=module.__doc__)
        module.add_arguments(one)
        one.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name in BENCHES:
            print(f"{name:<12} {summary(name)}")
        return 0
    if any(isinstance(value, int) and value < 1 for value in vars(arguments).values()):
        parser.error("a count is 1 or more")
    ran_on = machine()
    print(ran_on, flush=True)
    try:
        figures = BENCHES[arguments.name].run(arguments)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    line = json.dumps({**figures, "machine": ran_on}, ensure_ascii=False)
    if arguments.json is not None:
        arguments.json.write_text(line + "\n", encoding="utf-8")
    print(line)
    return 0 if figures.get("sound", True) else 1


if __name__ == "__main__":
    sys.exit(main())
