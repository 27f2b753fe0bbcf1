"""A node on memory goes back to its disk by itself, when that loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.db import Database, lock
from gateway.journal import verify
from gateway.model import decode_event
from gateway.northbound import outbox
from gateway.roles.edge import disk_again, memory_life
from gateway.roles.edge.disk_again import refusal
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.site import load_site
from gateway.roles.edge.storage import BACK
from gateway.simulation.broker import LocalBroker
from tests.gateway.northbound.exports.test_webhook import KEY, secret
from tests.gateway.northbound.site import Parent, serving
from tests.gateway.roles.edge.edge import running, stored, until, write_site
from tests.gateway.roles.edge.test_outgoing import above


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_again, "FIRST_S", 0.1)


@pytest.fixture
async def parent() -> AsyncIterator[Parent]:
    async with serving(Parent()) as made:
        yield made


def without_disk(folder: Path, broker: LocalBroker, more: str = "") -> tuple[Path, Path]:
    """A site whose store's folder cannot be made, and the file that stands in its place."""
    taken = folder / "taken"
    taken.write_text("a file stands where the folder should be")
    return write_site(folder, port=broker.port, store="taken/data", more=more), taken


@pytest.mark.broker
async def test_it_goes_back_when_the_disk_takes_a_store(
    tmp_path: Path, broker: LocalBroker, parent: Parent
) -> None:
    """The folder can be made again, all has been received: the node starts anew on it, unasked."""
    path, taken = without_disk(tmp_path, broker, above(tmp_path, parent.url))
    async with running(path) as edge:
        assert edge.active("@node/storage_lost")
        await edge.say(20.0)
        assert edge.started_again == []
        taken.unlink()
        await until(lambda: edge.started_again == [BACK])


@pytest.mark.broker
async def test_it_stays_while_an_alarm_is_in_force(
    tmp_path: Path, broker: LocalBroker, parent: Parent
) -> None:
    """The disk would know nothing of the alarm: the node waits until its condition has ended."""
    path, taken = without_disk(tmp_path, broker, above(tmp_path, parent.url))
    async with running(path) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        taken.unlink()
        assert edge.node.line.holds_something
        assert not await edge.node.storage.drained()
        assert edge.started_again == []
        await edge.say(20.0)
        await until(lambda: edge.started_again == [BACK])


@pytest.mark.broker
async def test_it_stays_while_a_dead_letter_waits_for_a_person(
    tmp_path: Path, broker: LocalBroker, parent: Parent
) -> None:
    """What a receiver rejected stands in memory alone: it is not thrown away with it."""
    path, taken = without_disk(tmp_path, broker, above(tmp_path, parent.url))
    async with running(path) as edge:
        storage = edge.node.storage
        await storage.act(
            lambda database: database.execute(
                "INSERT INTO dead_letter (destination, seq, entry, reason, at_ns) "
                "VALUES ('parent', 1, x'00', 'fork', 1)"
            )
        )
        taken.unlink()
        await until(lambda: edge.active("@node/dead_letter"))
        while await storage.act(lambda database: outbox.waiting(database, "parent")):
            await until(lambda: True)
        assert not await storage.drained()
        assert edge.started_again == []
        await storage.act(lambda database: database.execute("DELETE FROM dead_letter"))
        await until(lambda: edge.started_again == [BACK])


@pytest.mark.broker
async def test_where_nobody_above_holds_its_journal_that_is_kept(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """At a site of its own it goes back too; what memory's life told is put beside the store."""
    path, taken = without_disk(tmp_path, broker)
    async with running(path) as edge:
        storage = edge.node.storage
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        taken.unlink()
        assert not await storage.drained()
        await edge.say(20.0)
        await until(lambda: edge.started_again)
        (why,) = edge.started_again
        assert why.startswith(BACK)
        (kept,) = (tmp_path / "taken" / "data").glob("store.db.memory-*")
        assert kept.name in why
        assert kept.name.endswith(storage.identity.life)
        database = Database(kept, "edge", read_only=True)
        events = [decode_event(row[0]) for row in database.execute("SELECT entry FROM journal")]
        assert verify(database).problems == ()
        database.close()
        assert f"; {len(events)} entries of the journal of life {storage.identity.life}" in why
        told = {(event.tag, event.rule, event.cause) for event in events}
        assert {("A", "h", "raise"), ("A", "h", "clear")} <= told
    # The returned life tells of it, in a journal that nobody can alter.
    site, clock = load_site(path), SystemClock()
    async with EdgeNode(site, clock=clock, again=pytest.fail, restarted=why) as node:
        await until(lambda: node.storage.head[0])
    first = [event for event in stored(tmp_path / "taken" / "data") if event.kind == "start"]
    assert [event.detail["restarted"] for event in first] == [why]


@pytest.mark.broker
async def test_it_stays_while_something_waits_for_an_export(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """What its receiver has not taken stands in memory alone."""
    more = (
        f'[[export]]\nname = "city"\nkind = "webhook"\nurl = "https://a.b/"\n'
        f'secret_file = "{secret(tmp_path / "secret", KEY)}"\n'
    )
    path, taken = without_disk(tmp_path, broker, more)
    async with running(path) as edge:
        taken.unlink()
        assert not edge.node.line.holds_something
        assert not await edge.node.storage.drained()
        assert edge.started_again == []
        await edge.node.storage.act(lambda database: database.execute("DELETE FROM outbox_size"))
        await until(lambda: edge.started_again)


@pytest.mark.broker
async def test_a_journal_that_goes_on_meanwhile_is_kept_whole(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told while the file is written would be in neither: the node goes back later."""
    path, _ = without_disk(tmp_path, broker)
    async with running(path) as edge:
        storage = edge.node.storage

        async def keep(*_: object) -> str:
            storage.shed(1, "of this test")
            return "kept"

        monkeypatch.setattr(memory_life, "keep", keep)
        assert not await storage._go_back()
        assert edge.started_again == []


def test_a_disk_without_room_for_the_reserve_is_refused(tmp_path: Path) -> None:
    """It must take what a full disk's alarms would need, and keeps nothing of the trial."""
    assert refusal(tmp_path / "data", 1024, held=False) == ""
    assert "probe" not in {path.name for path in (tmp_path / "data").iterdir()}
    assert refusal(tmp_path / "data", 1 << 50, held=False)
    assert "probe" not in {path.name for path in (tmp_path / "data").iterdir()}


def test_a_disk_whose_store_another_has_is_refused(tmp_path: Path) -> None:
    """A store that could not be taken would be given up again at once, for yet another life."""
    other = lock(tmp_path)
    assert "another process" in refusal(tmp_path, 1024, held=False)
    assert refusal(tmp_path, 1024, held=True) == ""
    other.close()
    assert refusal(tmp_path, 1024, held=False) == ""
