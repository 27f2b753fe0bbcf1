"""``python -m bench`` lists the benches; ``python -m bench NAME`` runs one.

A bench ends with one JSON line of its figures. Exit status: 0 measured and sound, 1 something was
wrong, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import (
    BenchError,
    capacity,
    compare,
    kernels,
    latency,
    load,
    nation,
    record,
    scale,
    soak,
    startup,
    throughput,
)
from bench.detection import measure as detection
from bench.machine import machine
from bench.peers import measure as peers

BENCHES = {
    "kernels": kernels,
    "throughput": throughput,
    "peers": peers,
    "latency": latency,
    "capacity": capacity,
    "scale": scale,
    "nation": nation,
    "soak": soak,
    "startup": startup,
    "record": record,
    "load": load,
    "detection": detection,
    "compare": compare,
}
RESULTS = Path(__file__).parent / "results"


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
        one.add_argument("--save", action="store_true", help=f"and to bench/results/{name}.json")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name in BENCHES:
            print(f"{name:<12} {summary(name)}")
        return 0
    for value in vars(arguments).values():
        if not isinstance(value, bool) and isinstance(value, int | float) and value <= 0:
            parser.error("a number is above 0")
    ran_on = machine()
    print(ran_on, flush=True)
    try:
        figures = BENCHES[arguments.name].run(arguments)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    line = json.dumps({**figures, "machine": ran_on}, ensure_ascii=False)
    wanted = [arguments.json] if arguments.json is not None else []
    if arguments.save:
        RESULTS.mkdir(exist_ok=True)
        wanted.append(RESULTS / f"{arguments.name}.json")
    for file in wanted:
        file.write_text(line + "\n", encoding="utf-8")
    print(line)
    return 0 if figures.get("sound", True) else 1


if __name__ == "__main__":
    sys.exit(main())
