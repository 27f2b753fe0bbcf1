"""The fault laboratory: python -m tests.faults [--long] [--only T26] [--resume FOLDER]."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from gateway import lifeline
from tests.faults.catalogue import load_catalogue
from tests.faults.disks.mounts import own_namespace
from tests.faults.laboratory import Laboratory, say
from tests.faults.results import PAGE, load, page, save
from tests.faults.table import Row, failed, summary, table


async def run(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """Run what was asked for and print the table."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        # Leave no process and no mount behind.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    tests = load_catalogue()
    wanted = arguments.only or list(tests)
    unknown = [name for name in wanted if name not in tests]
    if unknown:
        raise SystemExit(
            f"{', '.join(unknown)}: not in the catalogue; there are {', '.join(tests)}"
        )
    laboratory = Laboratory(folder, long=arguments.long, case=arguments.case)
    turn = asyncio.Semaphore(arguments.jobs)
    beside = asyncio.Semaphore() if arguments.jobs > 1 else turn

    async def one(name: str) -> Row:
        async with beside if tests[name].waits else turn:
            if arguments.jobs > 1:
                # What one test does in its own process must not hold another's clocks up.
                await alone(name, arguments, folder)
            row = await laboratory.test(tests[name], controls=not arguments.without_controls)
        say("")
        sys.stdout.write(table([row]).split("\n", 1)[1] + "\n")
        sys.stdout.flush()
        return row

    # Beside each other, what took longest before begins first: at the end nothing is waited for.
    kept = load(long=arguments.long)
    took = {name: result.seconds + result.control_seconds for name, result in kept.items()}
    rows = {}
    for name in sorted(wanted, key=lambda name: -took.get(name, 0)):
        rows[name] = asyncio.create_task(one(name))
    await asyncio.gather(*rows.values())
    return [rows[name].result() for name in wanted]


async def alone(name: str, arguments: argparse.Namespace, folder: Path) -> None:
    """Run one test in a process of its own; its results are then in the folder."""
    options = ["--long"] * arguments.long
    options += ["--without-controls"] * arguments.without_controls
    options += ["--case", str(arguments.case)] * (arguments.case is not None)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults", "--only", name, "--resume", str(folder), *options,
        stdout=asyncio.subprocess.DEVNULL, env=lifeline.environment(),
    )  # fmt: skip
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def main() -> None:
    """Exit 0 when everything was run, nothing was violated and every control was caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--long", action="store_true", help="full counts; goes on where it ended")
    parser.add_argument("--only", action="append", metavar="T26", help="this test; repeatable")
    parser.add_argument("--case", type=int, metavar="N", help="this case of its plan alone")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="where results are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the last line here too")
    parser.add_argument("--without-controls", action="store_true", help="run no mutants")
    parser.add_argument(
        "--allow-missing", action="store_true", help="do not fail for what cannot be run here"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="tests at the same time")
    parser.add_argument("--list", action="store_true", help="print the catalogue")
    parser.add_argument("--save", action="store_true", help="keep the results in the repository")
    parser.add_argument("--page", action="store_true", help="write docs/reliability.md from them")
    arguments = parser.parse_args()
    if arguments.list:
        for test in load_catalogue().values():
            sys.stdout.write(f"{test.name}  {test.sentence}\n")
        return
    if arguments.page:
        PAGE.write_text(page(load_catalogue()), encoding="utf-8")
        return
    lifeline.tie()
    # Mounts of a laboratory that is killed end with it.
    own_namespace()
    folder = arguments.resume or Path(tempfile.mkdtemp(prefix="hazgate-faults-"))
    rows = asyncio.run(run(arguments, folder))
    figures = summary(rows)
    sys.stdout.write(f"\n{table(rows)}\n\nresults in {folder}\n{json.dumps(figures)}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    if arguments.save:
        save(rows, long=arguments.long)
    sys.exit(1 if failed(rows, allow_missing=arguments.allow_missing) else 0)


if __name__ == "__main__":
    main()
