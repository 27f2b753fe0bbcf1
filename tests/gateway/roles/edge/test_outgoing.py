"""What waits to go up: its alarms, its limits, and what an operator does about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gateway.db import Database
from gateway.northbound import outbox, wire
from gateway.northbound import uplink as uplinks
from gateway.northbound.summary import Summaries
from gateway.readings import ReadingBatch
from gateway.roles.edge import outgoing
from gateway.roles.edge.telling import coverage
from gateway.simulation.broker import LocalBroker
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.northbound.site import Parent, serving
from tests.gateway.roles.edge.edge import WAIT_S, Edge, running, stored, until, write_site


def above(folder: Path, parent: str, more: str = "") -> str:
    """What a site file says of its parent."""
    (folder / "token").write_text("the token", encoding="ascii")
    return f'[parent]\nurl = "{parent}"\ntoken_file = "{folder}/token"\n{more}'


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "LOOK_S", 0.05)


async def waiting(edge: Edge) -> int:
    found: int = await edge.node.storage.act(lambda database: outbox.waiting(database, "parent"))
    return found


@pytest.mark.broker
async def test_a_dead_letter_is_an_alarm_until_somebody_decides(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """What the parent rejects stands as an alarm, over a restart, until it is sent again."""
    async with serving(Parent()) as parent:
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        who = ("--config", path, "--operator", "Li Lei", "--comment", "the centre is upgraded")
        async with running(path) as edge:
            await until(lambda: edge.node.upward.uplinks and edge.node.upward.uplinks[0].connected)
            life, seq = edge.node.storage.identity.life, edge.node.desk.chain.seq + 1
            parent.rejects = {f"{life}/{seq}": "kind 'alarm' is not known here"}
            await edge.say(150.0)
            await until(lambda: edge.active("@node/dead_letter"))
            # It holds up nothing.
            await edge.say(10.0)
            await until(lambda: not edge.active("A/h"))
        async with running(path) as edge:
            assert edge.active("@node/dead_letter")
            listed = figures(await asyncio.to_thread(hazgate, "outbox", "list", *who[:2], "--json"))
            (letter,) = listed["dead_letters"]
            assert (letter["receiver"], letter["seq"], letter["alarm"]) == ("parent", seq, "gw/A/h")
            assert "not known here" in letter["reason"]
            text = (await asyncio.to_thread(hazgate, "outbox", "list", *who[:2])).stdout
            assert "1 dead letter(s)" in text
            parent.rejects = {}
            done = await asyncio.to_thread(hazgate, "outbox", "retry", "--seq", seq, *who)
            assert (done.exit_code, done.stdout.strip()) == (
                0, "applied: 1 dead letter(s) sent again",
            )  # fmt: skip
            await until(lambda: not edge.active("@node/dead_letter"))
            await until(lambda: f"{life}/{seq}" in parent.stored)
            none = await asyncio.to_thread(hazgate, "outbox", "discard", "--all", *who)
            assert none.exit_code == 1
            assert none.stdout.startswith("refused: no such dead letter")
    orders = [event for event in stored(tmp_path / "data") if event.kind == "order"]
    assert [event.detail["result"] for event in orders] == ["applied", "refused"]
    assert all(event.operator.startswith("Li Lei (") for event in orders)
    assert {event.comment for event in orders} == {"the centre is upgraded"}


@pytest.mark.broker
@pytest.mark.parametrize("kind", ["present", "inventory"])
async def test_a_present_state_that_is_refused_is_an_alarm_until_it_is_taken(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A proxy's limit or a refusal: alarms go up, a person is told, and it is told again."""
    monkeypatch.setattr(uplinks, "WHOLE_AGAIN_S", 0.5)

    def refuse(receipts: list[wire.Receipt]) -> list[wire.Receipt]:
        return [
            msgspec.structs.replace(each, status="rejected", reason="too large")
            if each.id.endswith(f"/{kind}")
            else each
            for each in receipts
        ]

    async with serving(Parent()) as parent:
        parent.receipts = refuse
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        async with running(path) as edge:
            await until(lambda: edge.active("@node/state_refused"))
            await edge.say(150.0)
            seq = edge.node.desk.chain.seq
            await until(lambda: f"{edge.node.storage.identity.life}/{seq}" in parent.stored)
            assert edge.active("@node/state_refused")
            parent.receipts = list
            await until(lambda: edge.active("A/h"))
            await asyncio.wait_for(spoken(edge, lambda: edge.active("@node/state_refused")), 20)
            assert parent.kinds().count(kind) > 1


