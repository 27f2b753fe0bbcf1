"""The uplink: nothing leaves without a receipt, and a bad parent costs the gateway nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from gateway.clock import ManualClock
from gateway.db import Database, StoreBrokenError, StoreError, StoreFullError
from gateway.identity import Identity
from gateway.northbound import posting, wire
from gateway.northbound import uplink as module
from gateway.northbound.posting import Posting, UplinkUnavailableError
from gateway.northbound.sending import POST_BYTES
from tests.gateway.northbound.site import Answer, Gateway, Parent, cutting, serving, until
from tests.gateway.supervision.world import NO_TLS, NOON_NS, World


class Longest:
    """Draws the longest wait there is."""

    @staticmethod
    def uniform(a: float, b: float) -> float:
        return max(a, b)


async def test_present_state_first_then_the_outbox_in_order(
    gateway: Gateway, parent: Parent
) -> None:
    """A connection begins with inventory and present state; events follow as they were made."""
    made = gateway.make(1100)
    gateway.present = [made[3], made[7]]
    async with gateway.uplink(parent.url, "the token"):
        await until(lambda: gateway.waiting() == 0)
    assert [item.kind for item in parent.intakes[0].items] == ["inventory", "present"]
    present = msgspec.json.decode(parent.of_kind("present")[0], type=wire.Present)
    assert [bytes(raw) for raw in present.alarms] == gateway.present
    assert (present.life, present.seq) == (gateway.identity.life, 1100)
    assert parent.of_kind("event") == made
    assert all(len(post.items) <= wire.MAX_ITEMS for post in parent.intakes)
    assert all(sum(len(bytes(i.body)) for i in p.items) <= POST_BYTES for p in parent.intakes)
    assert parent.doubled == []
    for post in parent.intakes:
        assert post.headers["authorization"] == "Bearer the token"


async def test_a_real_centre_keeps_the_bytes(gateway: Gateway, world: World) -> None:
    """A real centre has every event byte for byte, once, and the outbox is empty."""
    child = await world.child("gw1")
    made = gateway.make(700)
    gateway.present = made[:2]
    async with gateway.uplink(world.running.url, child.token):
        await until(lambda: gateway.waiting() == 0)
        made += gateway.make(3)
        await until(lambda: gateway.waiting() == 3)
    async with gateway.uplink(world.running.url, child.token):
        await until(lambda: gateway.waiting() == 0)
    rows = await world.rows("SELECT entry FROM event ORDER BY seq")
    assert [row[0] for row in rows] == made
    assert gateway.dead() == []
    assert gateway.waiting("screen") == len(made)


async def test_a_lost_answer_costs_nothing(gateway: Gateway, world: World) -> None:
    """The centre commits, its answer is lost: what is sent again is a duplicate, nothing else."""
    child = await world.child("gw1")
    made = gateway.make(40)
    items = world.centre.metrics.items

    def repeated() -> float:
        return float(items.labels(status="duplicate")._value.get())

    async with (
        cutting(world.running.port) as cutter,
        gateway.uplink(cutter.url, child.token) as uplink,
    ):
        await until(lambda: gateway.waiting() == 0)
        # A heartbeat's answer may be the one that is lost: go on until enough events met it.
        while repeated() < 15:
            cutter.lose = 1
            made += gateway.make(5)
            uplink.wake()
            await until(lambda: not cutter.lose and gateway.waiting() == 0)
    rows = await world.rows("SELECT entry FROM event ORDER BY seq")
    assert [row[0] for row in rows] == made
    forks = await world.rows("SELECT fork FROM node WHERE node = 'gw1'")
    assert forks == [("",)]
    assert gateway.dead() == []


async def test_a_row_waits_for_its_own_receipt(gateway: Gateway, parent: Parent) -> None:
    """An answer that names no event, though it says 200, removes nothing."""
    gateway.make(4)
    parent.silent = True
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: parent.kinds().count("event") == 4)
        assert gateway.waiting() == 4
        parent.silent = False
        uplink.wake()
        await until(lambda: gateway.waiting() == 0)
    assert len(parent.doubled) == 4


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(502, b"<html>Bad Gateway</html>"),
        Answer(503),
        Answer(413, b"too large"),
        Answer(302, headers={"location": "http://127.0.0.1:1/"}),
        Answer(200, b"<html>captive portal</html>"),
        Answer(200, b""),
        Answer(200, b"[]"),
        Answer(200, b'{"receipts":[{"id":1,"status":"stored"}]}'),
        Answer(200, b'{"receipts":[{"id":"x","status":"fine"}]}'),
        Answer(200, b"\xff\xfe"),
    ],
    ids=lambda answer: f"{answer.status}-{answer.body[:14]!r}",
)
async def test_what_is_no_receipt_is_none(gateway: Gateway, parent: Parent, answer: Answer) -> None:
    """Whatever else a parent answers, everything waits and is delivered when it is well again."""
    made = gateway.make(3)
    parent.script += [answer, Answer(takes=True), answer, answer]
    shown = gateway.metrics.outbox.collect
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0 and shown()[0].samples[0].value == 0)
    assert parent.of_kind("event")[-3:] == made
    assert gateway.dead() == []


@pytest.mark.parametrize("status", [429, 503])
async def test_a_parent_that_asks_to_wait_is_waited_for(
    gateway: Gateway, parent: Parent, status: int
) -> None:
    """Retry-After is kept: no attempt comes before its time, and then all is delivered."""
    gateway.make(1)
    parent.script.append(Answer(status, headers={"retry-after": "1"}))
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    refused, again = parent.intakes[:2]
    assert again.at - refused.at >= 0.99


@pytest.mark.parametrize(
    ("stated", "wait"),
    [("7", 7.0), ("86400", 300.0), ("soon", 0.0), ("\xb2", 0.0), ("-5", 0.0), ("", 0.0)],
)
async def test_retry_after_has_a_bound(parent: Parent, stated: str, wait: float) -> None:
    """A parent may ask for five minutes at most; what is no number of seconds asks for nothing."""
    to = Posting(parent.url, "token", verify=NO_TLS, clock=ManualClock(NOON_NS))
    parent.script.append(Answer(503, headers={"retry-after": stated}))
    with pytest.raises(UplinkUnavailableError) as refused:
        await to.items(Identity("gw1", "l", "e"), [])
    assert refused.value.wait_s == wait
    await to.close()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_not_hammered(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """After a refusal the longest wait comes at once, and events wait; no doubling on the way."""
    monkeypatch.setattr(module, "RETRY_LAST_S", 3.0)
    gateway.make(2)
    parent.script.append(Answer(status, b"who are you?"))
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    refused, again = parent.intakes[:2]
    assert again.at - refused.at >= 1.49


async def test_an_away_parent_is_tried_ever_more_rarely(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts at a parent that fails come as the back-off draws them, and ever further apart."""
    monkeypatch.setattr(module, "RETRY_LAST_S", 0.4)
    monkeypatch.setattr(module, "RANDOM", Longest())
    parent.script += [Answer(500)] * 8
    async with gateway.uplink(parent.url):
        await until(lambda: len(parent.intakes) >= 9)
    times = [post.at for post in parent.intakes]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    for number, gap in enumerate(gaps[:8], start=1):
        assert gap >= min(0.4, 0.02 * 2**number) - 0.005


