"""A node on memory goes back to its disk by itself, when that loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.roles.edge import disk_again
from gateway.roles.edge.disk_again import refusal
from gateway.roles.edge.storage import BACK
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, until, write_site


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_again, "FIRST_S", 0.1)


@pytest.mark.broker
async def test_it_goes_back_when_the_disk_takes_a_store(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """The folder can be made again: the node starts anew on it, unasked."""
    taken = tmp_path / "taken"
    taken.write_text("a file stands where the folder should be")
    async with running(write_site(tmp_path, port=broker.port, store="taken/data")) as edge:
        assert edge.active("@node/storage_lost")
        await edge.say(20.0)
        assert edge.started_again == []
        taken.unlink()
        await until(lambda: edge.started_again == [BACK])


@pytest.mark.broker
async def test_it_stays_while_an_alarm_is_in_force(tmp_path: Path, broker: LocalBroker) -> None:
    """The disk would know nothing of the alarm: the node waits until its condition has ended."""
    taken = tmp_path / "taken"
    taken.write_text("a file stands where the folder should be")
    async with running(write_site(tmp_path, port=broker.port, store="taken/data")) as edge:
        await edge.say(150.0)
        await until(lambda: edge.active("A/h"))
        taken.unlink()
        assert edge.node.line.holds_something
        assert not await edge.node.storage.drained()
        assert edge.started_again == []
        await edge.say(20.0)
        await until(lambda: edge.started_again == [BACK])


def test_a_disk_without_room_for_the_reserve_is_refused(tmp_path: Path) -> None:
    """It must take what a full disk's alarms would need, and keeps nothing of the trial."""
    assert refusal(tmp_path / "data", 1024) == ""
    assert "probe" not in {path.name for path in (tmp_path / "data").iterdir()}
    assert refusal(tmp_path / "data", 1 << 50)
    assert "probe" not in {path.name for path in (tmp_path / "data").iterdir()}
