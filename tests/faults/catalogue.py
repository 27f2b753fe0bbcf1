"""The laboratory's tests: each says what it promises, how often it runs, and what must fail it.

A test plans cases (one run each, reproducible from its number and seed) and runs one of them in a
folder of its own; what it returns is judged by `tests.faults.judging.checker`. A control is a
mutant of the program, a module of `tests/faults/mutants` that patches the real one: the test must
find the violation, else it proves nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from tests.faults.judging.evidence import Evidence

#: A control waits at most so long for what may never come, s: longer than a sound run needs.
MUTANT_PATIENCE_S: Final = 25.0


class UnavailableError(Exception):
    """This machine cannot make the fault; the message says what is missing."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a test.

    Parameters
    ----------
    number
        Its place in the plan.
    seed
        Of everything random in it.
    faults
        How many faults it injects: that many runs the table counts.
    what
        Which fault, in the test's own words.
    """

    number: int
    seed: int
    faults: int = 1
    what: str = ""


class Found(msgspec.Struct, kw_only=True):
    """What one run came to; kept as JSON, so that an interrupted laboratory goes on.

    `missing` says why it could not run here.
    """

    case: Case
    faults: int = 0
    violations: dict[str, list[str]] = {}
    observed: list[str] = []
    figures: dict[str, float] = {}
    seconds: float = 0.0
    missing: str = ""
    folder: str = ""


@dataclass(slots=True)
class Room:
    """Where one run works: an empty folder, the mutant to run (or none), and figures to leave."""

    folder: Path
    case: Case
    mutant: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    #: Faults that were really injected; None for all that the case planned.
    faults: int | None = None

    def patience(self, seconds: float) -> float:
        """Return how long to wait for something: what a mutant never does, not for as long."""
        return min(seconds, MUTANT_PATIENCE_S) if self.mutant else seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A mutant, the invariants it must be seen to break, and the cases that may show it.

    It is a module of `mutants`, or, `inside`, a name by which the test itself takes something out.
    """

    mutant: str
    breaks: frozenset[str]
    cases: Callable[[], Awaitable[Sequence[Case]]]
    inside: bool = False


Run = Callable[[Room], Awaitable[Evidence]]
Plan = Callable[[bool], Awaitable[Sequence[Case]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultTest:
    """A test of the laboratory.

    Parameters
    ----------
    name, sentence
        T01 and so on, and what it promises.
    observes
        Invariants that every run must have shown something of.
    plan
        Returns the cases of the short (False) or the long (True) laboratory.
    run
        Runs one case.
    limit_s
        A run that takes longer has hung: a violation of I10.
    controls
        What must fail it.
    waits
        Whether it waits for most of its time, and hardly works: where tests run beside each other,
        such ones have a turn of their own.
    """

    name: str
    sentence: str
    observes: frozenset[str]
    plan: Plan
    run: Run
    limit_s: float
    controls: tuple[Control, ...] = ()
    waits: bool = False


REGISTRY: Final[dict[str, FaultTest]] = {}


def fault_test(
    name: str,
    sentence: str,
    *,
    observes: Iterable[str],
    plan: Plan,
    limit_s: float,
    controls: Iterable[Control] = (),
    waits: bool = False,
) -> Callable[[Run], Run]:
    """Enter a function into the catalogue."""

    def enter(run: Run) -> Run:
        if name in REGISTRY:
            raise ValueError(f"{name} is in the catalogue already")
        REGISTRY[name] = FaultTest(
            name=name,
            sentence=sentence,
            observes=frozenset(observes),
            plan=plan,
            run=run,
            limit_s=limit_s,
            controls=tuple(controls),
            waits=waits,
        )
        return run

    return enter


def repeated(*, short: int, long: int, batch: int = 1, seed: int = 1) -> Plan:
    """Plan so many faults, `batch` of them in a run."""

    async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
        return batches(long if whole else short, batch=batch, seed=seed)

    return plan


def each(names: Sequence[str], *, short: int = 1, long: int = 1, seed: int = 1) -> Plan:
    """Plan each of these faults so many times."""

    async def plan(whole: bool) -> Sequence[Case]:  # noqa: FBT001
        return named([name for name in names for _ in range(long if whole else short)], seed=seed)

    return plan


def only(cases: Sequence[Case]) -> Callable[[], Awaitable[Sequence[Case]]]:
    """Return a control's cases as it wants them."""

    async def plan() -> Sequence[Case]:
        return cases

    return plan


def batches(faults: int, *, batch: int = 1, seed: int = 1) -> list[Case]:
    """Return cases of `batch` faults, in all so many."""
    return [
        Case(number=number, seed=seed + number, faults=min(batch, faults - first))
        for number, first in enumerate(range(0, faults, batch))
    ]


def named(names: Sequence[str], *, seed: int = 1) -> list[Case]:
    """Return one case for each of these faults."""
    return [Case(number=n, seed=seed + n, what=name) for n, name in enumerate(names)]


def load_catalogue() -> dict[str, FaultTest]:
    """Import every module of the laboratory that enters tests (``t01_calls`` and so on)."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name[0] == "t" and module.name[1:3].isdigit():
            importlib.import_module(f"tests.faults.{module.name}")
    return dict(sorted(REGISTRY.items()))
