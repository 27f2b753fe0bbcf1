"""What the courier of an export does with rows: order, receipts, refusals, waits, bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.db import Database
from gateway.model import NANOSECONDS
from gateway.northbound import dead_letters, outbox
from gateway.northbound.dead_letters import RETRY, Release
from gateway.northbound.exports import courier as couriers
from gateway.northbound.exports.port import (
    Outcome,
    Parcel,
    PostRefusedError,
    ReceiverAwayError,
)
from gateway.northbound.exports.rows import forget, shed
from gateway.northbound.exports.settings import SelectSettings
from tests.gateway.northbound.exports.receiving import DESTINATION, NAME, Node
from tests.gateway.northbound.site import until


class Taker:
    """A receiver that does as it is told, post by post; then it takes everything."""

    def __init__(self, *script: Exception | str, most: int = 100) -> None:
        self.most = most
        self.script = list(script)
        self.posts: list[list[int]] = []
        self.at: list[float] = []
        self.taken: list[int] = []
        self.poison: set[int] = set()
        self.closed = False

    async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
        numbers = [parcel.number for parcel in parcels]
        self.posts.append(numbers)
        self.at.append(time.monotonic())
        if self.poison & set(numbers):
            raise PostRefusedError("it answers 422: no such rule")
        step = self.script.pop(0) if self.script else "all"
        if isinstance(step, Exception):
            raise step
        if step == "lost":  # it took them, and its answer was lost
            self.taken += numbers
            raise ReceiverAwayError("the connection broke")
        if step == "half":
            numbers = numbers[: len(numbers) // 2]
        if step == "hang":
            await asyncio.Event().wait()
        if step == "none":
            return Outcome()
        self.taken += numbers
        return Outcome(taken=numbers, trouble="busy" if step == "half" else "")

    async def close(self) -> None:
        self.closed = True


def metric(node: Node, name: str) -> float | None:
    return node.metrics.registry.get_sample_value(f"hazgate_export_{name}", {"export": NAME})


async def test_rows_arrive_in_order_and_leave(node: Node) -> None:
    """Everything that waits is delivered once, in order, and what comes later too when woken."""
    node.tell_many(250)
    taker = Taker()
    async with node.courier(taker) as courier:
        await until(lambda: node.left == 0)
        node.tell()
        courier.wake()
        await until(lambda: len(taker.taken) == 251)
        # Counted once the store has it: a moment after the rows are gone.
        await until(lambda: node.left == 0 and metric(node, "events_total") == 251)
    assert taker.taken == list(range(1, 252))
    assert taker.closed
    assert metric(node, "connected") == 1


async def test_nothing_leaves_without_a_receipt(node: Node) -> None:
    """An answer that names nothing, half, or never comes leaves the rest in the outbox."""
    node.tell_many(8)
    taker = Taker("none", ReceiverAwayError("away"), "half", "lost")
    async with node.courier(taker):
        await until(lambda: node.left == 0)
    assert taker.posts[:4] == [[*range(1, 9)], [*range(1, 9)], [*range(1, 9)], [*range(5, 9)]]
    # What was taken and not known to be is sent again: receivers know it by its id.
    assert taker.taken == [*range(1, 9), *range(5, 9)]


async def test_a_new_start_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    """Rows wait on the disk: a process that ends in the middle of a post loses none."""
    node = Node(tmp_path / "store.db")
    node.tell_many(5)
    taker = Taker("lost")
    async with node.courier(taker):
        await until(lambda: len(taker.posts) >= 1)
    node.database.close()
    again = Node(tmp_path / "store.db")
    async with again.courier(taker):
        await until(lambda: again.left == 0)
    again.database.close()
    assert set(taker.taken) == set(range(1, 6))


async def test_one_refused_event_does_not_hold_up_the_others(node: Node) -> None:
    """A post that is refused is halved until the one to blame stands alone; it is set aside."""
    node.tell_many(64)
    taker = Taker()
    taker.poison = {7, 40}
    async with node.courier(taker):
        await until(lambda: node.left == 0 and metric(node, "refused_events_total") == 2)
    assert taker.taken == [number for number in range(1, 65) if number not in {7, 40}]
    assert node.dead() == [
        (7, "not taken 2 times, others were: it answers 422: no such rule"),
        (40, "not taken 2 times, others were: it answers 422: no such rule"),
    ]
    assert len(taker.posts) < 40


async def test_a_receiver_that_refuses_everything_makes_no_dead_letters(node: Node) -> None:
    """A firewall before it that answers 400 all night: all waits, and arrives in the morning."""
    node.tell_many(64)
    taker = Taker()
    taker.poison = set(range(1, 65))
    async with node.courier(taker) as courier:
        await until(lambda: "no such rule" in courier._reason)
        await until(lambda: len(taker.posts) > 40)
        node.clock.set(node.clock.now_ns() + 61 * NANOSECONDS)
        assert courier.trouble == "export city: it answers 422: no such rule"
        assert (node.dead(), node.left) == ([], 64)
        taker.poison = set()
        await until(lambda: node.left == 0)
    assert sorted(taker.taken) == list(range(1, 65))
    assert node.dead() == []


async def test_attempts_back_off_and_a_wait_is_kept(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waits grow up to a bound, and none is shorter than what the receiver asked for."""
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds == couriers.LOOK_S:  # its count, which waits for itself
            await real(seconds)
        waits.append(seconds)
        await real(0)

    monkeypatch.setattr(couriers, "RETRY_FIRST_S", 1.0)
    monkeypatch.setattr(couriers, "RETRY_LAST_S", 8.0)
    node.tell()
    taker = Taker(*[ReceiverAwayError("away")] * 5, ReceiverAwayError("busy", wait_s=120.0))
    courier = node.courier(taker)
    monkeypatch.setattr(couriers.asyncio, "sleep", sleep)
    async with courier:
        async with asyncio.timeout(30):
            while node.left:
                await real(0.01)
    for wait, most in zip(waits, (2, 4, 8, 8, 8), strict=False):
        assert 1 <= wait <= most
    # Behind what it asked for, as another wait: those it asked at once do not come back at once.
    assert 121.0 <= waits[5] <= 128.0


