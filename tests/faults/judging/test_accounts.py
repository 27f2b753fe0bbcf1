"""Each life of an edge is judged by what it heard: little is excused, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.model import NANOSECONDS, AlarmEvent
from tests.chain.site import site_text
from tests.faults.judging.alarms import fail_safe, none_lost
from tests.faults.judging.evidence import Evidence, Message
from tests.faults.judging.lives import LOST
from tests.faults.judging.looked import Looked
from tests.faults.judging.stores import CentreStore, EdgeStore
from tests.faults.site.load import HIGH, NORMAL

#: A store on disk fails at 40 s, memory takes its place, and the disk is back at 60 s.
FAILS_S, BACK_S = 40.0, 60.0
POINT = 1
TAG, ALARM = "T01", "chain-gw/T01/h"


class Written:
    """A run written by hand: what was said, acknowledged at once, and what the centre holds."""

    def __init__(self, folder: Path) -> None:
        self.said: list[Message] = []
        self.events: list[AlarmEvent] = []
        self.stored: set[tuple[str, int, float]] = set()
        self.site = folder / "edge.toml"
        self.site.write_text(site_text("mqtt://127.0.0.1:1883", delayed=False, points=4))

    def say(
        self, at: float, value: float, *, stored: bool = True, answered: float | None = None
    ) -> None:
        """Let a device say this, and the edge acknowledge it, at once unless told otherwise."""
        acknowledged = ns(at) + 1 if answered is None else ns(answered)
        message = Message(POINT, ns(at), value, "plant/d01", b"", acknowledged=acknowledged)
        self.said.append(message)
        if stored:
            self.stored.add((TAG, message.source_ns, value))

    def told(self, life: str, at: float, cause: str, **fields: str) -> None:
        """Let the centre hold a transition."""
        known = {"kind": "alarm", "alarm": ALARM, "tag": TAG, "rule": "h", **fields}
        self.events.append(
            AlarmEvent(node="chain-gw", life=life, epoch="e", seq=len(self.events) + 1, cause=cause,
                       source_ns=ns(at), received_ns=ns(at), **known)  # type: ignore[arg-type]
        )  # fmt: skip

    def begin(self, life: str, at: float, *kinds: str) -> None:
        """Let a life begin, or a process in it."""
        for kind in kinds:
            self.told(life, at, "", kind=kind, alarm="", tag="", rule="")

    def lose(self, at: float) -> None:
        """Let the life in memory say that the store is lost."""
        self.told("memory", at, "raise", alarm="chain-gw/@node/" + LOST, tag="@node", rule=LOST)

    def looked_at(self) -> Looked:
        """Return it as the judge sees it."""
        run = Looked(Evidence(site=self.site, said=self.said, acknowledgements=True))
        run.edge = EdgeStore(readings=self.stored)
        run.centre = CentreStore(events=self.events)
        return run

    def judged(self) -> tuple[str, ...]:
        """Return what is violated, in a word each."""
        run = self.looked_at()
        found = [*(none_lost(run) or ()), *(fail_safe(run) or ())]
        return tuple(each.partition(":")[0] for each in found)


def ns(seconds: float) -> int:
    return int(seconds * NANOSECONDS)


@pytest.fixture
def run(tmp_path: Path) -> Written:
    """A life on disk in which an alarm was raised and told."""
    written = Written(tmp_path)
    written.begin("disk", 1, "life", "start")
    written.say(10, HIGH)
    written.told("disk", 10, "raise")
    return written


def fail_and_carry(run: Written, after: str) -> None:
    """Let memory take the place of the store, and carry the alarm into its life."""
    run.begin("memory", FAILS_S, "life")
    run.told("memory", FAILS_S, "carry", after=after)
    run.lose(FAILS_S)


def test_over_kills_nothing_is_excused(run: Written) -> None:
    """However often it starts anew, a store on disk has what moved, and tells it once."""
    run.say(20, NORMAL)
    run.begin("disk", 25, "start")
    assert run.judged() == ("lost",)
    run.told("disk", 20, "clear")
    assert run.judged() == ()
    run.told("disk", 26, "raise")
    assert run.judged() == ("raised by nothing",)


def test_a_carried_alarm_tells_what_died_with_the_store(run: Written) -> None:
    """A clear of the last instant is told by the state that is carried: returned."""
    run.begin("disk", 39.5, "start")
    run.say(39.9, NORMAL, stored=False, answered=FAILS_S + 0.1)
    fail_and_carry(run, "RTNUN")
    assert run.judged() == ()


@pytest.mark.parametrize(
    ("at", "answered", "after"),
    [
        (39.9, FAILS_S + 0.1, "UNACK"),  # what is carried says that it had not returned
        (38.0, FAILS_S + 0.1, "RTNUN"),  # the store lasted longer, and would have it
        (39.9, 39.95, "RTNUN"),  # it was acknowledged, so the store had it
    ],
)
def test_a_carried_alarm_excuses_nothing_else(
    run: Written, at: float, answered: float, after: str
) -> None:
    """A clear that it does not state, or that was told while the store lasted, is lost."""
    run.begin("disk", 39.5, "start")
    run.say(at, NORMAL, stored=False, answered=answered)
    fail_and_carry(run, after)
    assert run.judged() == ("lost",)


def test_what_is_heard_after_it_failed_is_told(run: Written) -> None:
    """The engine goes on: a clear that follows is the memory's to tell, once."""
    fail_and_carry(run, "UNACK")
    run.say(45, NORMAL, stored=False)
    assert run.judged() == ("lost",)
    run.told("memory", 45, "clear")
    assert run.judged() == ()
    run.told("memory", 46, "raise")
    assert run.judged() == ("raised by nothing",)


def test_memory_that_begins_with_a_process_knows_nothing_of_before(run: Written) -> None:
    """What stands is raised anew by the next reading that shows it, and only by that."""
    run.begin("memory", FAILS_S, "life", "start")
    run.lose(FAILS_S)
    run.say(45, HIGH, stored=False)
    assert run.judged() == ("lost",)
    run.told("memory", 45, "raise")
    assert run.judged() == ()
    run.told("memory", 47, "clear")
    assert run.judged() == ("cleared by nothing",)


def test_back_on_its_disk_it_goes_on_where_its_spool_ends(run: Written) -> None:
    """What memory alone heard moves nothing there; the next reading does."""
    run.begin("memory", FAILS_S, "life", "start")
    run.lose(FAILS_S)
    run.say(45, NORMAL, stored=False)
    run.begin("disk", BACK_S, "start")
    assert run.judged() == ()
    run.say(70, NORMAL)
    assert run.judged() == ("lost",)
    run.told("disk", 70, "clear")
    assert run.judged() == ()
    run.told("disk", 45, "clear")
    assert run.judged() == ("cleared by nothing",)


def test_what_its_spool_holds_it_tells_when_it_is_back(run: Written) -> None:
    """A reading that was appended as the store failed is run at the next start, and not before."""
    run.begin("memory", FAILS_S, "life", "start")
    run.lose(FAILS_S)
    run.say(41, NORMAL)
    assert run.judged() == ()
    run.begin("disk", BACK_S, "start")
    assert run.judged() == ("lost",)
    run.told("disk", 41, "clear")
    assert run.judged() == ()
