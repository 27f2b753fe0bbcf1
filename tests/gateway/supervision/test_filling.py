"""A parent that is added later is sent what came before, in steps, while the centre works."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.db import Database
from gateway.northbound import outbox
from gateway.supervision import filling
from gateway.supervision.opening import PARENT
from tests.gateway.supervision.test_upward import Tiers, until
from tests.gateway.supervision.world import Child

ROOM = 2**30


class Kept:
    """A centre's store, and a parent that takes what it is sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path, "centre")
        self.last = 0
        self.sent: list[tuple[int, str]] = []

    def open(self, *, parent: bool) -> bool:
        return filling.begin(self.database, parent=parent)

    def crash(self) -> None:
        """Begin anew with what is in the file."""
        self.database.close()
        self.database = Database(self.path, "centre")
        self.open(parent=True)

    def event(self, alarm: str = "a", *, parent: bool = True) -> None:
        """An event of gw1, as `Write.finish` puts it out."""
        self.last += 1
        with self.database.transaction():
            self.database.execute(
                "INSERT INTO event (position, node, life, seq, epoch, kind, alarm, hazard, hash, "
                "entry, received_ns) VALUES (?, 'gw1', 'l', ?, 'e', 'alarm', ?, '', '', ?, 0)",
                (self.last, self.last, alarm, b"{}"),
            )
            if parent:
                rows = filling.due(self.database, [outbox.Row(self.last, alarm, b"{}")])
                outbox.append(self.database, rows, [PARENT])

    @property
    def size(self) -> int:
        """Bytes that wait for the parent."""
        return outbox.size(self.database, PARENT)[1]

    def step(self, room: int = ROOM) -> tuple[int, bool]:
        return filling.step(self.database, room=room)

    def fill(self) -> None:
        while self.step()[1]:
            pass

    def waiting(self) -> list[int]:
        return [row.seq for row in outbox.oldest(self.database, PARENT, 10_000)]

    def send(self, count: int, *, after: int = 0) -> None:
        """Let the parent take some: live ones after a number, or the oldest."""
        if after:
            rows = outbox.live(self.database, PARENT, count, after=after)
        else:
            rows = outbox.oldest(self.database, PARENT, count)
        self.sent += [(row.seq, row.alarm) for row in rows]
        outbox.received(self.database, PARENT, [row.seq for row in rows])


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setattr(filling, "AT_ONCE", 3)
    made = Kept(tmp_path / "centre.sqlite")
    yield made
    made.database.close()


def test_the_outbox_is_filled_for_a_later_parent(kept: Kept) -> None:
    """Adding a parent sends it all that came before; taking it away and back misses nothing."""
    for _ in range(2):
        kept.event(parent=False)
    assert not kept.open(parent=False)
    assert kept.waiting() == []
    assert kept.open(parent=True)
    kept.fill()
    assert not kept.open(parent=True)
    assert kept.waiting() == [1, 2]
    outbox.received(kept.database, PARENT, [1, 2])
    kept.open(parent=False)
    kept.event(parent=False)
    assert kept.open(parent=True)
    kept.fill()
    assert kept.waiting() == [3]
    assert outbox.waiting(kept.database, PARENT) == 1


def test_a_new_store_owes_its_parent_nothing(kept: Kept) -> None:
    """A centre that has a parent from the first day puts each event out as it is made."""
    assert not kept.open(parent=True)
    kept.event()
    assert kept.waiting() == [1]
    assert kept.step() == (0, False)


def test_a_step_is_bounded(kept: Kept) -> None:
    """However much came before, a transaction moves a fixed number of rows."""
    for _ in range(8):
        kept.event(parent=False)
    assert kept.open(parent=True)
    assert kept.waiting() == []
    assert [kept.step() for _ in range(4)] == [(3, True), (3, True), (2, False), (0, False)]
    assert kept.waiting() == list(range(1, 9))


def test_a_crash_between_steps_repeats_nothing(kept: Kept) -> None:
    """The next start goes on where the last step ended, whatever the parent has taken by then."""
    for _ in range(8):
        kept.event(parent=False)
    kept.open(parent=True)
    kept.step()
    kept.send(2)
    kept.crash()
    assert kept.waiting() == [3]
    kept.fill()
    kept.crash()
    kept.send(100)
    assert [seq for seq, _ in kept.sent] == list(range(1, 9))


