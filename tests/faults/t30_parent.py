"""T30, T34, T41: what a parent answers, what waits for it, and clones."""

from __future__ import annotations

from tests.faults.catalogue import Room, each, fault_test
from tests.faults.judging.evidence import Evidence
from tests.faults.t57_time import control, run

NORTH = "tests/gateway/northbound"
ABOVE = "tests/gateway/supervision"
T30 = {
    "refusals": f"{NORTH}/test_uplink_refusals.py",
    "a centre's own": f"{ABOVE}/test_backlog.py",
}
T34 = {"limits": f"{NORTH}/test_outbox_limits.py"}
T41 = {"clones": f"{ABOVE}/test_clones.py"}


@fault_test(
    "T30",
    "Whatever a parent answers, what it will never take becomes a dead letter with an alarm, and "
    "everything else arrives.",
    observes=("I5",),
    plan=each(list(T30), seed=3000),
    limit_s=600.0,
    controls=(control("no_dead_letters", "I5", "refusals"),),
)
async def refusals(room: Room) -> Evidence:
    """400, 401, 413, 429, 500, garbage, partial receipts; at an edge and at a centre."""
    return await run(room, T30, "I5")


@fault_test(
    "T34",
    "A backlog at its limit sheds what is no alarm first, the oldest first, and counts it; alarms "
    "go only beyond their reserve.",
    observes=("I5",),
    plan=each(list(T34), seed=3400),
    limit_s=600.0,
    controls=(control("sheds_alarms", "I5", "limits"),),
)
async def limits(room: Room) -> Evidence:
    """The outbox filled beyond its bounds."""
    return await run(room, T34, "I5")


@fault_test(
    "T41",
    "A cloned gateway and a restored snapshot are shown as a fork, and nothing that was told is "
    "overwritten.",
    observes=("I3",),
    plan=each(list(T41), seed=4100),
    limit_s=600.0,
    controls=(control("forks_overwrite", "I3", "clones"),),
)
async def clones(room: Room) -> Evidence:
    """Two copies of one disk, and one that was set back."""
    return await run(room, T41, "I3")
