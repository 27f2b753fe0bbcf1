"""A disk that fills up is told while there is time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.roles.edge import room
from gateway.roles.edge.room import is_low
from gateway.roles.edge.storage import MEBIBYTE
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, until, write_site

GIBIBYTE = 1024 * MEBIBYTE


@pytest.mark.parametrize(
    ("size", "least"),
    [
        (10 * GIBIBYTE, GIBIBYTE // 2),
        (2000 * GIBIBYTE, GIBIBYTE),
        (64 * MEBIBYTE, 32 * MEBIBYTE),
    ],
    ids=["a card", "a large disk", "a small one"],
)
def test_little_room_is_a_share_of_the_disk_within_bounds(size: int, least: int) -> None:
    """It ends with a quarter more: a file that comes and goes makes no flood."""
    reserve = 16 * MEBIBYTE
    assert not is_low(least, size=size, reserve=reserve, before=False)
    assert is_low(least - 1, size=size, reserve=reserve, before=False)
    assert is_low(least * 5 // 4 - 1, size=size, reserve=reserve, before=True)
    assert not is_low(least * 5 // 4, size=size, reserve=reserve, before=True)


@pytest.mark.broker
async def test_little_room_is_an_alarm_until_there_is_more(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rises before anything is shed, and clears by itself."""
    left, real = [1], os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        figures = list(real(path))
        figures[4] = left[0]  # f_bavail
        return os.statvfs_result(figures)

    monkeypatch.setattr(room, "LOOK_S", 0.02)
    monkeypatch.setattr(os, "statvfs", statvfs)
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await until(lambda: edge.active("@node/storage_low"))
        assert not edge.active("@node/storage_full")
        left[0] = real(tmp_path).f_blocks
        await until(lambda: not edge.active("@node/storage_low"))
