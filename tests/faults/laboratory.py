"""Runs the catalogue: every case in a folder of its own, judged and kept.

A result is a file, written when its run has ended. A second start on the same folder runs what is
missing. An unsound run leaves its folder beside its result.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tests.faults.catalogue import Case, Control, FaultTest, Found, Room, UnavailableError
from tests.faults.judging.checker import check
from tests.faults.table import Row

#: What a run is at fault in itself: it died of something, or showed nothing of what it is there to
#: show. That fails it like a violation; but no mutant is caught by it, since it proves nothing.
RUN: Final = "run"
#: Runs of a control before it counts as not caught.
TRIES: Final = 3
PLAN: Final = msgspec.json.Decoder(list[Case])


class Laboratory:
    """Runs tests and keeps their results.

    Parameters
    ----------
    folder
        Of the results; one of an interrupted laboratory is gone on with.
    long
        Full counts instead of short ones.
    case
        The only case of each plan to run; all unless given.
    """

    def __init__(self, folder: Path, *, long: bool, case: int | None = None) -> None:
        self.folder = folder
        self.long = long
        self.only = case

    async def test(self, test: FaultTest, *, controls: bool = True) -> Row:
        """Run every case of a test that has no result yet, and then its controls."""
        row = Row(test)
        folder = self.folder / test.name
        try:
            cases = await self._plan(test, folder)
        except UnavailableError as error:
            row.found.append(Found(case=Case(number=0, seed=0), missing=str(error)))
            return row
        for number, case in enumerate(cases, start=1):
            if self.only not in {None, case.number}:
                continue
            say(f"{test.name} {number} of {len(cases)} {case.what}")
            found = await self._case(test, case, folder)
            row.found.append(found)
            if found.violations:
                say(f"{test.name} {number}: {found.violations}\n  left in {found.folder}\n")
        for control in test.controls if controls else ():
            say(f"{test.name} control {control.mutant}")
            row.controls[control.mutant] = await self._control(row, control, folder)
        return row

    async def _plan(self, test: FaultTest, folder: Path) -> Sequence[Case]:
        path = folder / "plan.json"
        if path.exists():
            return PLAN.decode(path.read_bytes())
        cases = list(await test.plan(self.long))
        folder.mkdir(parents=True, exist_ok=True)
        write(path, cases)
        return cases

    async def _case(self, test: FaultTest, case: Case, folder: Path, *, mutant: str = "") -> Found:
        path = folder / f"{mutant or 'run'}-{case.number:04}.json"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=Found)
        found = await run_case(test, case, keep=path.with_suffix(""), mutant=mutant)
        write(path, found)
        return found

    async def _control(self, row: Row, control: Control, folder: Path) -> bool | None:
        """Return whether the mutant was seen to break what it must break."""
        cases = (await control.cases())[:TRIES]
        for case in cases:
            found = await self._case(row.test, case, folder, mutant=control.mutant)
            row.control_s += found.seconds
            if found.missing:
                return None
            if control.breaks & found.violations.keys():
                shutil.rmtree(found.folder, ignore_errors=True)
                return True
        return False


async def run_case(test: FaultTest, case: Case, *, keep: Path | None, mutant: str = "") -> Found:
    """Run one case and judge it; an unsound run leaves its folder at `keep`."""
    began = time.monotonic()
    found = Found(case=case)
    with tempfile.TemporaryDirectory(prefix=f"hazgate-{test.name}-") as scratch:
        room = Room(Path(scratch), case, mutant)
        try:
            async with asyncio.timeout(test.limit_s):
                evidence = await test.run(room)
            room.figures |= evidence.figures()
            verdict = await asyncio.to_thread(check, evidence)
        except UnavailableError as error:
            found.missing = str(error)
        except TimeoutError:
            # What was waited for did not come, or the run did not end: all is not as before.
            found.violations = {"I10": [traceback.format_exc()]}
        except Exception:  # noqa: BLE001 - whatever a run dies of is a finding
            found.violations = {RUN: [traceback.format_exc()]}
        else:
            found.violations = {name: list(each) for name, each in verdict.violations.items()}
            found.observed = list(verdict.observed)
            blind = sorted(test.observes - set(verdict.observed))
            if blind:
                found.violations[RUN] = [f"the run showed nothing of {name}" for name in blind]
        if not found.missing:
            found.faults = case.faults if room.faults is None else room.faults
        found.figures = room.figures
        if found.violations and keep is not None:
            found.folder = str(keep)
            shutil.rmtree(keep, ignore_errors=True)
            # What cannot be copied, or goes meanwhile with a store that closes, is not kept.
            with suppress(shutil.Error):
                shutil.copytree(scratch, keep, ignore_dangling_symlinks=True)
    found.seconds = time.monotonic() - began
    return found


def write(path: Path, value: object) -> None:
    """Write a result whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
    beside.replace(path)


def say(text: str) -> None:
    """Tell how far it is, on one line of stderr."""
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
