"""What a laboratory came to: a line for each test that people read, and figures for a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.faults.catalogue import FaultTest, Found


@dataclass(slots=True)
class Row:
    """One test's line of the table."""

    test: FaultTest
    found: list[Found] = field(default_factory=list)
    #: Mutant -> whether it was caught; None where it could not run.
    controls: dict[str, bool | None] = field(default_factory=dict)
    #: What the controls took.
    control_s: float = 0.0

    @property
    def runs(self) -> int:
        """Faults injected, without the controls'."""
        return sum(each.faults for each in self.found)

    @property
    def unreached(self) -> int:
        """Runs that never came to the call that was to fail: they show nothing of it."""
        return sum(not each.faults and not each.missing for each in self.found)

    @property
    def violations(self) -> int:
        """How many, without the controls'."""
        return sum(len(v) for each in self.found for v in each.violations.values())

    @property
    def seconds(self) -> float:
        """What the runs took, without the controls'."""
        return sum(each.seconds for each in self.found)

    @property
    def missing(self) -> list[str]:
        """What was not run, and why; the reason alone where nothing was."""
        cases: dict[str, list[str]] = {}
        for each in self.found:
            if each.missing:
                cases.setdefault(each.missing, []).append(each.case.what or f"{each.case.number}")
        if all(each.missing for each in self.found):
            return list(cases)
        return [f"{', '.join(dict.fromkeys(names))}: {why}" for why, names in cases.items()]

    @property
    def observed(self) -> list[str]:
        """Invariants that every run showed something of."""
        ran = [set(each.observed) for each in self.found if not each.missing]
        return numbered(set.intersection(*ran)) if ran else []


def numbered(invariants: Collection[str]) -> list[str]:
    """Return names of invariants in the order of their numbers."""
    return sorted(invariants, key=lambda name: int(name[1:]))


def table(rows: Sequence[Row]) -> str:
    """Return the table that people read."""
    names = f"{'test':<5} {'runs':>6} {'violations':>10} {'controls caught':<28}"
    lines = [f"{names} {'s':>7} {'theirs':>7}  judged"]
    for row in rows:
        marks = {True: "", False: " NOT CAUGHT", None: " not run"}
        caught = ", ".join(f"{name}{marks[was]}" for name, was in row.controls.items()) or "-"
        judged = " ".join(row.observed)
        lines.append(
            f"{row.test.name:<5} {row.runs:>6} {row.violations:>10} {caught:<28} "
            f"{row.seconds:>7.0f} {row.control_s:>7.0f}  {judged}"
        )
        lines += [f"      not run: {text}" for text in row.missing]
        lines += [f"      not reached: {row.unreached}"] if row.unreached else []
        lines += [f"      {name}: {text}" for name, text in figures(row).items()]
    return "\n".join(lines)


def figures(row: Row) -> dict[str, str]:
    """Return median and maximum of each figure that the runs left."""
    values: dict[str, list[float]] = {}
    for found in row.found:
        for name, value in found.figures.items():
            values.setdefault(name, []).append(value)
    return {
        name: f"median {sorted(each)[len(each) // 2]:.3g}, maximum {max(each):.3g}"
        for name, each in values.items()
    }


def summary(rows: Sequence[Row]) -> dict[str, object]:
    """Return the figures that a script reads."""
    states = Counter(was for row in rows for was in row.controls.values())
    return {
        "runs": sum(row.runs for row in rows),
        "violations": sum(row.violations for row in rows),
        "controls": sum(states.values()),
        "controls_caught": states[True],
        "not_run": {row.test.name: row.missing for row in rows if row.missing},
        "tests": {
            row.test.name: {
                "runs": row.runs,
                "unreached": row.unreached,
                "violations": row.violations,
                "controls": row.controls,
                "seconds": round(row.seconds, 1),
                "control_seconds": round(row.control_s, 1),
                "observed": row.observed,
                "figures": figures(row),
            }
            for row in rows
        },
    }


def failed(rows: Sequence[Row], *, allow_missing: bool) -> bool:
    """Whether something was violated, a control got away, or, unless allowed, was not run."""
    controls = [was for row in rows for was in row.controls.values()]
    missing = None in controls or any(row.missing for row in rows)
    return (
        any(row.violations for row in rows) or False in controls or (missing and not allow_missing)
    )
