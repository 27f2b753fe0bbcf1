"""A gateway whose clock is set, and set again: what runs for a time lasts that time.

Each story is told twice, by a line whose clock is left alone and by one whose clock is set, from
the same messages: what rises, and at which second since the start, must be the same. Devices state
the true time; where the gateway's clock is behind theirs by more than five seconds they are not
believed, and what they would end stands until the clocks agree again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.alarms.requests import Request
from gateway.model import NANOSECONDS, Cause
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import HEAD, START

HOUR = 3600 * NANOSECONDS
LENGTH = 400
SITE = """[[device]]
id = "d{n}"
profile = "generic/json"
area = "A1"
topic = "p/{n}"
{time}
[[device.point]]
channel = "x"
pointer = "/x"
tag = "{tag}"
unit = "ppm"
interval = "{interval}"
limits = {{ h = 100, on_delay = "{on}", off_delay = "30s"{more} }}
"""
#: Delays that outlast steps, one that is shorter, and a silence that outlasts one.
DEVICES = (
    ("OWN", 'time = "/ts"', "150s", "1s"),
    ("SHORT", 'time = "/ts"', "7s", "1s"),
    ("OURS", 'time = "received"', "150s", "1s"),
    ("SILENT", 'time = "/ts"', "20s", "20s"),
)
Schedule = Callable[[int], int]


def each_minute(step: int) -> Schedule:
    """A step each minute, added to those before."""
    return lambda second: (second // 60) * step


def once(step: int, at: int = 95, until: int = 10**6) -> Schedule:
    """A step that is taken back later, or never."""
    return lambda second: step if at <= second < until else 0


def repeated_second(second: int) -> int:
    """A leap second told twice."""
    return -NANOSECONDS if second >= 101 else 0


SCHEDULES: dict[str, Schedule] = {
    "a second forward": once(NANOSECONDS),
    "a second back": once(-NANOSECONDS),
    "an hour forward": once(HOUR),
    "an hour forward and back": once(HOUR, until=200),
    "an hour back": once(-HOUR),
    "an hour back and forward": once(-HOUR, until=200),
    "ten minutes back each minute": each_minute(-600 * NANOSECONDS),
    "1970, then right": lambda second: -START if second < 120 else 0,
    "to 1970 and back": once(-START, until=200),
    "to 2038 and back": once(2_147_483_648 * NANOSECONDS - START, until=200),
    "a leap second": repeated_second,
}
BELIEVED = [name for name, each in SCHEDULES.items() if min(map(each, range(LENGTH))) > -5e9]


def plant_of(folder: Path, *, more: str = "") -> Plant:
    path = folder / "site.toml"
    devices = "".join(
        SITE.format(n=n, tag=tag, time=time, on=on, interval=interval, more=more)
        for n, (tag, time, on, interval) in enumerate(DEVICES)
    )
    path.write_text(HEAD + devices, encoding="utf-8")
    return load_site(path).plant


def value(tag: str, second: int) -> float | None:
    """What a device says: over the limit from 20 to 300; SILENT speaks once more at 250."""
    if tag == "SILENT":
        return 150.0 if second <= 90 or second == 250 else None
    return 150.0 if 20 <= second < 300 else 10.0


def tell(
    folder: Path, schedule: Schedule, *, read_before: bool = False, reads: tuple[int, int] = (0, 0)
) -> tuple[list[tuple[str, str, str, int]], Wired]:
    """Play the story; return tag, rule, cause and second since the start of each event.

    With `read_before` the clock is set after a second's messages were read, before they are taken.
    With `reads` it is set by so much (ns) in second 95, after it was read so often.
    """
    told: list[tuple[str, str, str, int]] = []
    wired = Wired(plant_of(folder), step_ns=schedule(0))
    for second in range(1, LENGTH):
        step = schedule(second)
        if second == 95 and reads[1]:
            wired.clock.reads, wired.clock.next_ns = reads
        elif not read_before and not reads[1]:
            wired.clock.step_ns = step
        seen = len(wired.work)
        true = START + second * NANOSECONDS + NANOSECONDS // 2
        for n, (tag, *_) in enumerate(DEVICES):
            number = value(tag, second)
            said = f'{{"ts": {true // 10**6}, "x": {number}}}'.encode()
            if read_before:
                # Each is read by the clock as it was, however soon the first of them shows it.
                wired.clock.step_ns = schedule(second - 1)
            wired.second(
                second,
                None if number is None else said,
                topic=f"p/{n}",
                set_to=step if read_before else None,
            )
        told += [
            (event.tag, event.rule, event.cause, second)
            for work in wired.work[seen:]
            for event in (each.event for each in work.transitions)
            if event.tag and event.rule != "clock"
        ]
    return told, wired


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str, int]]:
    """Return the story as the line tells it whose clock is left alone."""
    return tell(tmp_path_factory.mktemp("straight"), lambda _: 0)[0]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_what_rises_rises_at_its_second(
    tmp_path: Path, name: str, when: str, straight: list[tuple[str, str, str, int]]
) -> None:
    """No alarm is lost, told twice, early or late by a step, and none ends early."""
    told, wired = tell(tmp_path, SCHEDULES[name], read_before=when == "after")
    rises = [each for each in straight if each[2] == "raise"]
    assert {each[0] for each in rises} == {tag for tag, *_ in DEVICES}
    assert [each for each in told if each[2] == "raise"] == rises
    ends = {each[:3]: each[3] for each in told if each[2] == "clear"}
    for *what, second in (each for each in straight if each[2] == "clear"):
        if name in BELIEVED or what[0] == "OURS" or what[1] == "no_data":
            assert ends[tuple(what)] == second  # type: ignore[index]
        else:
            assert ends.get(tuple(what), second) >= second  # type: ignore[arg-type]
    assert len(ends) <= len([each for each in straight if each[2] == "clear"])
    clock = [e for work in wired.work for e in work.transitions if e.event.kind == "clock"]
    steps = [SCHEDULES[name](n) - SCHEDULES[name](n - 1) for n in range(1, LENGTH)]
    assert [each.event.detail["step_ns"] for each in clock] == [each for each in steps if each]


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
@pytest.mark.parametrize("reads", range(18))
def test_it_may_be_set_between_any_two_looks(
    tmp_path: Path, reads: int, step: int, straight: list[tuple[str, str, str, int]]
) -> None:
    """Wherever the line is when somebody sets the clock, what rises rises at its second."""
    told, wired = tell(tmp_path, lambda _: 0, reads=(reads, step))
    assert wired.clock.step_ns == step
    assert [e for e in told if e[2] == "raise"] == [e for e in straight if e[2] == "raise"]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("cause", [Cause.SHELVE, Cause.OUT_OF_SERVICE])
def test_a_shelving_lasts_as_agreed(tmp_path: Path, name: str, cause: Cause) -> None:
    """Two minutes asked for at second 30 end at second 150, whatever the clock shows then."""
    wired = Wired(plant_of(tmp_path), step_ns=SCHEDULES[name](0))
    for second in range(1, 200):
        wired.clock.step_ns = SCHEDULES[name](second)
        wired.second(second)
        if second == 30:
            until = wired.clock.now_ns() + 120 * NANOSECONDS
            wired.line.order(
                Request(alarm="gw/OURS/h", revision=0, cause=cause, operator="anna",
                        comment="work", until_ns=until)
            )  # fmt: skip
        ended = any(t.event.cause == "expire" for work in wired.work for t in work.transitions)
        # Judged at whole seconds, 200 ms after they end.
        assert ended == (second >= 151), second


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_an_order_just_after_the_clock_was_set_lasts_as_agreed(tmp_path: Path, step: int) -> None:
    """What is asked for by the clock as it shows now is not moved by the step before."""
    wired = Wired(plant_of(tmp_path))
    wired.second(29)
    wired.clock.step_ns = step
    until = wired.clock.now_ns() + 120 * NANOSECONDS
    wired.line.order(
        Request(alarm="gw/OURS/h", revision=0, cause=Cause.SHELVE, operator="anna",
                comment="work", until_ns=until)
    )  # fmt: skip
    for second in range(30, 200):
        wired.second(second)
        ended = any(t.event.cause == "expire" for work in wired.work for t in work.transitions)
        assert ended == (second >= 150), second


@pytest.mark.parametrize("built", [-START, -HOUR, HOUR], ids=["1970", "back", "forward"])
def test_a_machine_may_learn_the_time_while_it_starts(tmp_path: Path, built: int) -> None:
    """What is of the clock before is not moved by a step that came before anything ran."""
    wired = Wired(plant_of(tmp_path))
    wired.line.order(
        Request(alarm="gw/OURS/h", revision=0, cause=Cause.SHELVE, operator="anna",
                comment="work", until_ns=START + 120 * NANOSECONDS)
    )  # fmt: skip
    again = Wired(plant_of(tmp_path), step_ns=built, shows_ns=0, known_ns=START,
                  statuses=wired.line.desk.statuses, entries=wired.line.desk.entries)  # fmt: skip
    for second in range(1, 125):
        again.second(second, b'{"ts": %d, "x": 10}' % ((START + second * NANOSECONDS) // 10**6))
        assert ("expire" in {cause for _, cause, _ in again.told}) == (second >= 120), second
    assert not [t for work in again.work for t in work.transitions if t.event.kind == "clock"]
    assert [e for e in again.told if e[1] == "raise"] == [
        ("SHORT", "raise", 3),
        ("OURS", "raise", 3),
        ("SILENT", "raise", 60),
    ]


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_step_during_a_restart_is_followed(tmp_path: Path, step: int) -> None:
    """Where the clock from before still ran as the program began, what lasts goes on by it."""
    wired = Wired(plant_of(tmp_path))
    wired.line.order(
        Request(alarm="gw/OURS/h", revision=0, cause=Cause.SHELVE, operator="anna",
                comment="work", until_ns=START + 120 * NANOSECONDS)
    )  # fmt: skip
    again = Wired(plant_of(tmp_path), second=60, shows_ns=step, known_ns=START,
                  statuses=wired.line.desk.statuses, entries=wired.line.desk.entries)  # fmt: skip
    [event] = [t.event for work in again.work for t in work.transitions]
    assert event.kind == "clock"
    # What was set back is known to be behind what was known before, and no more.
    ends = 120 if step > 0 else 180
    for second in range(61, 190):
        again.second(second)
        assert ("expire" in {cause for _, cause, _ in again.told}) == (second >= ends), second


def test_a_step_that_recovery_tells_is_an_alarm_and_makes_dates_doubtful(tmp_path: Path) -> None:
    """As one that the line saw: `clock_set` stands, and no calibration ends by a wrong date."""
    wired = Wired(plant_of(tmp_path))
    told = wired.line.desk.set_clock(START, START - HOUR)
    doubted: list[int] = []
    wired.line.overdue.doubt = doubted.append  # type: ignore[method-assign]
    assert wired.line.set_ns is None
    wired.line.start([told], resumed=True)
    assert doubted == [START]
    assert wired.line.set_ns == wired.clock.monotonic_ns()


def test_a_clock_mended_while_nobody_ran_delays_no_re_alarm(tmp_path: Path) -> None:
    """What was acknowledged by a clock years ahead is told again its time after the start."""
    wired = Wired(plant_of(tmp_path, more=', re_alarm = "60s"'), step_ns=10_000 * HOUR)
    for second in range(1, 10):
        wired.second(second, b'{"x": 150}', topic="p/1")
    wired.line.order(
        Request(alarm="gw/SHORT/h", revision=1, cause=Cause.ACKNOWLEDGE, operator="anna")
    )
    again = Wired(plant_of(tmp_path, more=', re_alarm = "60s"'),
                  statuses=wired.line.desk.statuses, entries=wired.line.desk.entries)  # fmt: skip
    for second in range(1, 70):
        again.second(second, b'{"x": 150}', topic="p/1")
        assert ("re-alarm" in {cause for _, cause, _ in again.told}) == (second >= 60), second


def test_a_clock_set_back_while_nobody_ran_is_noticed(tmp_path: Path) -> None:
    """A start in 1970 is told as what it is, and a shelving goes on where it was."""
    wired = Wired(plant_of(tmp_path))
    wired.line.order(
        Request(alarm="gw/OURS/h", revision=0, cause=Cause.SHELVE, operator="anna",
                comment="work", until_ns=START + 120 * NANOSECONDS)
    )  # fmt: skip
    again = Wired(plant_of(tmp_path), step_ns=-START, statuses=wired.line.desk.statuses,
                  entries=wired.line.desk.entries, known_ns=START)  # fmt: skip
    event = again.work[-1].transitions[0].event
    assert (event.kind, event.detail["before_ns"], event.detail["after_ns"]) == ("clock", START, 0)
    again.second(119)
    assert "expire" not in {cause for _, cause, _ in again.told}
    again.second(122)
    assert "expire" in {cause for _, cause, _ in again.told}
