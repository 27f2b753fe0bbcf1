"""What was timed and measured, and whether all is as before: I6, I7, I9 and I10."""

from __future__ import annotations

from typing import Final

from gateway.model import State
from tests.faults.judging.looked import Looked

#: The tag of the alarms that a node raises about itself.
OWN: Final = "@node"


def bounded(run: Looked) -> list[str] | None:
    """I6: memory, descriptors and files stay under their caps."""
    if run.evidence.bounds is None:
        return None
    return [
        f"{each.what}: {each.most:g}, at most {each.limit:g} is allowed"
        for each in run.evidence.bounds
        if each.most > each.limit
    ]


def at_once(run: Looked) -> list[str] | None:
    """I7: the siren is commanded in time, whatever uplink, disk or screen do."""
    if run.evidence.sounded is None:
        return None
    return [
        f"{each.what}: the siren was commanded "
        f"{'never' if each.seconds is None else f'{each.seconds:.3f} s'} after the reading, "
        f"at most {each.limit_s:g} s is allowed"
        for each in run.evidence.sounded
        if each.late
    ]


def kept_apart(run: Looked) -> list[str] | None:
    """I9: no byte crosses a division boundary."""
    return run.evidence.foreign


def normal_again(run: Looked) -> list[str] | None:
    """I10: after the fault all is normal again unaided: in time, the tiers agree, nothing waits."""
    evidence = run.evidence
    found = [
        f"{each.what}: again {'never' if each.seconds is None else f'after {each.seconds:.1f} s'}, "
        f"at most {each.limit_s:g} s is allowed"
        for each in evidence.recovered or ()
        if each.seconds is None or each.seconds > each.limit_s
    ]
    edge, centre = run.edge, run.centre
    if edge is None or centre is None or not evidence.delivered:
        return found if evidence.recovered is not None else None
    if edge.waiting:
        found.append(f"{edge.waiting} events still wait in the outbox")
    found += [
        f"{alarm}: {state} at the edge, {centre.states.get(alarm)} at the centre"
        for alarm, state in edge.states.items()
        if state[1] and centre.states.get(alarm) != state
    ]
    found += [
        f"{alarm} stands"
        for alarm, (state, _) in edge.states.items()
        if f"/{OWN}/" in alarm and active(state) and alarm.rpartition("/")[2] not in evidence.silent
    ]
    return found


def active(state: str) -> bool:
    """Whether an alarm's condition holds in this state."""
    return state in {State.UNACKNOWLEDGED, State.ACKNOWLEDGED}