async def test_the_filter_leaves_out_and_nothing_of_it_stays(node: Node) -> None:
    """Rows that are not wanted leave unsent; tests and other priorities among them."""
    node.tell(priority="low")
    node.tell(test=True)
    wanted = node.tell(priority="critical")
    taker = Taker()
    async with node.courier(taker, select=SelectSettings(priorities=("critical",))):
        await until(lambda: node.left == 0)
    assert taker.taken == [wanted.seq]
    assert node.dead() == []


async def test_what_is_beyond_the_bound_is_shed_and_counted(node: Node) -> None:
    """The oldest go, the newest stay, and the node is told how many for its durable event."""
    node.tell_many(1500)
    taker = Taker(*[ReceiverAwayError("away")] * 1000)
    async with node.courier(taker, keep=1000):
        await until(lambda: bool(node.lost))
        await until(lambda: metric(node, "waiting_events") == 1000)
    assert node.lost == [(500, "export city: more than 1000 events waited")]
    assert metric(node, "shed_events_total") == 500
    [first] = outbox.oldest(node.database, DESTINATION, 1)
    assert first.seq == 501


async def test_what_was_shed_before_a_crash_is_told_after_it(tmp_path: Path) -> None:
    """The count stands in the store with the deletion, some rows at a time, until it is told."""
    node = Node(tmp_path / "store.db")
    node.tell_many(1700)
    assert shed(node.database, DESTINATION, 1000) == outbox.AT_ONCE
    assert node.left == 1200
    node.database.close()
    again = Node(tmp_path / "store.db")
    async with again.courier(Taker(*[ReceiverAwayError("away")] * 1000), keep=1000):
        await until(lambda: again.lost)
        await until(lambda: outbox.shed_untold(again.database, DESTINATION) == 0)
    assert again.lost == [(700, "export city: more than 1000 events waited")]
    again.database.close()


