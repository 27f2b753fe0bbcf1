"""How many points at 1 Hz this machine carries, durable and in time, found by a ramp."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench import BenchError
from bench.hardship import QUARTER_BOX, Hardship, Wanted
from bench.steady import Load, Steady, measure
from bench.workload import STATIONS

POINTS_A_MESSAGE: Final = len(STATIONS.channels)
#: Publish -> durable; beyond it a machine does not carry its points.
P99_MS: Final = 50.0
#: The search ends when what is carried and what is not are so near to each other.
RESOLUTION: Final = 1.08
#: A step fails when it fails so often in a row: one hiccup of a busy machine is not its limit.
TRIES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One number of points: p99 of publish -> durable (ms), and why it is too many, if it is."""

    points: int
    p99_ms: float
    reason: str
    measured: bool = True

    @property
    def carried(self) -> bool:
        """Whether the machine carries so many."""
        return not self.reason


def judge(points: int, run: Steady) -> Step:
    """Say whether a run was carried: everything taken, stored, on time, and durable soon enough."""
    p99 = run.ages.get("p99", 0.0)
    reasons = [*run.faults]
    if p99 > P99_MS:
        reasons.append(f"p99 {p99:.0f} ms")
    if not run.kept:
        # Then the limit may be the generator's: the machine is shared by both.
        late, sent = run.sender["late"], run.sender["sent"]
        reasons.append(f"the generator did not keep its schedule: {late:,} of {sent:,} late")
    return Step(points=points, p99_ms=p99, reason="; ".join(reasons))


def search(carried: Callable[[int], bool], *, first: int, most: int) -> int:
    """Return the most points that are carried, to `RESOLUTION`; 0 where not even 4 are.

    It doubles until a step fails (or halves until one succeeds), then bisects by ratio.
    """
    low, high = 0, most * 2
    at = min(first, most)
    while True:
        if carried(at):
            low = at
            if at >= most:
                return low
            at = min(most, 2 * at)
            if at >= high:
                break
        else:
            high = at
            if low or at <= POINTS_A_MESSAGE:
                break
            at = max(POINTS_A_MESSAGE, at // 2)
    while low and high / low > RESOLUTION:
        at = _whole((low * high) ** 0.5)
        if at in {low, high}:
            break
        if carried(at):
            low = at
        else:
            high = at
    return low


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what this bench takes."""
    parser.add_argument("--first", type=int, default=20_000, help="points to begin with")
    parser.add_argument("--most", type=int, default=1_000_000, help="points to end with")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each step")
    parser.add_argument(
        "--confirm",
        type=float,
        default=90.0,
        help="seconds for which what was found must hold: a snapshot and an archive are within",
    )
    parser.add_argument(
        "--quarter",
        action="store_true",
        help="the edge alone has a quarter of one core, and each sync takes 20 ms more",
    )


def run(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """Search, telling each step on stderr, and print what the machine carries."""
    steps: list[Step] = []
    with Hardship(QUARTER_BOX if arguments.quarter else Wanted()) as hardship:
        if hardship.missing:
            raise BenchError(f"no quarter of a core here: {hardship.missing}")
        if hardship.by:
            print(f"the edge has {hardship.by}")

        def carried(points: int) -> bool:
            for _ in range(TRIES):
                steps.append(_step(points, arguments.seconds, hardship))
                sys.stderr.write(_told(steps[-1]) + "\n")
                if not any(each.measured for each in steps):
                    # That says nothing of how many points it carries.
                    raise BenchError(steps[-1].reason)
                if steps[-1].carried:
                    return True
            return False

        points = search(carried, first=_whole(arguments.first), most=_whole(arguments.most))
        while points and arguments.confirm > arguments.seconds:
            # A step is over before the first snapshot and the first archive: carried is what is
            # carried with both of them.
            steps.append(_step(points, arguments.confirm, hardship))
            sys.stderr.write(f"for {arguments.confirm:g} s: {_told(steps[-1])}\n")
            if steps[-1].carried or points <= POINTS_A_MESSAGE:
                points = points if steps[-1].carried else 0
                break
            points = _whole(points / RESOLUTION)
        by = hardship.by
    for step in sorted(steps, key=lambda each: each.points):
        print(_told(step))
    print(f"this machine carries {points:,} points at 1 Hz")
    # A number that failed at last, in the confirmation, is beyond what is carried too.
    beyond = [each for each in steps if each.points > points and each.reason]
    return {
        "points_at_1hz": points,
        "seconds": arguments.seconds,
        "confirmed_s": arguments.confirm,
        "hardship": by,
        "p99_ms": max(
            (each.p99_ms for each in steps if each.carried and each.points == points), default=0.0
        ),
        "stopped_by": min(beyond, key=lambda each: each.points).reason if beyond else "",
        "steps": [[each.points, round(each.p99_ms, 2), each.reason] for each in steps],
        "sound": points > 0,
    }


def _step(points: int, seconds: float, hardship: Hardship) -> Step:
    devices = points // POINTS_A_MESSAGE
    load = Load(
        shape=f"stations:{devices}", rate=float(devices), seconds=seconds, hardship=hardship
    )
    try:
        return judge(points, measure(load))
    except BenchError as error:
        why = str(error).strip().rpartition("\n")[2]
        return Step(points=points, p99_ms=0.0, reason=f"not measured: {why}", measured=False)


def _whole(points: float) -> int:
    return max(POINTS_A_MESSAGE, int(points) // POINTS_A_MESSAGE * POINTS_A_MESSAGE)


def _told(step: Step) -> str:
    said = "carried" if step.carried else f"not carried: {step.reason}"
    return f"{step.points:>9,} points at 1 Hz: p99 {step.p99_ms:>8.1f} ms  {said}"