async def spoken(edge: Edge, still: Callable[[], bool]) -> None:
    """Go on saying something while it is so: each commit wakes the uplink."""
    value = 10.0
    while still():
        value = 160.0 - value
        await edge.say(value)
        await asyncio.sleep(0.05)


@pytest.mark.broker
async def test_dead_letters_are_discarded_by_name(tmp_path: Path, broker: LocalBroker) -> None:
    """A dead letter that is given up is gone, the alarm with it, and the journal has the event."""
    async with serving(Parent()) as parent:
        path = write_site(tmp_path, port=broker.port, more=above(tmp_path, parent.url))
        who = ("--config", path, "--operator", "Li Lei", "--comment", "an old store")
        async with running(path) as edge:
            await until(lambda: edge.node.upward.uplinks and edge.node.upward.uplinks[0].connected)
            life, seq = edge.node.storage.identity.life, edge.node.desk.chain.seq + 1
            parent.rejects = {f"{life}/{seq}": "fork"}
            await edge.say(150.0)
            await until(lambda: edge.active("@node/dead_letter"))
            both = await asyncio.to_thread(hazgate, "outbox", "discard", *who)
            assert both.exit_code == 2
            done = await asyncio.to_thread(hazgate, "outbox", "discard", "--all", *who)
            assert done.stdout.strip() == "applied: 1 dead letter(s) discarded"
            await until(lambda: not edge.active("@node/dead_letter"))
            assert f"{life}/{seq}" not in parent.stored
    assert seq in [event.seq for event in stored(tmp_path / "data")]


@pytest.mark.broker
async def test_a_parent_that_takes_nothing_is_an_alarm(tmp_path: Path, broker: LocalBroker) -> None:
    """Something waits and nothing is taken for the stated time: an alarm, until it is taken."""
    more = '[uplink]\nlagging = "1s"'
    async with serving(Parent()) as gone:
        port = int(gone.url.rpartition(":")[2])
    path = write_site(tmp_path, port=broker.port, more=above(tmp_path, gone.url, more))
    async with running(path) as edge:
        await until(lambda: edge.active("@node/outbox_lagging"))
        async with serving(Parent(), port=port):
            await until(lambda: not edge.active("@node/outbox_lagging"))
    moved = [event.cause for event in stored(tmp_path / "data") if event.rule == "outbox_lagging"]
    assert moved[:2] == ["raise", "clear"]


@pytest.mark.broker
async def test_the_alarm_can_be_switched_off(tmp_path: Path, broker: LocalBroker) -> None:
    """Where the site file says "off" no waiting is too long."""
    async with serving(Parent()) as gone:
        pass
    more = '[uplink]\nlagging = "off"'
    path = write_site(tmp_path, port=broker.port, more=above(tmp_path, gone.url, more))
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        assert await waiting(edge) > 0
        edge.node.outgoing._well["parent"] -= 10**18
        looked = edge.node.outgoing._active
        await until(lambda: "dead_letter" in looked)
        assert not edge.active("@node/outbox_lagging")