async def test_an_export_that_is_away_is_told_once_and_seen(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line when it goes, one when it comes; after a minute it is a trouble of the node."""
    node.tell_many(3)
    taker = Taker(*[ReceiverAwayError("no route")] * 6)
    courier = node.courier(taker)
    async with courier:
        await until(lambda: len(taker.posts) >= 3)
        assert courier.trouble == ""
        node.clock.set(node.clock.now_ns() + 61 * NANOSECONDS)
        assert courier.trouble == "export city: no route"
        await until(lambda: node.left == 0)
        await until(lambda: courier.trouble == "")
    told = capsys.readouterr()
    lines = (told.out + told.err).splitlines()
    assert sum("does not take events" in line for line in lines) == 1
    assert sum("takes events again" in line for line in lines) == 1


async def test_a_post_that_hangs_is_told_and_hides_no_bound(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is counted and shed meanwhile, and it is a trouble after a minute."""
    monkeypatch.setattr(couriers, "LOOK_S", 0.05)
    node.tell_many(3)
    courier = node.courier(Taker("hang"), keep=1000)
    async with courier:
        await until(lambda: courier._begun)
        assert courier.trouble == ""
        node.tell_many(1500)
        await until(lambda: node.lost)
        assert node.lost == [(503, "export city: more than 1000 events waited")]
        await until(lambda: metric(node, "waiting_events") == 1000)
        node.clock.set(node.clock.now_ns() + 61 * NANOSECONDS)
        assert courier.trouble == "export city: it does not answer"


async def test_a_post_that_hangs_is_given_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while it is sent again, to a receiver that may answer now."""
    monkeypatch.setattr(couriers, "DELIVER_S", 0.1)
    node.tell_many(3)
    taker = Taker("hang", "hang")
    async with node.courier(taker) as courier:
        await until(lambda: "does not answer" in courier._reason)
        await until(lambda: node.left == 0)
    assert taker.taken == [1, 2, 3]


async def test_posts_are_bounded_in_bytes(node: Node) -> None:
    """Events with long comments do not make a post without end."""
    for number in range(40):
        node.tell(f"gw1/T{number}/h", comment="x" * 60_000)
    taker = Taker()
    async with node.courier(taker):
        await until(lambda: node.left == 0)
    assert max(len(post) for post in taker.posts) <= couriers.BATCH_BYTES // 60_000
    assert taker.taken == list(range(1, 41))


@pytest.mark.parametrize("poison", [set(), {1}])
async def test_a_receipt_for_a_lost_store_removes_nothing_of_the_new_one(
    node: Node, poison: set[int]
) -> None:
    """The store falls to memory while a post is under way: its numbers are other events' there."""
    node.tell("gw1/old/h")
    told: list[str] = []

    class Slow(Taker):
        async def deliver(self, parcels: Sequence[Parcel]) -> Outcome:
            told.extend(parcel.event.alarm for parcel in parcels)
            if len(told) == 1:
                node.database.close()
                node.database = Database(None, "edge")
                node.new_life()
                node.tell("gw1/new/h")
                if poison:
                    return Outcome(refused=[(1, "never")])
            return await super().deliver(parcels)

    async with node.courier(Slow()):
        await until(lambda: node.left == 0)
    assert told == ["gw1/old/h", "gw1/new/h"]
    assert node.dead() == []


async def test_rows_of_an_export_that_is_no_more_are_let_go(node: Node) -> None:
    """Only exports are forgotten, and only those that no table names: the parent's rows stay."""
    node.tell_many(3)
    outbox.append(node.database, [outbox.Row(1, "", b"x")], ["parent", "export:other"])
    assert forget(node.database, [DESTINATION]) == {"export:other": 1}
    assert node.left == 3
    assert outbox.waiting(node.database, "parent") == 1


async def test_a_removed_export_leaves_nothing_that_could_be_sent_again(node: Node) -> None:
    """Its dead letters and what it said go with it, those of the others stay."""
    node.tell()
    [row] = outbox.oldest(node.database, DESTINATION, 1)
    for name in (DESTINATION, "export:other", "export:older"):
        if name != DESTINATION:
            outbox.append(node.database, [row], [name])
        outbox.set_aside(node.database, name, [(row.seq, "never")], at_ns=1)
        node.database.execute(
            "INSERT INTO export_alert (destination, alarm, life, occurrence, refs) "
            "VALUES (?, ?, ?, 1, ?)",
            (name, row.alarm, "ab", b"[]"),
        )
    # An older version let go of what waited alone.
    outbox.clear(node.database, "export:older")
    again = Release(id="a", action=RETRY, receiver="export:older")
    assert dead_letters.release(node.database, again) == 0
    assert outbox.waiting(node.database, "export:older") == 0
    assert forget(node.database, [DESTINATION]) == {"export:older": 1, "export:other": 1}
    assert [letter.receiver for letter in dead_letters.listed(node.database, 10)] == [DESTINATION]
    assert node.database.execute("SELECT destination FROM export_alert") == [(DESTINATION,)]
    assert dead_letters.release(node.database, Release(id="b", action=RETRY)) == 1
    assert node.left == 1
