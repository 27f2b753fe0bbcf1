"""What the centre must hold of the plant's alarms: I2, I3 and I4."""

from __future__ import annotations

from collections import Counter

from gateway.model import NANOSECONDS
from tests.faults.judging.accounts import Account
from tests.faults.judging.expectation import Move
from tests.faults.judging.looked import Looked


def none_lost(run: Looked) -> list[str] | None:
    """I2: no alarm is lost, and none stands at the centre that no reading made."""
    if run.evidence.said is None or run.centre is None or not run.evidence.delivered:
        return None
    if not any(each.should or each.told for each in run.accounts):
        return None
    return [sentence for each in run.accounts for sentence in amiss(each)]


def amiss(account: Account) -> list[str]:
    """Return what is lost and what was raised by nothing."""
    absent = set(account.should - account.told - account.summed)
    raised = {move for move in account.told - account.should if move.cause == "raise"}
    for move in sorted(raised):
        # A delay ran out by the clock because the reading that ended it was held up: not lost.
        twin = next((other for other in sorted(absent) if by_clock(move, other)), None)
        if twin is not None:
            absent.discard(twin)
            raised.discard(move)
    lost = [f"lost: {move}" for move in sorted(absent)]
    return lost + [f"raised by nothing: {move}" for move in sorted(raised)]


def by_clock(told: Move, should: Move) -> bool:
    """Whether a move was told at the whole second beside the reading that should have made it."""
    return (
        told[:2] == should[:2]
        and told.source_ns % NANOSECONDS == 0
        and abs(told.source_ns - should.source_ns) < NANOSECONDS
    )


def once_and_in_order(run: Looked) -> list[str] | None:
    """I3: by event id, and within a life, nothing is there twice, no revision is passed over."""
    if run.centre is None or not run.centre.events:
        return None
    ids = Counter((e.node, e.life, e.seq) for e in run.centre.events)
    found = [f"event {key} is there {n} times" for key, n in ids.items() if n > 1]
    moves = [e for e in run.moves if not (run.evidence.replayed and e.historical)]
    twice = Counter((e.life, e.alarm, e.cause, e.source_ns) for e in moves)
    found += [f"told {n} times: {key}" for key, n in twice.items() if n > 1]
    newest: dict[tuple[str, str, str], int] = {}
    for event in run.centre.events:
        key = (event.node, event.life, event.alarm)
        if event.kind != "alarm":
            continue
        if event.revision != newest.get(key, 0) + 1:
            found.append(f"revision {event.revision} after {newest.get(key, 0)}: {event.alarm}")
        newest[key] = max(event.revision, newest.get(key, 0))
    return found


def fail_safe(run: Looked) -> list[str] | None:
    """I4: an alarm clears on a reading that is there, GOOD and inside its limit alone."""
    if run.evidence.said is None or run.centre is None:
        return None
    # An alarm that stood might have cleared; what could not be decoded might have been ignored.
    if not run.moves and not run.unreadable:
        return None
    found = []
    should = [(each.lives, each.should) for each in run.accounts]
    for event in run.moves:
        if event.cause != "clear":
            continue
        move = Move(event.alarm, event.cause, event.source_ns)
        if event.quality not in {"", "GOOD"}:
            found.append(f"cleared by {event.quality}: {event.alarm} at {event.source_ns}")
        elif not any(move in moves for lives, moves in should if not lives or event.life in lives):
            found.append(f"cleared by nothing: {event.alarm} at {event.source_ns}")
    faulty = {e.tag for e in run.centre.events if e.rule == "fault" and e.cause == "raise"}
    unreadable = {run.tags[each.point] for each in run.unreadable}
    return found + [f"undecodable, and no fault: {tag}" for tag in sorted(unreadable - faulty)]
