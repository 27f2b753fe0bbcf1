"""T14, T57, T58: silence, clocks that are set, and times that are wrong, in simulated time."""

from __future__ import annotations

from tests.faults.catalogue import Control, Room, each, fault_test, named, only
from tests.faults.judging.evidence import Evidence
from tests.faults.pure import judged

EDGE = "tests/gateway/roles/edge"
DAY = f"{EDGE}/test_no_data_day.py::test_only_who_is_silent_is_called_so"
T14 = {"two hours": f"{DAY}[2]", "24 hours": f"{DAY}[24]"}
T57 = {
    "edge": f"{EDGE}/test_clock_steps.py",
    "bank": "tests/detectors/test_clock_step.py",
    "centre": "tests/gateway/supervision/test_clock_step.py",
    "overdue": "tests/gateway/pipeline/test_overdue.py",
    "a real process": f"{EDGE}/test_faketime.py",
}
FENCE = f"{EDGE}/test_queue_before_fence.py::test_a_queue_of_ten_minutes_raises_limits_alone"
T58 = {
    "source times": f"{EDGE}/test_source_times.py",
    "a queue of 8 devices": f"{FENCE}[5-8]",
    "a queue of 40 devices": f"{FENCE}[5-40]",
}


async def run(room: Room, tests: dict[str, str], invariant: str) -> Evidence:
    """Run the case's tests under its mutant."""
    evidence = Evidence()
    ran = await judged(evidence, invariant, tests[room.case.what], mutant=room.mutant)
    room.figures["tests"] = float(ran)
    return evidence


def control(mutant: str, invariant: str, what: str) -> Control:
    """Return the control that breaks an invariant in these tests."""
    return Control(mutant=mutant, breaks=frozenset({invariant}), cases=only(named([what])))


@fault_test(
    "T14",
    "In a day of jitter, lost messages, restarts and reconnects nobody is called silent who is "
    "not, and everybody who is, after three intervals.",
    observes=("I4",),
    plan=each(["24 hours"], seed=1400),
    limit_s=1200.0,
    controls=(control("silence_from_start", "I4", "two hours"),),
)
async def no_data(room: Room) -> Evidence:
    """A day through the real line, with a clock that is put forward."""
    return await run(room, T14, "I4")


@fault_test(
    "T57",
    "However a clock is set, every span lasts as long as it was, no alarm is lost, doubled or "
    "cleared by it, and each step is an event.",
    observes=("I2",),
    plan=each(list(T57), seed=5700),
    limit_s=900.0,
    controls=(
        control("wall_clock_timers", "I2", "edge"),
        control("shelving_by_wall_clock", "I2", "edge"),
        control("sessions_by_wall_clock", "I2", "centre"),
    ),
)
async def clocks(room: Room) -> Evidence:
    """Clocks whose two faces move apart: by seconds, hours, decades, each minute, and back."""
    return await run(room, T57, "I2")


@fault_test(
    "T58",
    "Late, old, early, missing and strangely written times have each their stated policy, and ten "
    "minutes of a broker's queue raise limits alone and clear nothing.",
    observes=("I4",),
    plan=each(["source times", "a queue of 40 devices"], seed=5800),
    limit_s=900.0,
    controls=(
        control("late_clears", "I4", "source times"),
        control("fence_ignored", "I4", "a queue of 8 devices"),
    ),
)
async def times(room: Room) -> Evidence:
    """Every case of a table, through the real line; the queue through a real broker."""
    return await run(room, T58, "I4")