def test_a_crash_within_a_step_undoes_all_of_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and the note of how far it came are one transaction."""
    for _ in range(5):
        kept.event(parent=False)
    kept.open(parent=True)
    kept.step()

    def dies(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(filling, "_end", dies)
        patched.setattr(filling, "set_value", dies)
        with pytest.raises(RuntimeError):
            kept.step()
    assert kept.waiting() == [1, 2, 3]
    kept.fill()
    assert kept.waiting() == [1, 2, 3, 4, 5]


def test_what_has_no_past_goes_out_at_once(kept: Kept) -> None:
    """An alarm without older events, or an event of the node, does not wait for the filling."""
    for _ in range(8):
        kept.event("old", parent=False)
    kept.open(parent=True)
    kept.event("new")
    kept.event("")
    kept.event("new")
    assert kept.waiting() == [9, 10, 11]
    kept.send(3)
    kept.fill()
    assert kept.waiting() == list(range(1, 9))


def test_an_alarm_that_moves_has_its_past_put_out_first(kept: Kept) -> None:
    """Its old events and the new one are next, in order, before what others did long ago."""
    for alarm in ("b", "a", "b", "a", "b", "a", "b", "a"):
        kept.event(alarm, parent=False)
    kept.open(parent=True)
    kept.event("a")
    assert kept.waiting() == []
    # Also where the uplink is so far behind that nothing else is added, up to twice the room.
    assert kept.step(room=1) == (3, True)
    assert kept.step(room=1) == (0, True)
    half = kept.size // 2 + 1
    assert kept.step(room=half) == (2, True)
    assert kept.waiting() == [2, 4, 6, 8, 9]
    assert kept.step(room=half) == (0, True)
    kept.send(5)
    kept.fill()
    assert kept.waiting() == [1, 3, 5, 7]


def test_a_long_past_keeps_no_other_alarm_waiting(kept: Kept) -> None:
    """Alarms that moved meanwhile are put out in turn, a few events each."""
    for alarm in "aaaaaaaaab":
        kept.event(alarm, parent=False)
    kept.open(parent=True)
    for alarm in "ab":
        kept.event(alarm)
    kept.step(room=ROOM)
    kept.step(room=ROOM)
    assert kept.waiting() == [1, 2, 3, 10, 12]
    kept.fill()
    assert kept.waiting() == list(range(1, 13))


@pytest.mark.parametrize("seed", range(40))
def test_every_event_goes_up_once_and_in_its_alarms_order(kept: Kept, seed: int) -> None:
    """Whatever steps, new events, posts and crashes come in which order."""
    chance = random.Random(seed)
    alarms = ["a", "b", "c", ""]
    for _ in range(chance.randrange(30)):
        kept.event(chance.choice(alarms), parent=False)
    kept.open(parent=True)
    after = chance.randrange(kept.last + 1)
    for _ in range(60):
        match chance.randrange(5):
            case 0:
                kept.step(room=chance.choice((0, ROOM)))
            case 1:
                kept.event(chance.choice(alarms))
            case 2:
                kept.send(chance.randrange(1, 4), after=after)
            case 3:
                kept.send(chance.randrange(1, 4))
            case _:
                if chance.random() < 0.2:
                    kept.crash()
                    after = kept.last
    kept.fill()
    kept.send(10_000)
    assert sorted(seq for seq, _ in kept.sent) == list(range(1, kept.last + 1))
    for alarm in alarms[:3]:
        order = [seq for seq, of in kept.sent if of == alarm]
        assert order == sorted(order)
    assert kept.database.execute("SELECT * FROM outbox_ahead, outbox_owed") == []


async def test_a_start_does_not_wait_for_it(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A centre with a new parent serves its children at once; all of the past arrives after."""
    monkeypatch.setattr(filling, "AT_ONCE", 2)
    monkeypatch.setattr(filling, "PAUSE_S", 0.01)
    real, held = filling.step, [True]

    def step(database: Database, *, room: int) -> tuple[int, bool]:
        return (0, True) if held else real(database, room=room)

    monkeypatch.setattr(filling, "step", step)
    tiers = Tiers(tmp_path, clock)
    async with tiers.open_city():
        await tiers.start_county(parent=False)
        site = await tiers.county.child("gw1")
        await site.events(*(site.event() for _ in range(5)))
        await tiers.stop_county()
        await tiers.start_county()
        again = Child("gw1", await tiers.county.client(), clock, token=site.token)
        again.chain, again.revisions = site.chain, site.revisions
        await again.events(again.event("acknowledge"))
        assert await again.events(again.event(alarm="gw1/other")) == ["stored"]
        await until(lambda: tiers.at_city("SELECT 1 FROM event WHERE alarm = 'gw1/other'"))
        assert await tiers.at_city("SELECT seq FROM event WHERE node = 'gw1'") == [(7,)]
        held.clear()

        async def all_there() -> bool:
            return len(await tiers.at_city("SELECT seq FROM event WHERE node = 'gw1'")) == 7

        await until(all_there)
        found = await tiers.at_city("SELECT seq FROM event WHERE node = 'gw1' ORDER BY position")
        assert [seq for (seq,) in found] == [7, 1, 2, 3, 4, 5, 6]
        await tiers.stop_county()
