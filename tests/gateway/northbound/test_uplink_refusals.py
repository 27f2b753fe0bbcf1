"""Whatever a parent answers: what it cannot take holds up nothing, and nothing else is lost."""

from __future__ import annotations

import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.northbound.posting import LONGEST_WAIT_S, asked_to_wait
from tests.gateway.northbound.site import Answer, Gateway, Parent, until

NOON = "Tue, 22 Sep 2026 04:00:00 GMT"


async def test_one_event_that_cannot_be_read_is_found(gateway: Gateway, parent: Parent) -> None:
    """A post answered with 400 is halved until the event stands alone; all others arrive."""
    made = gateway.make(1_200)
    life = gateway.identity.life
    parent.poison = {f"{life}/{seq}" for seq in (3, 700, 701)}
    async with gateway.uplink(parent.url) as uplink:
        while gateway.waiting():
            # Others must be taken after each refusal: what comes in proves that the parent reads.
            made += gateway.make(1)
            refused = parent.refused
            await until(
                lambda refused=refused: (
                    parent.refused > refused  # type: ignore[misc]
                    or not gateway.waiting()
                    or uplink.wake()
                )
            )
    assert [seq for seq, _ in gateway.dead()] == [3, 700, 701]
    assert all(reason.startswith("the parent does not understand it (400)")
               for _, reason in gateway.dead())  # fmt: skip
    stored = {key for key in parent.stored if key.startswith(life)}
    assert stored == {f"{life}/{seq}" for seq in range(1, len(made) + 1)} - parent.poison
    assert sum(gateway.rejected) == 3


async def test_an_unreadable_event_waits_for_a_proof(gateway: Gateway, parent: Parent) -> None:
    """Where nothing else waits, an event refused with 400 is kept: the parent may be broken."""
    gateway.make(1)
    parent.poison = {f"{gateway.identity.life}/1"}
    async with gateway.uplink(parent.url) as uplink:
        for _ in range(12):
            refused = parent.refused
            await until(
                lambda refused=refused: parent.refused > refused or uplink.wake()  # type: ignore[misc]
            )
        assert gateway.dead() == []
        parent.poison.clear()
        await until(lambda: gateway.waiting() == 0 or uplink.wake())
    assert gateway.dead() == []


async def test_a_parent_that_understands_nothing_costs_no_event(
    gateway: Gateway, parent: Parent
) -> None:
    """A parent that takes the present state and answers 400 to every event sets nothing aside."""
    made = gateway.make(700)
    life = gateway.identity.life
    parent.poison = {f"{life}/{seq}" for seq in range(1, 701)}
    async with gateway.uplink(parent.url):
        # It is left alone between attempts: each begins with the present state.
        await until(lambda: parent.refused > 60 and parent.kinds().count("present") > 4)
        assert (gateway.dead(), gateway.waiting()) == ([], 700)
        parent.poison.clear()
        await until(lambda: gateway.waiting() == 0)
    assert gateway.dead() == []
    assert sorted(parent.stored[f"{life}/{seq}"] for seq in range(1, 701)) == sorted(made)


async def test_an_unreadable_summary_holds_up_nothing(gateway: Gateway, parent: Parent) -> None:
    """A summary or an answer that is not understood is done without, those beside it arrive."""
    parent.poison = {f"{gateway.identity.epoch}/ro1"}
    async with gateway.uplink(parent.url) as uplink:
        for number in range(3):
            uplink.answer(
                wire.Readings(order=f"o{number}", tag="T1", time_ns=[1], value=[2.0], quality=[0])
            )
        made = gateway.make(2)
        uplink.wake()
        taken = {f"{gateway.identity.epoch}/ro{number}" for number in (0, 2)}
        await until(lambda: gateway.waiting() == 0 and taken <= parent.stored.keys())
    assert parent.of_kind("event") == made
    assert f"{gateway.identity.epoch}/ro1" not in parent.stored


