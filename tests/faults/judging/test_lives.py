"""From its events: on which store an edge ran, and when it said that nothing was durable."""

from __future__ import annotations

from gateway.model import AlarmEvent
from tests.faults.judging.lives import LOST, Life, Span, lives


def event(life: str, at: int, kind: str = "alarm", cause: str = "", rule: str = "") -> AlarmEvent:
    """Return an event of a life; its number and its time are the same."""
    return AlarmEvent(kind=kind, node="gw", life=life, epoch="e", seq=at, cause=cause, rule=rule,
                      received_ns=at)  # fmt: skip


#: A disk that failed twice: memory takes its place at 40, and the disk comes back at 60.
DISK = [event("disk", 10, "life"), event("disk", 11, "start"), event("disk", 20, "start")]
IN_PLACE = [event("memory", 40, "life"), event("memory", 41, cause="raise", rule=LOST)]
BACK = [event("disk", 60, "start")]


def by_name(events: list[AlarmEvent]) -> dict[str, Life]:
    return {life.name: life for life in lives(events)}


def test_a_life_on_disk_outlives_its_processes() -> None:
    """A kill and a new start change no life, and nothing in it was without a disk."""
    [life] = lives(DISK)
    assert (life.memory, life.before) == ((), "")
    assert 10**18 in life.spans[0]


def test_a_store_without_an_event_had_no_life() -> None:
    """What a power cut left of a first start may be an empty journal."""
    assert lives([]) == []


def test_a_store_in_memory_ends_where_the_disk_is_back() -> None:
    """What is acknowledged before it said so, and after it ended, has to be durable."""
    found = by_name([*BACK, *IN_PLACE, *DISK])
    assert found["memory"].memory == (Span(41, 60),)
    [span] = found["memory"].memory
    assert [at in span for at in (None, 40, 41, 59, 60)] == [False, False, True, True, False]
    assert [span.begin for span in found["disk"].spans] == [10, 60]


def test_a_cleared_alarm_ends_what_it_excuses() -> None:
    """The same life says itself that it is on its disk again."""
    found = by_name([*DISK, *IN_PLACE, event("memory", 50, cause="clear", rule=LOST)])
    assert found["memory"].memory == (Span(41, 50),)


def test_a_store_that_failed_is_followed_by_one_that_goes_on() -> None:
    """Where no process started, the engine is the one of the life before."""
    assert by_name([*DISK, *IN_PLACE, *BACK])["memory"].before == "disk"
    started = [*IN_PLACE, event("memory", 42, "start")]
    assert by_name([*DISK, *started, *BACK])["memory"].before == ""