async def test_nobody_there(gateway: Gateway) -> None:
    """A parent that refuses connections, then comes, gets what waited meanwhile."""
    made = gateway.make(2)
    other = Parent()
    async with serving(Parent()) as gone:
        port = int(gone.url.rpartition(":")[2])
    async with gateway.uplink(f"http://127.0.0.1:{port}") as uplink:
        await until(lambda: "ConnectError" in uplink._reason)
        assert not uplink.connected
        made += gateway.make(2)
        async with serving(other, port=port):
            await until(lambda: gateway.waiting() == 0)
            assert uplink.connected
    assert other.of_kind("event") == made


async def test_a_parent_that_never_answers(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent that takes the post and hangs is given up in time, and asked again."""
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.3)
    made = gateway.make(2)
    parent.script += [Answer(takes=True), Answer(takes=True, hangs=True)]
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert [parent.stored[f"{gateway.identity.life}/{seq}"] for seq in (1, 2)] == made
    assert len(parent.doubled) == 2


async def test_it_ends_while_the_parent_hangs(gateway: Gateway, parent: Parent) -> None:
    """A gateway that stops does not wait for its parent."""
    gateway.make(1)
    parent.script += [Answer(hangs=True)]
    async with gateway.uplink(parent.url):
        await until(lambda: parent.intakes)
        begin = time.monotonic()
    assert time.monotonic() - begin < 5.0
    assert gateway.waiting() == 1


async def test_rejected_events_become_dead_letters(gateway: Gateway, parent: Parent) -> None:
    """What the parent will never take is set aside with its reason and holds up nothing."""
    gateway.make(5)
    life = gateway.identity.life
    parent.rejects = {f"{life}/2": "fork", f"{life}/5": "not readable"}
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert gateway.dead() == [(2, "fork"), (5, "not readable")]
    assert [key for key in parent.stored if key.startswith(f"{life}/")] == [
        f"{life}/{seq}" for seq in (1, 3, 4)
    ]


async def test_two_receivers_do_not_wait_for_each_other(gateway: Gateway, parent: Parent) -> None:
    """While the parent refuses everything, the screen gets everything."""
    made = gateway.make(10)
    parent.script += [Answer(500)] * 10_000
    async with (
        serving(Parent()) as screen,
        gateway.uplink(parent.url),
        gateway.uplink(screen.url, destination="screen"),
    ):
        await until(lambda: gateway.waiting("screen") == 0)
    assert screen.of_kind("event") == made
    assert gateway.waiting("parent") == 10


async def test_new_events_go_at_once(gateway: Gateway, parent: Parent) -> None:
    """An event made while all is quiet goes when the uplink is woken, not with a heartbeat."""
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: parent.intakes)
        for number in range(5):
            gateway.make(1)
            begin = time.monotonic()
            uplink.wake()
            await until(lambda: gateway.waiting() == 0)
            assert time.monotonic() - begin < 10.0
            assert parent.kinds().count("event") == number + 1
    assert parent.kinds().count("present") == 1


async def test_a_new_life_begins_with_its_present_state(gateway: Gateway, parent: Parent) -> None:
    """When a new life began, its present state is sent before its events."""
    gateway.destinations = ("parent",)
    gateway.make(2)
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: gateway.waiting() == 0)
        gateway.database.execute("DELETE FROM journal")
        gateway.new_life()
        gateway.make(2)
        uplink.wake()
        await until(lambda: gateway.waiting() == 0)
    kinds = parent.kinds()
    assert kinds == ["inventory", "present", "event", "event"] * 2
    lives = [
        msgspec.json.decode(body, type=wire.Present).life for body in parent.of_kind("present")
    ]
    assert lives[1] == gateway.identity.life != lives[0]


@pytest.mark.parametrize("trouble", [StoreBrokenError, StoreFullError])
async def test_a_store_in_trouble_does_not_end_delivery(
    gateway: Gateway, parent: Parent, trouble: type[StoreError]
) -> None:
    """A store that fails or is full for a while is tried again; the task does not die of it."""
    made = gateway.make(3)
    failures = [trouble("disk"), trouble("disk")]
    sound = gateway.act

    def act(asked: object) -> object:
        if failures:
            raise failures.pop()
        return sound(asked)  # type: ignore[arg-type]

    gateway.act = act
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert parent.of_kind("event") == made


async def test_no_proxy_of_the_machine_is_used(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the site file is connected to, whatever the environment says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    gateway.make(1)
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)


async def test_two_sessions_after_each_other_repeat_nothing(
    gateway: Gateway, parent: Parent
) -> None:
    """What was received in one run of the gateway is not sent in the next."""
    made = gateway.make(5)
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    made += gateway.make(5)
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    assert parent.of_kind("event") == made


async def test_each_outage_begins_with_a_short_wait(
    gateway: Gateway, parent: Parent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outages of long ago do not lengthen the wait after the next: delivery resumes at once."""
    monkeypatch.setattr(module, "RETRY_LAST_S", 60.0)
    async with gateway.uplink(parent.url) as uplink:
        for _ in range(9):
            gateway.make(1)
            uplink.wake()
            await until(lambda: gateway.waiting() == 0 and not uplink._wake.is_set())
            parent.script.append(Answer(500))
            gateway.make(1)
            uplink.wake()
            await until(lambda: gateway.waiting() == 0)
    assert max(later.at - earlier.at for earlier, later in pairwise(parent.intakes)) < 2.0


async def test_receipts_of_a_lost_store_take_nothing_from_the_new_one(
    gateway: Gateway, parent: Parent
) -> None:
    """The store fails while a post is under way: the new life's first events still go up."""
    gateway.make(5)
    ask = gateway.act
    old: list[Database] = []

    def failing(act: Callable[[Database], Any]) -> Any:
        result = ask(act)
        if not old and isinstance(result, list) and result:
            # What was just read is of a life that has ended when its receipts come.
            old.append(gateway.database)
            gateway.database = Database(None, "edge")
            gateway.new_life()
            made.extend(gateway.make(7))
        return result

    made: list[bytes] = []
    gateway.act = failing
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
        await until(lambda: len(parent.of_kind("event")) >= 7)
    assert set(made) <= set(parent.of_kind("event"))
    old[0].close()
