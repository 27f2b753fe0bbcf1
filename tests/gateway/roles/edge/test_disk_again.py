"""A node on memory goes back to its disk by itself, when that loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.db import lock
from gateway.northbound import outbox
from gateway.roles.edge import disk_again
from gateway.roles.edge.disk_again import refusal
from gateway.roles.edge.storage import BACK
from gateway.simulation.broker import LocalBroker
from tests.gateway.northbound.exports.test_webhook import KEY, secret
from tests.gateway.northbound.site import Parent, serving
from tests.gateway.roles.edge.edge import running, until, write_site
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
@pytest.mark.parametrize("exports", [False, True])
async def test_it_stays_where_nobody_above_holds_its_journal(
    tmp_path: Path, broker: LocalBroker, *, exports: bool
) -> None:
    """At a site of its own the only journal is the one in memory: a person starts it anew."""
    more = ""
    if exports:
        more = (
            f'[[export]]\nname = "city"\nkind = "webhook"\nurl = "https://a.b/"\n'
            f'secret_file = "{secret(tmp_path / "secret", KEY)}"\n'
        )
    path, taken = without_disk(tmp_path, broker, more)
    async with running(path) as edge:
        taken.unlink()
        await edge.node.storage.act(lambda database: database.execute("DELETE FROM outbox_size"))
        assert not edge.node.line.holds_something
        assert not await edge.node.storage.drained()
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
