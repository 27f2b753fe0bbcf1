"""Late data for a line under test: what a device says, and when what it raised was confirmed."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.model import NANOSECONDS
from tests.gateway.roles.edge.test_source_times import told
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import START

#: How far the gateway's clock is ahead of its devices', s.
AHEAD = 7200.0
NORMAL, HIGH = 20.0, 150.0
#: A node looks as often a second.
LOOKS = 10


def said_at(made: float, value: float) -> bytes:
    """What a device says that made a reading at a second, by its own clock."""
    return f'{{"ts": {round((START / NANOSECONDS + made) * 1000)}, "x": {value}}}'.encode()


def wait(wired: Wired, since: float, until: float) -> None:
    """Let the node look every tenth of a second, behind one second and up to another."""
    for number in range(round(since * LOOKS) + 1, round(until * LOOKS) + 1):
        wired.moment(number / LOOKS)


def restarted(wired: Wired, *, second: int, step_ns: int = 0, **start: int) -> Wired:
    """Return a line that takes up what another left."""
    line = wired.line
    return Wired(
        line.engine.plant,
        snapshot=line.engine.snapshot(),
        statuses=line.desk.statuses,
        entries=line.desk.entries,
        second=second,
        step_ns=step_ns,
        **start,
    )


def causes(wired: Wired) -> list[str]:
    return [event.cause for event in told(wired)]


def play(wired: Wired, said: Iterable[tuple[float, float, float]], *, until: float) -> list[float]:
    """Let a device say things, each at a second, made by its own clock at another, of a value.

    The node looks every tenth of a second meanwhile.

    Returns
    -------
    list
        When an alarm was confirmed, s.
    """
    look = 1
    for at, made, value in said:
        while look / LOOKS < at:
            wired.moment(look / LOOKS)
            look += 1
        wired.moment(at, said_at(made, value))
    wait(wired, (look - 1) / LOOKS, until)
    events = [event for event in told(wired) if event.cause == "confirm"]
    return [(event.received_ns - START) / NANOSECONDS for event in events]
