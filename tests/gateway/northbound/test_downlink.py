"""Orders come down once each, in their order, across every break of the line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound import downlink as module
from gateway.northbound import wire
from gateway.northbound.downlink import Downlink, server_sent
from gateway.supervision import orders
from tests.gateway.northbound.site import Parent, cutting, until
from tests.gateway.supervision.world import NO_TLS, World


def frame(number: int, *, name: str = "order") -> bytes:
    body = wire.encode(wire.Order(id=f"o{number}", action="acknowledge", alarm="gw1/T1/h"))
    return b"event: %b\nid: o%d\ndata: %b\n\n" % (name.encode(), number, body)


def taking(url: str, token: str = "t") -> tuple[Downlink, list[str]]:
    taken: list[str] = []
    return Downlink(
        url, token, carry_out=lambda order, _: taken.append(order.id), verify=NO_TLS
    ), taken


async def test_a_broken_stream_is_taken_up_where_it_ended(parent: Parent) -> None:
    """Each new connection names the last order; a sign of life changes nothing of that."""
    parent.streams += [frame(1) + frame(2), b": ping\n\n", frame(3)]
    downlink, taken = taking(parent.url)
    async with downlink:
        await until(lambda: len(taken) == 3)
    assert taken == ["o1", "o2", "o3"]
    assert parent.asked == ["", "o2", "o2"]


async def test_an_order_that_is_repeated_is_done_once(parent: Parent) -> None:
    """A parent that sends an order again after a break does not have it carried out again."""
    parent.streams += [frame(1) + frame(2), frame(2) + frame(1) + frame(3), frame(4)]
    downlink, taken = taking(parent.url)
    async with downlink:
        await until(lambda: "o4" in taken)
    assert taken == ["o1", "o2", "o3", "o4"]


async def test_a_bounded_memory_of_orders(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome of the newest orders is remembered and no more: memory stays bounded."""
    monkeypatch.setattr(module, "REMEMBERED", 3)
    parent.streams += [b"".join(frame(n) for n in range(6)), frame(5) + frame(3) + frame(0)]
    downlink, taken = taking(parent.url)
    async with downlink:
        await until(lambda: len(taken) == 7)
        assert len(downlink._done) == 3
    assert taken == ["o0", "o1", "o2", "o3", "o4", "o5", "o0"]


@pytest.mark.parametrize(
    "bad",
    [
        b"data: nonsense\n\n",
        b'data: {"id": 5, "action": "x"}\n\n',
        b'data: {"action": "x"}\n\n',
        b"data: \xff\xfe\n\n",
        b"event: weather\ndata: {}\n\n",
        b"nonsense: x\n\n\n\n: comment\n\n",
    ],
)
async def test_what_is_no_order_is_passed_over(parent: Parent, bad: bytes) -> None:
    """An order that cannot be read, or an event of another name, does not stop the next."""
    parent.streams += [bad + frame(1)]
    downlink, taken = taking(parent.url)
    async with downlink:
        await until(lambda: taken)
    assert taken == ["o1"]
    assert len(parent.asked) == 1


async def test_orders_of_a_real_centre(world: World) -> None:
    """A centre's orders arrive in order; what was ordered while the line was cut arrives after."""
    child = await world.child("gw1")
    write = world.centre.store.write

    async def order(number: int) -> str:
        return await write(
            partial(
                orders.create,
                node="gw1",
                action="readings",
                operator="li",
                fields={"tag": f"T{number}"},
            )
        )

    given_orders = [await order(0)]
    async with cutting(world.running.port) as cutter:
        downlink, taken = taking(cutter.url, child.token)
        async with downlink:
            await until(lambda: taken)
            given_orders.append(await order(1))
            await until(lambda: len(taken) == 2)
            for number in range(2, 5):
                cutter.cut()
                given_orders.append(await order(number))
                await until(lambda: taken == given_orders)
    assert len(set(taken)) == 5


async def test_a_wrong_credential_gets_nothing(world: World) -> None:
    """A stream asked for with another token than the centre's is refused."""
    child = await world.child("gw1")
    write = world.centre.store.write
    ask = {"node": "gw1", "action": "readings", "operator": "li", "fields": {"tag": "T1"}}
    await write(partial(orders.create, **ask))
    wrong, nothing = taking(world.running.url, "wrong")
    right, taken = taking(world.running.url, child.token)
    async with wrong, right:
        await until(lambda: taken)
    assert nothing == []


class Drawn:
    """Draws the longest wait, and remembers the shortest that might have been."""

    def __init__(self) -> None:
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return b


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_refused_stream_is_not_hammered(
    parent: Parent, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """A refused stream is asked for ever more rarely, and taken up when it is granted."""
    drawn = Drawn()
    monkeypatch.setattr(module, "RANDOM", drawn)
    monkeypatch.setattr(module, "RETRY_LAST_S", 0.4)
    parent.stream_status = status
    downlink, taken = taking(parent.url)
    async with downlink:
        await until(lambda: len(parent.asked) >= 7)
        parent.stream_status = 200
        parent.streams += [frame(1)]
        await until(lambda: taken)
    # Whom the parent does not know waits long at once; where it has a trouble, ever longer.
    within = (
        [(0.2, 0.4)] * 6 if status != 503 else [(0.02, min(0.4, 0.04 * 2**n)) for n in range(6)]
    )
    assert drawn.bounds[:6] == [pytest.approx(each) for each in within]
    for (_, wait), (earlier, later) in zip(within, pairwise(parent.asked_at), strict=False):
        assert later - earlier >= wait - 0.005


async def test_it_ends_at_once(parent: Parent) -> None:
    """A gateway that stops does not wait for the stream."""
    parent.streams += [frame(1)]
    downlink, taken = taking(parent.url)
    async with downlink:
        await until(lambda: taken)
        begin = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begin < 5.0


async def lines_of(text: str) -> AsyncIterator[str]:
    for line in re.split("\r\n|\n|\r", text)[:-1]:
        yield line


EVENTS = st.lists(
    st.tuples(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=5),
        st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])), min_size=1,
                 max_size=3),
    ),
    max_size=5,
)  # fmt: skip


@given(events=EVENTS, end=st.sampled_from(["\n", "\r\n"]), space=st.sampled_from(["", " "]))
async def test_the_form_of_server_sent_events(
    events: list[tuple[str, list[str]]], end: str, space: str
) -> None:
    """Events of any id and any lines of data come out as they went in, comments or none between."""
    text = ""
    for identity, data in events:
        text += f": a comment{end}{end}"
        text += f"id:{space}{identity}{end}" if identity else ""
        text += "".join(f"data:{space}{line}{end}" for line in data) + end
    found = [event async for event in server_sent(lines_of(text))]
    assert found == [(identity, "\n".join(data)) for identity, data in events]


async def test_an_event_that_was_not_ended_is_not_one() -> None:
    """A frame that the line's end cut off is not taken."""
    text = "data: whole\n\nid: 7\ndata: hal"
    assert [event async for event in server_sent(lines_of(text + "\n"))] == [("", "whole")]
