"""The frame itself: what is kept, what is told, and what counts as caught."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.catalogue import (
    Control,
    FaultTest,
    Room,
    UnavailableError,
    batches,
    load_catalogue,
    only,
    repeated,
)
from tests.faults.judging.checker import INVARIANTS
from tests.faults.judging.evidence import Evidence
from tests.faults.laboratory import Laboratory, run_case
from tests.faults.table import Row, failed, summary, table

MUTANTS = Path(__file__).parent / "mutants"


class Scripted:
    """A test whose runs come to what they are told to."""

    def __init__(self, *, limit_s: float = 10.0) -> None:
        self.runs = 0
        self.missing = ""
        #: Cases that this machine cannot make; all of them unless told otherwise.
        self.missing_cases = range(100)
        self.hangs = False
        self.breaks = False
        self.violates = False
        self.leaves_a_pipe = False
        self.test = FaultTest(
            name="T99",
            sentence="It does as it is told.",
            observes=frozenset({"I7"}),
            plan=repeated(short=4, long=40, batch=2),
            run=self.run,
            limit_s=limit_s,
            controls=(
                Control(mutant="loud", breaks=frozenset({"I7"}), cases=only(batches(1))),
                Control(mutant="quiet", breaks=frozenset({"I7"}), cases=only(batches(2))),
            ),
        )

    async def run(self, room: Room) -> Evidence:
        self.runs += 1
        (room.folder / "left").touch()
        if self.leaves_a_pipe:
            os.mkfifo(room.folder / "pipe")
        if self.missing and room.case.number in self.missing_cases:
            raise UnavailableError(self.missing)
        if self.breaks:
            raise AttributeError("no such method")
        if self.hangs:
            await asyncio.Event().wait()
        evidence = Evidence()
        evidence.sound("it", 5.0 if self.violates or room.mutant == "loud" else 0.1)
        return evidence


async def test_every_case_is_run_once_over_two_starts(tmp_path: Path) -> None:
    """Results are kept as each run ends; a second start runs what is missing, and tells all."""
    scripted = Scripted()
    first = await Laboratory(tmp_path, long=False).test(scripted.test)
    assert (first.runs, first.violations, scripted.runs) == (4, 0, 5)
    (tmp_path / "T99" / "run-0001.json").unlink()
    again = await Laboratory(tmp_path, long=False).test(scripted.test)
    assert scripted.runs == 6
    assert summary([again])["runs"] == 4
    assert again.controls == first.controls


async def test_a_control_is_caught_by_what_it_breaks(tmp_path: Path) -> None:
    """A mutant that shows no violation of its invariant was not caught, and the table says so."""
    row = await Laboratory(tmp_path, long=False).test(Scripted().test)
    assert row.controls == {"loud": True, "quiet": False}
    assert "quiet NOT CAUGHT" in table([row])
    figures = summary([row])
    assert (figures["controls"], figures["controls_caught"]) == (2, 1)


def test_a_mutant_is_not_waited_for_as_long(tmp_path: Path) -> None:
    """What a mutant never does is waited for for less long than what the product does late."""
    case = batches(1)[0]
    assert Room(tmp_path, case).patience(90.0) == 90.0
    assert Room(tmp_path, case, "mute").patience(90.0) < 90.0
    assert Room(tmp_path, case, "mute").patience(1.0) == 1.0


async def test_what_cannot_be_run_here_says_why(tmp_path: Path) -> None:
    """It is neither a run nor a violation; its reason stands in the table and in the figures."""
    scripted = Scripted()
    scripted.missing = "this machine has no such disk"
    row = await Laboratory(tmp_path, long=False).test(scripted.test)
    assert (row.runs, row.violations) == (0, 0)
    assert row.controls == {"loud": None, "quiet": None}
    assert "not run: this machine has no such disk" in table([row])
    assert summary([row])["not_run"] == {"T99": ["this machine has no such disk"]}
    assert failed([row], allow_missing=False)
    assert not failed([row], allow_missing=True)


async def test_a_case_that_cannot_be_run_is_told_beside_those_that_can(tmp_path: Path) -> None:
    """A test of which a part was run has not been run whole, and the laboratory fails for it."""
    scripted = Scripted()
    scripted.missing, scripted.missing_cases = "too few descriptors", range(1, 2)
    row = await Laboratory(tmp_path, long=False).test(scripted.test, controls=False)
    assert (row.runs, row.violations) == (2, 0)
    assert "not run: 1: too few descriptors" in table([row])
    assert summary([row])["not_run"] == {"T99": ["1: too few descriptors"]}
    assert failed([row], allow_missing=False)
    assert not failed([row], allow_missing=True)


async def test_a_laboratory_fails_for_what_got_away(tmp_path: Path) -> None:
    """A control that was not caught fails it, and a control that was not run unless allowed."""
    found = await Laboratory(tmp_path, long=False).test(Scripted().test, controls=False)
    assert not failed([found], allow_missing=False)
    assert failed([Row(found.test, found.found, {"quiet": False})], allow_missing=True)
    assert failed([Row(found.test, found.found, {"quiet": None})], allow_missing=False)
    assert not failed([Row(found.test, found.found, {"quiet": None})], allow_missing=True)


async def test_the_worst_of_what_was_timed_is_told_beside_its_limit() -> None:
    """Whatever a run times or measures is a figure of the table, named with its limit."""
    evidence = Evidence()
    evidence.sound("a", 0.1)
    evidence.sound("b", 0.4)
    evidence.sound("nothing", None)
    evidence.recover("the backlog", 3.0, limit_s=600)
    evidence.bound("memory, MiB", 213.0, limit=300)
    assert evidence.figures() == {
        "siren, s (limit 1)": 0.4,
        "the backlog, after s (limit 600)": 3.0,
        "memory, MiB (limit 300)": 213.0,
    }
    scripted = Scripted()
    [case, *_] = batches(1)
    found = await run_case(scripted.test, case, keep=None)
    assert found.figures == {"siren, s (limit 1)": 0.1}


async def test_a_run_that_hangs_is_a_violation(tmp_path: Path) -> None:
    """Past its time it is ended, and its folder kept."""
    scripted = Scripted(limit_s=0.1)
    scripted.hangs = True
    found = await run_case(scripted.test, batches(1)[0], keep=tmp_path / "kept")
    assert found.violations.keys() == {"I10"}
    assert (tmp_path / "kept" / "left").exists()


async def test_a_run_that_dies_fails_and_catches_nothing(tmp_path: Path) -> None:
    """A mutant that is broken in another way than it is meant to be has shown nothing."""
    scripted = Scripted()
    scripted.breaks = True
    row = await Laboratory(tmp_path, long=False).test(scripted.test)
    assert row.violations == 2
    assert all(found.violations.keys() == {"run"} for found in row.found)
    assert "AttributeError: no such method" in row.found[0].violations["run"][0]
    assert row.controls == {"loud": False, "quiet": False}


async def test_what_cannot_be_kept_ends_no_laboratory(tmp_path: Path) -> None:
    """The violation is told, and the rest of the folder kept."""
    scripted = Scripted()
    scripted.violates = scripted.leaves_a_pipe = True
    found = await run_case(scripted.test, batches(1)[0], keep=tmp_path / "kept")
    assert found.violations.keys() == {"I7"}
    assert (tmp_path / "kept" / "left").exists()


async def test_a_run_that_shows_nothing_of_its_promise_is_a_violation() -> None:
    """An invariant that a test is to observe, and did not, is never taken as held."""
    scripted = Scripted()
    blind = FaultTest(
        name="T98",
        sentence="It looks at nothing.",
        observes=frozenset({"I1", "I7"}),
        plan=scripted.test.plan,
        run=scripted.run,
        limit_s=10.0,
    )
    found = await run_case(blind, batches(1)[0], keep=None)
    assert found.violations == {"run": ["the run showed nothing of I1"]}
    assert found.observed == ["I7"]


def test_every_test_of_the_catalogue_can_fail() -> None:
    """Controls name mutants that are there, and an invariant that their test observes."""
    tests = load_catalogue()
    assert tests
    controls = [(test, control) for test in tests.values() for control in test.controls]
    for test, control in controls:
        assert control.inside != (MUTANTS / f"{control.mutant}.py").exists(), control.mutant
        assert control.breaks & test.observes, (test.name, control.mutant)
        assert control.breaks <= INVARIANTS.keys(), (test.name, control.mutant)
    used = {control.mutant for _, control in controls if not control.inside}
    assert {path.stem for path in MUTANTS.glob("*.py")} == used


@pytest.mark.parametrize("name", sorted(load_catalogue()))
async def test_a_test_says_what_it_promises(name: str) -> None:
    """In a sentence, with a time in which it must end."""
    test = load_catalogue()[name]
    assert test.sentence.endswith(".")
    assert test.limit_s > 0
    assert Row(test).runs == 0