@pytest.mark.parametrize(
    "answer",
    [
        Answer(204),
        Answer(200, b'{"v":1,"receipts":[{"id":"life/1","status":"stored"}]}'),
        Answer(429, headers={"retry-after": "0"}),
        Answer(401, b"who?"),
        Answer(400, b"what?"),
        Answer(500, b"oh"),
    ],
    ids=lambda answer: str(answer.status),
)
async def test_nothing_leaves_without_its_own_receipt(
    gateway: Gateway, parent: Parent, answer: Answer
) -> None:
    """No content, receipts for others, who are you: everything waits, and then arrives."""
    made = gateway.make(5)
    parent.script += [Answer(takes=True), answer]
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: len(parent.intakes) >= 2)
        await until(lambda: len(parent.intakes) >= 3 or uplink.wake())
        await until(lambda: gateway.waiting() == 0)
    assert set(parent.of_kind("event")) == set(made)
    assert gateway.dead() == []


async def test_receipts_that_are_wrong_do_no_harm(gateway: Gateway, parent: Parent) -> None:
    """Unknown ids, missing ones, the same twice, stored and rejected: each event arrives once."""
    made = gateway.make(9)
    life = gateway.identity.life
    odd = True

    def confused(receipts: list[wire.Receipt]) -> list[wire.Receipt]:
        nonlocal odd
        if not odd or not any(receipt.id.startswith(life) for receipt in receipts):
            return receipts
        odd = False
        unknown = wire.Receipt(id=f"{life}/999", status="rejected", reason="no such thing")
        both = wire.Receipt(id=receipts[0].id, status="rejected", reason="after all not")
        return [*receipts[:6], receipts[0], both, unknown]

    parent.receipts = confused
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: not odd)
        await until(lambda: gateway.waiting() == 0 or uplink.wake())
    assert set(parent.of_kind("event")) == set(made)
    assert gateway.dead() == []
    assert sorted(parent.doubled) == [f"{life}/{seq}" for seq in (7, 8, 9)]


async def test_events_never_named_hold_up_none(gateway: Gateway, parent: Parent) -> None:
    """Six hundred events that a parent never names are passed over; those behind them arrive."""
    gateway.make(1_000)
    life = gateway.identity.life
    nameless = {f"{life}/{seq}" for seq in range(1, 601)}
    parent.receipts = lambda receipts: [each for each in receipts if each.id not in nameless]
    async with gateway.uplink(parent.url) as uplink:
        await until(lambda: gateway.waiting() == 600 or uplink.wake())
        nameless.clear()
        await until(lambda: gateway.waiting() == 0 or uplink.wake())
    assert gateway.dead() == []


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Tue, 22 Sep 2026 04:00:30 GMT", "Date": NOON}, 30.0),
        ({"Retry-After": "Tue, 22 Sep 2026 03:59:00 GMT", "Date": NOON}, 0.0),
        ({"Retry-After": "Tue, 22 Sep 2099 04:00:00 GMT", "Date": NOON}, LONGEST_WAIT_S),
        ({"Retry-After": "Tue, 22 Sep 2026 04:01:00 GMT", "Date": "nonsense"}, 60.0),
        ({"Retry-After": "Tuesday"}, 0.0),
        ({}, 0.0),
    ],
)
def test_a_wait_is_stated_in_seconds_or_as_a_date(headers: dict[str, str], wait: float) -> None:
    """Retry-After is understood in both forms, by the parent's own clock where it states it."""
    now_ns = 1_790_049_600 * NANOSECONDS
    assert asked_to_wait(headers, now_ns=now_ns) == wait


def test_a_date_is_compared_with_a_clock_or_asks_for_nothing() -> None:
    """An answer that says until when, and not what time it is, asks for no wait."""
    assert asked_to_wait({"Retry-After": NOON, "Date": NOON}) == 0
    assert asked_to_wait({"Retry-After": "Tue, 22 Sep 2026 04:01:00 GMT", "Date": NOON}) == 60
    assert asked_to_wait({"Retry-After": NOON}) == 0


async def test_a_date_to_wait_for_is_waited_for(gateway: Gateway, parent: Parent) -> None:
    """No attempt comes before the date a parent asks for, and then all is delivered."""
    gateway.make(1)
    headers = {"retry-after": "Tue, 22 Sep 2026 04:00:01 GMT", "date": NOON}
    parent.script.append(Answer(429, headers=headers))
    async with gateway.uplink(parent.url):
        await until(lambda: gateway.waiting() == 0)
    refused, again = parent.intakes[:2]
    assert again.at - refused.at >= 0.99
