"""Tests that need no bench: simulated time, on the product's own parts, in a process of their own.

A mutant is loaded before them, as a plugin of pytest: it patches the product that they then import.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final

from tests.faults.judging.evidence import Evidence

ROOT: Final = Path(__file__).parents[2]
FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+.*)$", re.MULTILINE)
#: How the reason of a failure begins where a promise was looked at and found broken. Whatever else
#: a test dies of shows only that it could not look.
JUDGED: Final = ("AssertionError", "assert ", "Failed", "TimeoutError")
#: So wide that no reason is cut off the names of the tests.
COLUMNS: Final = "400"
COUNT: Final = re.compile(r"(\d+) (passed|failed|skipped)")


async def judged(evidence: Evidence, invariant: str, *tests: str, mutant: str = "") -> int:
    """Run tests; each that fails is a violation of the invariant. Return how many ran.

    Raises
    ------
    RuntimeError
        They could not be run, or none of those that failed did so by what it asserts.
    """
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider"]
    if mutant:
        command += ["-p", f"tests.faults.mutants.{mutant}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *tests,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": COLUMNS},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said = (await process.communicate())[0].decode(errors="replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"pytest: {said[-2000:]}")
    counts = {what: int(number) for number, what in COUNT.findall(said)}
    if counts.get("passed", 0) + counts.get("failed", 0):
        evidence.found.setdefault(invariant, [])
    failures = FAILED.findall(said)
    if failures and not any(f" - {reason}" in each for each in failures for reason in JUDGED):
        raise RuntimeError(f"nothing was judged: {failures}")
    for failed in failures:
        evidence.fail(invariant, failed)
    return counts.get("passed", 0) + counts.get("failed", 0)