@pytest.mark.broker
async def test_a_full_outbox_sheds_and_counts(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its limit the oldest events that are no alarms go, and an event counts them."""
    async with serving(Parent()) as gone:
        pass
    path = write_site(tmp_path, port=broker.port, more=above(tmp_path, gone.url))
    # 0.01 MiB, so that a test need not fill a real one.
    monkeypatch.setattr(outgoing, "MEBIBYTE", 40)
    async with running(path) as edge:
        for _ in range(30):
            note = edge.node.desk.note("probe", now_ns=edge.node.clock.now_ns())
            edge.node.line.emit([note])
        await edge.say(150.0)
        kept = tmp_path / "data"
        await until(lambda: any(event.alarm == "gw/A/h" for event in stored(kept)))
        await until(lambda: any(event.kind == "shed" for event in stored(kept)))
        rows: list[tuple[str]] = await edge.node.storage.act(
            lambda database: database.execute("SELECT alarm FROM outbox ORDER BY seq")
        )
        assert ("gw/A/h",) in rows
    events = stored(tmp_path / "data")
    shed = [event for event in events if event.kind == "shed"]
    assert all(event.detail["what"] == "events" for event in shed)
    assert shed[0].detail["receiver"] == "parent"
    database = Database(tmp_path / "data" / "store.db", "edge", read_only=True)
    left = outbox.waiting(database, "parent")
    untold = outbox.shed_untold(database, "parent")
    database.close()
    told = sum(int(event.detail["count"] or 0) for event in shed)
    assert left + told + untold == len(events)


@pytest.mark.broker
async def test_what_waits_in_memory_is_bounded_and_watched_too(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a disk the outbox keeps its limit, sheds are counted, a dead letter is an alarm."""
    async with serving(Parent()) as gone:
        pass
    (tmp_path / "taken").write_text("a file stands where the folder should be")
    more = above(tmp_path, gone.url)
    path = write_site(tmp_path, port=broker.port, store="taken/data", more=more)
    monkeypatch.setattr(outgoing, "MEBIBYTE", 40)
    async with running(path) as edge:
        act = edge.node.storage.act
        assert edge.node.storage.spool is None
        for _ in range(30):
            edge.node.line.emit([edge.node.desk.note("probe", now_ns=edge.node.clock.now_ns())])
        shed = 'SELECT COUNT(*) FROM journal WHERE CAST(entry AS TEXT) LIKE \'%"kind":"shed"%\''
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while not (await act(lambda database: database.execute(shed)))[0][0]:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)
        assert await waiting(edge) < 30
        await act(
            lambda database: database.execute(
                "INSERT INTO dead_letter (destination, seq, entry, reason, at_ns) "
                "VALUES ('parent', 1, x'00', 'fork', 1)"
            )
        )
        await until(lambda: edge.active("@node/dead_letter"))
        await act(lambda database: database.execute("DELETE FROM dead_letter"))
        await until(lambda: not edge.active("@node/dead_letter"))


@pytest.mark.broker
async def test_summaries_that_are_shed_are_counted(tmp_path: Path, broker: LocalBroker) -> None:
    """Summaries no receiver took are counted in an event, at most one a minute."""
    async with serving(Parent()) as gone:
        pass
    more = "[uplink]\nsummaries = 6"
    path = write_site(tmp_path, port=broker.port, more=above(tmp_path, gone.url, more))
    async with running(path) as edge:
        await until(lambda: bool(edge.node.upward.uplinks))
        # No device speaks here: the edge itself has nothing to sum up.
        summaries = Summaries(["T1"])
        summaries.add(ReadingBatch.from_rows([(0, 1, 1, 10.0, 0)]))
        period = summaries.close(2)
        assert period is not None
        for _ in range(10):
            for part in period.parts():
                edge.node.upward.offer(part)
        await until(lambda: any(event.kind == "shed" for event in stored(tmp_path / "data")))
        for part in period.parts():
            edge.node.upward.offer(part)
        looked = edge.node.outgoing._summaries
        await until(lambda: looked["parent"] > 0)
    (shed,) = [event for event in stored(tmp_path / "data") if event.kind == "shed"]
    assert (shed.detail["what"], shed.detail["count"]) == ("summaries", 4)


def test_a_slow_point_is_no_blind_spot() -> None:
    """A point is covered within a minute, or three of its intervals where that is longer."""
    minute = 60 * 10**9
    heard = np.array([0, 40 * minute, 99 * minute, 60 * minute], np.int64)
    covered = np.array([minute, 45 * minute, 3 * minute, 45 * minute], np.int64)
    assert coverage(heard, covered, 100 * minute) == 0.5
    assert coverage(heard, covered, 84 * minute) == 0.75
